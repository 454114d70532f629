"""What the rows come to: every setting that was measured on all songs, and which of them to use."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import combinations

import numpy as np

from bench.study.plan import AFFORDABLE
from bench.study.rows import Row, number
from bench.study.setting import Setting
from stemweave.evaluation.comparison import LEAST, Comparison, compare, paired
from stemweave.evaluation.statistics import Figure, Floats, song_means

TOLERATED = -0.2
"""dB: what a default may lose to the official setting, with 95 % confidence."""
CROSSED = 5
"""How many of the best settings are crossed with each other."""


@dataclass(frozen=True, eq=False)
class Scored:
    """A setting on all songs: tables (songs, stems) in dB, NaN where a stem is silent.

    ``evaluations`` are per window, ``took`` is s of work, both the median song's; ``diverged`` counts songs.
    """

    setting: Setting
    songs: tuple[str, ...]
    improvement: Floats
    level: Floats
    evaluations: float
    took: float
    diverged: int

    @classmethod
    def of(cls, setting: Setting, stems: Sequence[str], rows: Sequence[Row]) -> "Scored":
        """From the rows of all songs."""
        improvement, level = (_table(rows, [f"{what}_{stem}" for stem in stems]) for what in ("si_sdri", "level"))
        evaluations, took = (float(np.median([number(row[name]) for row in rows])) for name in ("evaluations", "took_s"))
        diverged = sum(row["diverged"] == "1" for row in rows)
        return cls(setting, tuple(row["song"] for row in rows), improvement, level, evaluations, took, diverged)

    @property
    def by_song(self) -> dict[str, float]:
        """SI-SDRi, mean over the stems that sound, dB."""
        return dict(zip(self.songs, np.nanmean(self.improvement, 1).tolist(), strict=True))

    @property
    def mean(self) -> Figure:
        """SI-SDRi over songs, mean over stems, dB."""
        return song_means(np.array([[value] for value in self.by_song.values()]))[0]

    def over(self, other: "Scored") -> Comparison:
        """This minus the other, by song. Raises :class:`DataError` for fewer than six songs, or other ones."""
        return compare(paired(self.by_song, other.by_song))


Found = Mapping[Setting, Scored]


def scored(rows: Iterable[Row], stems: Sequence[str], songs: Sequence[str]) -> dict[Setting, Scored]:
    """Every setting that has a row of each of the songs; in the order in which they were first measured."""
    by_setting: dict[Setting, dict[str, Row]] = {}
    for row in rows:
        by_setting.setdefault(Setting.of(row), {})[row["song"]] = row
    whole = {one: by for one, by in by_setting.items() if set(songs) <= set(by)}
    return {one: Scored.of(one, stems, [by[song] for song in songs]) for one, by in whole.items()}


@dataclass(frozen=True)
class Choice:
    """For one likelihood: what it is compared with, and three settings, each None where there is none.

    ``cheapest`` fulfils `acceptable`; ``affordable`` is the best of those that a default may cost; ``best`` of all.
    """

    reference: Scored | None
    cheapest: Scored | None
    affordable: Scored | None
    best: Scored | None


def choose(likelihood: str, found: Found, reference: Setting) -> Choice:
    """Choose among all settings of a likelihood by mean SI-SDRi and evaluations."""
    own = [one for setting, one in found.items() if setting.likelihood.split(",")[0] == likelihood]
    cheap = [one for one in own if one.evaluations <= AFFORDABLE]
    official = found.get(reference)
    good = [one for one in cheap if official and acceptable(one, official)]
    cheapest = min(good, key=lambda one: (one.evaluations, -one.mean.value), default=None)
    return Choice(official, cheapest, _best(cheap), _best(own))


def acceptable(one: Scored, official: Scored) -> bool:
    """Whether it surely loses no more than `TOLERATED`, never diverges, and surely beats handing out the mixture (0 dB)."""
    enough = len(one.songs) >= LEAST
    return enough and not one.diverged and one.mean.low > 0 and one.over(official).difference.low > TOLERATED


def best(found: Found, likelihood: str) -> list[Scored]:
    """The `CROSSED` best settings of a likelihood that a default may cost, best first."""
    own = [one for setting, one in found.items() if setting.likelihood == likelihood and one.evaluations <= AFFORDABLE]
    return sorted(own, key=lambda one: -one.mean.value)[:CROSSED]


def crossed(leaders: Sequence[Setting], base: Setting) -> list[Setting]:
    """Each pair of them made one: the better, with what the other has unlike ``base`` where the better is like it."""
    made = [_merged(better, other, base) for better, other in combinations(leaders, 2)]
    new = [one for one in dict.fromkeys(made) if one not in leaders and one.evaluations <= AFFORDABLE]
    return sorted(new, key=lambda one: one.evaluations)


def _merged(better: Setting, other: Setting, base: Setting) -> Setting:
    taken = {
        field.name: getattr(other, field.name)
        for field in fields(Setting)
        if getattr(better, field.name) == getattr(base, field.name) != getattr(other, field.name)
    }
    return replace(better, **taken)


def _table(rows: Sequence[Row], columns: Sequence[str]) -> Floats:
    return np.array([[number(row[column]) for column in columns] for row in rows])


def _best(several: Sequence[Scored]) -> Scored | None:
    return max(several, key=lambda one: one.mean.value, default=None)
