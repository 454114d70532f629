"""From a plan of sections to bars that can be played: material for every kind of section, chords laid over the bars."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import numpy as np

from stemweave.band.comping import keys, strum
from stemweave.band.forms import BREAK, BRIDGE, CHORUS, INTRO, SOLO, VERSE, Kind, Section
from stemweave.band.fretboard import shape
from stemweave.band.grooves import Groove, beat
from stemweave.band.harmony import Chord, Mode, numeral, progression, transpose, voice
from stemweave.band.leads import invent
from stemweave.band.patterns import Bar, Motif, Slot, Writer, lean, pick
from stemweave.band.styles import GUITAR_LEAD, PIANO_LEAD, Style

POSITIONS = (0, 0, 2, 3, 5, 7)  # frets near which a guitarist may sit
KEYS = (53, 60, 64, 67)  # where the pianist's hand lies before the first chord
KEEPERS = ("bass", "drums")  # of time
LIFT = 0.12  # the chance that the last section goes up a tone or a semitone

Progression = tuple[tuple[Chord, ...], ...]


@dataclass(frozen=True)
class Material:
    """What a kind of section plays, each time it comes round."""

    progression: Progression
    kicks: tuple[float, ...]  # where the bass drum hits, in bars
    motif: Motif
    writers: Mapping[str, Writer]


@dataclass(frozen=True)
class Placed:
    """A bar with its section, and the section's material."""

    bar: Bar
    section: Section
    material: Material


def materials(rng: np.random.Generator, style: Style, mode: Mode, tonic: int) -> dict[Kind, Material]:
    """Material for all kinds of section: verse, chorus and bridge bring their own chords, the others borrow."""
    verse, chorus, bridge = (progression(pick(rng, mode.progressions), tonic) for _ in range(3))
    chords = {INTRO: pick(rng, (verse, chorus)), VERSE: verse, CHORUS: chorus, BRIDGE: bridge}
    chords |= {SOLO: pick(rng, (verse, chorus)), BREAK: chorus}
    return {kind: _material(rng, style, kind, bars) for kind, bars in chords.items()}


def _material(rng: np.random.Generator, style: Style, kind: Kind, chords: Progression) -> Material:
    groove: Groove = lean(rng, style.grooves, kind.energy)
    writers: dict[str, Writer] = {
        "bass": lean(rng, style.bass, kind.energy),
        "drums": partial(beat, groove=groove, top=lean(rng, groove.tops, kind.energy)),
        "guitar": lean(rng, style.guitar, kind.energy),
        "piano": lean(rng, style.piano, kind.energy),
    }
    if kind is SOLO:
        writers |= pick(rng, ({"guitar": GUITAR_LEAD}, {"piano": PIANO_LEAD}))
    density = (0.6 if kind is SOLO else 0.45) * 8 / max(style.cells, 8)
    return Material(chords, groove.kicks, invent(rng, style.cells, density), writers)


def lay(
    rng: np.random.Generator, style: Style, mode: Mode, tonic: int, sections: Sequence[Section]
) -> tuple[list[Placed], Slot]:
    """The song's bars in order, and the chord on which it ends."""
    material = materials(rng, style, mode, tonic)
    lift = pick(rng, (1, 2)) if len(sections) > 2 and rng.random() < LIFT else 0
    lifts = [0] * (len(sections) - 1) + [lift]
    chords = [
        [transpose(chord, up) for chord in bar]
        for section, up in zip(sections, lifts, strict=True)
        for bar in _cycle(material[section.kind].progression, section.bars)
    ]
    home = (tonic + lift) % 12
    chords[-1] = [transpose(numeral(mode.cadence), home)] if len(chords) > 1 else chords[-1]
    slots = _voiced([*chords, [transpose(numeral(mode.tonic), home)]], style.beats, pick(rng, POSITIONS))
    scales = [tuple((tonic + up + step) % 12 for step in mode.scale) for up in lifts]
    places = [(i, n) for i, section in enumerate(sections) for n in range(section.bars)]
    placed = [
        _placed(style, sections[i], material[sections[i].kind], scales[i], k * style.beats, n, pair)
        for k, ((i, n), pair) in enumerate(zip(places, pairwise(slots), strict=True))
    ]
    return placed, slots[-1][0]


def _cycle(bars: Progression, count: int) -> Iterator[tuple[Chord, ...]]:
    return (bars[i % len(bars)] for i in range(count))


def _voiced(bars: Sequence[Sequence[Chord]], beats: int, position: int) -> list[tuple[Slot, ...]]:
    """Slots for the chords of each bar, the pianist's hand moving as little as it can."""
    hand: tuple[int, ...] = KEYS
    slots: list[tuple[Slot, ...]] = []
    for chords in bars:
        places = [round(i * beats / len(chords)) for i in range(len(chords))] + [beats]
        bar: list[Slot] = []
        for chord, (at, end) in zip(chords, pairwise(places), strict=True):
            hand = voice(chord, hand)
            bar.append(Slot(at, end - at, chord, hand, shape(chord, position)))
        slots.append(tuple(bar))
    return slots


def _placed(
    style: Style,
    section: Section,
    material: Material,
    scale: tuple[int, ...],
    start: int,
    number: int,
    pair: tuple[tuple[Slot, ...], tuple[Slot, ...]],
) -> Placed:
    here, after = pair
    swell = 0.15 * (number / section.bars - 0.5)
    bar = Bar(
        start,
        style.beats,
        here,
        after[0],
        scale,
        min(max(section.energy + swell, 0.0), 1.0),
        number,
        number == section.bars - 1,
        material.kicks,
        material.motif,
    )
    return Placed(bar, section, _carried(section, material, style.beats))


def _carried(section: Section, material: Material, beats: int) -> Material:
    """Where neither bass nor drums begin, the first stem strikes a chord on every beat: the music never stops."""
    if any(section.enters.get(stem) == 0 for stem in KEEPERS):
        return material
    chords = {"guitar": strum("D" * beats), "piano": keys("X" * beats, "R" * beats)}
    first = next(stem for stem, bar in section.enters.items() if bar == 0)
    return replace(material, writers={**material.writers, first: chords[first]})
