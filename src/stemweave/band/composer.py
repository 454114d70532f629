"""The band's composer: a seed becomes a song, written as notes in whole samples."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from stemweave.band.arrangement import Placed, lay
from stemweave.band.basslines import bassline
from stemweave.band.comping import keys, strum
from stemweave.band.forms import Kind, plan
from stemweave.band.grooves import KICK, RING, SHORT, crash
from stemweave.band.harmony import NAMES, Mode
from stemweave.band.patterns import Bar, Event, Slot, Writer, pick
from stemweave.band.performance import Feel, place, ring, settle
from stemweave.band.score import RATE, STEMS, Part, Programs, Score
from stemweave.band.styles import STYLES, Style
from stemweave.errors import UsageError

VERSION = 1  # another number, other notes: a song is (version, seed)
LONGEST = 600.0  # seconds
FEWEST = 4.5  # bars; a shorter song is cut instead of ended
ADVENTURE = 0.25  # the chance of a sound that the style would not think of
LOOSE: Mapping[str, float] = MappingProxyType({"bass": 0.009, "drums": 0.005, "guitar": 0.011, "piano": 0.010})  # s


def compose(rng: np.random.Generator, seconds: float, programs: Programs, styles: Sequence[Style] = STYLES) -> Score:
    """A song for bass, drums, guitar and piano in a style drawn from ``styles``.

    ``seconds`` is the length, above 0 and up to 600; ``programs`` gives the General-MIDI programs allowed to each stem
    (for drums: kits), as ``score.PROGRAMS`` does. Equal generators, equal songs.
    Raises UsageError for a length out of range or a stem without programs.
    """
    return arrange(rng, pick(rng, styles), seconds, programs)


def arrange(rng: np.random.Generator, style: Style, seconds: float, programs: Programs) -> Score:
    """A song in the given style; else as ``compose``."""
    length = _length(seconds)
    _check(programs)
    sounds = {stem: _program(rng, style.programs[stem], programs[stem]) for stem in STEMS}
    low, high = style.tempo
    tempo = round(low + (high - low) * rng.random(), 2)
    mode, tonic = pick(rng, style.modes), int(rng.random() * 12)
    beat = 60 * RATE / tempo
    bars = _bars(rng, style, mode, tonic, length / beat)
    feels = {stem: _feel(rng, stem, style, beat) for stem in STEMS}
    parts = {stem: Part(sounds[stem], _performed(rng, stem, bars, feels[stem], length)) for stem in STEMS}
    chords = [(p.bar.start + slot.at, slot.chord.name) for p in bars for slot in p.bar.slots]
    sections = [(p.bar.start, p.section.kind.name) for p in bars if p.bar.number == 0]
    key = f"{NAMES[tonic]} {mode.name}"
    beats = _beats(length, beat)
    downbeats = beats[:: style.beats]
    chords_at, sections_at = _changes(chords, beat, length), _marks(sections, beat, length)
    return Score(style.name, tempo, style.meter, key, length, parts, chords_at, sections_at, beats, downbeats)


def _length(seconds: float) -> int:
    if not 0 < seconds <= LONGEST:
        raise UsageError(f"a song of {seconds} seconds cannot be composed; give a length above 0 and up to {LONGEST:g}")
    return max(round(seconds * RATE), 1)


def _check(programs: Programs) -> None:
    missing = [stem for stem in STEMS if not programs.get(stem)]
    if missing:
        raise UsageError(f"no programs for {', '.join(missing)}; give each of {', '.join(STEMS)} one or more")


def _program(rng: np.random.Generator, liked: tuple[int, ...], allowed: tuple[int, ...]) -> int:
    """A sound that the style likes, now and then any; any where all that it likes are held out."""
    adventurous = rng.random() < ADVENTURE
    both = tuple(program for program in liked if program in allowed)
    return pick(rng, allowed if adventurous or not both else both)


def _bars(rng: np.random.Generator, style: Style, mode: Mode, tonic: int, beats: float) -> list[Placed]:
    """The bars of a song of so many beats; the last holds the closing chord, unless the song is too short to end."""
    bars = beats / style.beats
    if bars < FEWEST:
        return lay(rng, style, mode, tonic, plan(rng, math.ceil(bars), style.sizes))[0]
    placed, home = lay(rng, style, mode, tonic, plan(rng, round(bars) - 1, style.sizes))
    return [*placed, _ending(placed, home, beats)]


def _ending(song: Sequence[Placed], home: Slot, beats: float) -> Placed:
    """The closing chord, held to the song's end by all who played in it."""
    before, everyone = song[-1], {stem: 0 for placed in song for stem in placed.section.enters}
    start = before.bar.start + before.bar.beats
    left = math.ceil(beats - start)
    slot = home._replace(length=left)
    bar = replace(before.bar, start=start, beats=left, slots=(slot,), after=slot, number=0, energy=0.9)
    section = replace(before.section, kind=ENDING, bars=1, enters=everyone)
    return Placed(bar, section, replace(before.material, writers=CLOSING))


def _closing_drums(rng: np.random.Generator, bar: Bar) -> list[Event]:
    return [crash(rng, bar), Event(bar.start, 1, KICK, 0.95)]


ENDING = Kind("ending", 0.9, (0, 0, 0, 0))
CLOSING: Mapping[str, Writer] = MappingProxyType(
    {"bass": bassline("r"), "drums": _closing_drums, "guitar": strum("D"), "piano": keys("X", "R")}
)


def _feel(rng: np.random.Generator, stem: str, style: Style, beat: float) -> Feel:
    late = 0.0 if stem == "drums" else 0.014 * rng.random() - 0.004
    return Feel(beat, style.swing, style.swung, late, LOOSE[stem])


def _performed(rng: np.random.Generator, stem: str, bars: Sequence[Placed], feel: Feel, length: int) -> NDArray[np.void]:
    """The stem's notes; the bass has one voice, the others one for each pitch."""
    notes = place(rng, _written(rng, stem, bars), feel)
    if stem == "drums":
        notes = ring(notes, RING, SHORT)
    voices = notes["pitch"] * (stem != "bass")
    return settle(notes, voices, length)


def _written(rng: np.random.Generator, stem: str, bars: Sequence[Placed]) -> list[Event]:
    """What the stem plays in the bars in which it takes part, louder where the section is."""
    events: list[Event] = []
    for placed in bars:
        bar = placed.bar
        if bar.number >= placed.section.enters.get(stem, placed.section.bars):
            force = 0.68 + 0.32 * bar.energy
            written = placed.material.writers[stem](rng, bar)
            events += [event._replace(loudness=event.loudness * force) for event in written]
    return events


def _beats(length: int, beat: float) -> NDArray[np.int64]:
    """Every beat inside the song, in samples."""
    beats = np.rint(np.arange(int(length / beat) + 2) * beat).astype(np.int64)
    return beats[beats < length]


def _marks(marks: Sequence[tuple[float, str]], beat: float, length: int) -> tuple[tuple[int, str], ...]:
    """Names at song beats, as names at samples inside the song."""
    placed = ((round(at * beat), name) for at, name in marks)
    return tuple(mark for mark in placed if mark[0] < length)


def _changes(marks: Sequence[tuple[float, str]], beat: float, length: int) -> tuple[tuple[int, str], ...]:
    """As _marks, without a name that repeats the one before it."""
    kept = [mark for before, mark in pairwise([(0.0, ""), *marks]) if mark[1] != before[1]]
    return _marks(kept, beat, length)
