"""Forms: which sections a song has, how long and how loud they are, and who plays in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from stemweave.band.patterns import pick
from stemweave.band.score import STEMS


@dataclass(frozen=True)
class Kind:
    """A kind of section: its loudness 0..1, and each stem's chance to stay out (order of STEMS)."""

    name: str
    energy: float
    out: tuple[float, float, float, float]


INTRO = Kind("intro", 0.45, (0.45, 0.30, 0.30, 0.35))
VERSE = Kind("verse", 0.60, (0.08, 0.05, 0.22, 0.25))
CHORUS = Kind("chorus", 0.90, (0.03, 0.02, 0.12, 0.14))
BRIDGE = Kind("bridge", 0.65, (0.20, 0.15, 0.28, 0.25))
SOLO = Kind("solo", 0.80, (0.06, 0.04, 0.18, 0.18))
BREAK = Kind("break", 0.40, (0.35, 0.15, 0.50, 0.50))
FORMS = (
    (INTRO, VERSE, CHORUS, VERSE, CHORUS, BRIDGE, CHORUS),
    (INTRO, VERSE, VERSE, CHORUS, SOLO, VERSE, CHORUS),
    (VERSE, CHORUS, BREAK, VERSE, CHORUS, SOLO, CHORUS),
    (INTRO, CHORUS, VERSE, CHORUS, BRIDGE, SOLO, CHORUS),
    (VERSE, VERSE, BRIDGE, VERSE, SOLO, BREAK, VERSE),
    (INTRO, VERSE, SOLO, VERSE, BREAK, SOLO, VERSE),
    (CHORUS, VERSE, BREAK, CHORUS, BRIDGE, CHORUS, CHORUS),
)
SHORT_FORMS = ((CHORUS,), (VERSE,), (VERSE, CHORUS), (SOLO,), (CHORUS, BREAK), (BRIDGE, VERSE))
SHORT = 8  # bars; a shorter song has a short form
ABSENT: Mapping[str, float] = MappingProxyType({"bass": 0.06, "drums": 0.04, "guitar": 0.09, "piano": 0.10})
LATE = 0.2  # the chance that a stem enters half-way through an intro or a break


@dataclass(frozen=True)
class Section:
    """A stretch of bars; ``enters`` gives the bar at which a stem comes in, for the stems that play."""

    kind: Kind
    bars: int
    energy: float
    enters: Mapping[str, int]


def plan(rng: np.random.Generator, bars: int, sizes: Sequence[int]) -> list[Section]:
    """Sections of ``sizes`` bars each that add up to ``bars``."""
    present = _present(rng)
    shyness = {stem: 0.4 + 1.2 * rng.random() for stem in STEMS}
    form = pick(rng, FORMS if bars >= SHORT else SHORT_FORMS)
    size = pick(rng, sizes)
    sections: list[Section] = []
    left = bars
    while left > 0:
        kind = form[len(sections) % len(form)]
        length = _length(kind, size, left)
        sections.append(_section(rng, kind, length, present, shyness))
        left -= length
    return sections


def _present(rng: np.random.Generator) -> tuple[str, ...]:
    """The stems of the song: at least two."""
    present = tuple(stem for stem in STEMS if rng.random() >= ABSENT[stem])
    return present if len(present) >= 2 else STEMS


def _length(kind: Kind, size: int, left: int) -> int:
    """The section's bars: intros and breaks are short, and no stump of one bar stays behind."""
    wanted = min(size, 4) if kind in (INTRO, BREAK) else size
    return left if left <= wanted + 1 else wanted


def _section(rng: np.random.Generator, kind: Kind, bars: int, present: Sequence[str], shyness: Mapping[str, float]) -> Section:
    playing = [stem for stem in present if rng.random() >= kind.out[STEMS.index(stem)] * shyness[stem]]
    fewest = 1 if kind in (INTRO, BREAK) else 2
    if len(playing) < fewest:
        others = sorted((stem for stem in present if stem not in playing), key=lambda _: rng.random())
        playing = [*playing, *others][:fewest]
    enters = {stem: _entry(rng, kind, bars) if i else 0 for i, stem in enumerate(playing)}
    energy = min(max(kind.energy + 0.25 * (rng.random() - 0.5), 0.1), 1.0)
    return Section(kind, bars, energy, MappingProxyType(enters))


def _entry(rng: np.random.Generator, kind: Kind, bars: int) -> int:
    return bars // 2 if kind in (INTRO, BREAK) and rng.random() < LATE else 0
