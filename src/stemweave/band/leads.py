"""Melodies: a motif is invented once for a section, then varied bar by bar over the chords."""

from functools import lru_cache

import numpy as np

from stemweave.band.harmony import nearest
from stemweave.band.patterns import Bar, Event, Motif, Writer, pick

LEAPS = (-2, -1, -1, 1, 1, 2, 0, -4, 4, 3)  # scale steps from note to note
REST = 0.3  # the chance that a bar of four is left to the others


def invent(rng: np.random.Generator, cells: int, density: float) -> Motif:
    """A motif of two bars, each of ``cells`` equal steps with a note on about ``density`` of them."""
    return Motif(tuple(_phrase(rng, cells, density) for _ in range(2)))


def _phrase(rng: np.random.Generator, cells: int, density: float) -> tuple[tuple[float, float, int], ...]:
    onsets = [i for i in range(cells) if rng.random() < density * (1.2 if i % 2 == 0 else 0.7)] or [0]
    degree = pick(rng, (0, 2, 4))
    notes = []
    for onset, end in zip(onsets, [*onsets[1:], cells], strict=True):
        notes.append((onset / cells, min(end - onset, 4) / cells, degree))
        degree = min(max(degree + pick(rng, LEAPS), -4), 9)
    return tuple(notes)


def lead(centre: int, highest: int) -> Writer:
    """Plays the bar's motif around MIDI pitch ``centre``, varied, strong beats on chord tones."""

    def write(rng: np.random.Generator, bar: Bar) -> list[Event]:
        if bar.number % 4 == 3 and rng.random() < REST:
            return []
        notes = bar.motif.bars[bar.number % 2]
        notes = _closed(notes) if bar.number % 4 == 3 else _varied(rng, notes, bar.number)
        return [_sung(bar, note, centre, highest) for note in notes]

    return write


def _closed(notes: tuple[tuple[float, float, int], ...]) -> tuple[tuple[float, float, int], ...]:
    """The phrase's first half, its last note held."""
    half = [note for note in notes if note[0] < 0.5] or [notes[0]]
    at, _, degree = half[-1]
    return (*half[:-1], (at, 0.9 - at, degree))


def _varied(
    rng: np.random.Generator, notes: tuple[tuple[float, float, int], ...], number: int
) -> tuple[tuple[float, float, int], ...]:
    """Unchanged the first time round; later a note may be left out or moved by a scale step."""
    if number < 2:
        return notes
    kept = tuple(note for note in notes if note[0] == 0 or rng.random() < 0.9)
    return tuple((at, size, degree + (pick(rng, (-1, 1)) if rng.random() < 0.25 else 0)) for at, size, degree in kept)


def _sung(bar: Bar, note: tuple[float, float, int], centre: int, highest: int) -> Event:
    at, size, degree = note
    beat = at * bar.beats
    classes = bar.slot(beat).chord.classes
    pitch = _scale_pitch(bar.scale, nearest(centre, classes[:1]), degree)
    if beat % 1 == 0 or size * bar.beats >= 1:
        pitch = nearest(pitch, classes)
    while pitch > highest:
        pitch -= 12
    return Event(bar.start + beat, size * bar.beats * 0.95, pitch, 0.95 if beat % 1 == 0 else 0.82)


@lru_cache(maxsize=8192)
def _scale_pitch(scale: tuple[int, ...], base: int, degree: int) -> int:
    """``degree`` scale steps from the scale note closest to ``base``."""
    first = nearest(base, scale)
    ladder = [p for p in range(first - 24, first + 25) if p % 12 in scale]
    return ladder[ladder.index(first) + degree]
