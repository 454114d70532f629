"""Chord players: strumming, plucking and power-chord guitars, and a pianist's two hands."""

from collections.abc import Sequence

import numpy as np

from stemweave.band.basslines import root
from stemweave.band.fretboard import power
from stemweave.band.patterns import LOUDNESS, Bar, Event, Slot, Step, Writer, played

UP_STRINGS = 4  # an up stroke catches the high strings only


def strum(pattern: str, gate: float = 0.95, strings: int = 6) -> Writer:
    """Strokes over a held shape.

    ``D U`` strong and ``d u`` light strokes down and up, ``m`` a damped stroke, ``>`` the next chord ahead of its bar,
    ``?`` a light stroke that may be left out.
    """

    def write(rng: np.random.Generator, bar: Bar) -> list[Event]:
        spread = 0.006 + 0.012 * rng.random()
        strokes = (_stroke(bar, step, spread, gate, strings) for step in played(rng, pattern))
        return [event for stroke in strokes for event in stroke]

    return write


def _stroke(bar: Bar, step: Step, spread: float, gate: float, strings: int) -> list[Event]:
    at = step.at * bar.beats
    slot = bar.after if step.symbol == ">" else bar.slot(at)
    upward = step.symbol in "Uu"
    pitches = slot.strings[-strings:]
    pitches = pitches[: -UP_STRINGS - 1 : -1] if upward else pitches
    loudness = {"D": 0.95, "U": 0.8, ">": 0.95, "m": 0.42}.get(step.symbol, 0.62)
    length = 0.09 if step.symbol == "m" else step.length * bar.beats * gate
    return [Event(bar.start + at, length, pitch, loudness * (1 - 0.04 * i), spread * i) for i, pitch in enumerate(pitches)]


def riff(pattern: str) -> Writer:
    """Power chords: ``X`` ringing, ``x`` palm-muted root and fifth, ``?`` a muted root that may be left out."""

    def write(rng: np.random.Generator, bar: Bar) -> list[Event]:
        return _power_chords(bar, played(rng, pattern))

    return write


def riff_on_kicks(_: np.random.Generator, bar: Bar) -> list[Event]:
    """Power chords with the bass drum, each ringing until the next."""
    return _power_chords(bar, _on_kicks(bar, 1.0))


def _power_chords(bar: Bar, steps: Sequence[Step]) -> list[Event]:
    events = []
    for step in steps:
        at = step.at * bar.beats
        pitches = power(bar.slot(at).chord)[: 3 if step.symbol == "X" else 2]
        length = step.length * bar.beats * (0.96 if step.symbol == "X" else 0.55)
        loudness = 0.95 if step.symbol == "X" else 0.75
        events += [Event(bar.start + at, length, p, loudness, 0.004 * i) for i, p in enumerate(pitches)]
    return events


def _on_kicks(bar: Bar, longest: float) -> list[Step]:
    places = sorted({0.0, *bar.kicks})
    return [Step(at, min(end - at, longest / bar.beats), "X") for at, end in zip(places, [*places[1:], 1.0], strict=True)]


def pluck(pattern: str) -> Writer:
    """Fingers on a held shape, strings ringing until the chord changes.

    ``b`` the lowest string, ``0``-``5`` a string counted from it, ``p`` the three highest together, ``?`` a high one
    that may be left out.
    """

    def write(rng: np.random.Generator, bar: Bar) -> list[Event]:
        return [event for step in played(rng, pattern) for event in _plucked(bar, step)]

    return write


def _plucked(bar: Bar, step: Step) -> list[Event]:
    at = step.at * bar.beats
    slot = bar.slot(at)
    length = max(slot.at + slot.length - at, step.length * bar.beats) * 0.98
    if step.symbol == "p":
        length = step.length * bar.beats * 0.9
        return [Event(bar.start + at, length, pitch, 0.72, 0.003 * i) for i, pitch in enumerate(slot.strings[-3:])]
    string = {"b": 0, "?": 3}.get(step.symbol)
    index = int(step.symbol) if string is None else string
    pitch = slot.strings[index % len(slot.strings)]
    return [Event(bar.start + at, length, pitch, 0.85 if step.symbol == "b" else 0.7)]


def keys(right: str, left: str = "", gate: float = 0.9) -> Writer:
    """A pianist's hands.

    Right: ``X x o ?`` the whole chord (accent, plain, ghost, maybe), ``>`` the next chord ahead of its bar, ``0``-``5``
    one note of it, counted upwards. Left: ``r`` root, ``5`` fifth, ``8`` octave, ``R`` root and octave together.
    """

    def write(rng: np.random.Generator, bar: Bar) -> list[Event]:
        high = (_right(bar, step, gate) for step in played(rng, right))
        low = (_left(bar, step, gate) for step in played(rng, left))
        return [event for group in (*high, *low) for event in group]

    return write


def keys_on_kicks(_: np.random.Generator, bar: Bar) -> list[Event]:
    """Short chords with the bass drum."""
    return [event for step in _on_kicks(bar, 0.75) for event in _right(bar, step, 0.8)]


def _right(bar: Bar, step: Step, gate: float) -> list[Event]:
    at = step.at * bar.beats
    slot = bar.after if step.symbol == ">" else bar.slot(at)
    length = step.length * bar.beats * gate
    if step.symbol.isdigit():
        return [Event(bar.start + at, length, _counted(slot, int(step.symbol)), 0.72)]
    loudness = LOUDNESS.get(step.symbol, 0.95) * 0.88
    return [Event(bar.start + at, length, pitch, loudness) for pitch in slot.keys]


def _counted(slot: Slot, index: int) -> int:
    octave, place = divmod(index, len(slot.keys))
    return slot.keys[place] + 12 * octave


def _left(bar: Bar, step: Step, gate: float) -> list[Event]:
    at = step.at * bar.beats
    chord = bar.slot(at).chord
    low = root(chord) + 12
    fifth = chord.intervals[2] if len(chord.intervals) > 2 else 7
    pitches = {"R": (low - 12, low), "5": (low + fifth,), "8": (low + 12,)}.get(step.symbol, (low,))
    return [Event(bar.start + at, step.length * bar.beats * gate, pitch, 0.78) for pitch in pitches]
