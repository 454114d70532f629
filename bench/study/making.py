"""Generation in one setting: bands out of nothing, compared with real songs by KAD and by how their stems belong together."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import fmean
from typing import Any

import torch

from bench.study.rows import Row, Rows, text
from bench.study.separating import counted
from bench.study.setting import CALLS, FIELDS, Setting, within
from stemweave.audio.stems import Stems
from stemweave.diffusion.windowed import starts
from stemweave.errors import DataError
from stemweave.evaluation.embeddings.logmel import LogMelStatistics
from stemweave.evaluation.measures.bleed import bleed
from stemweave.evaluation.measures.gap import Coupling, Pairing, coupling, gap
from stemweave.evaluation.measures.sets import kad, kernel_width
from stemweave.evaluation.measures.subsets import Songs, interval
from stemweave.evaluation.protocols.cells import SKIPPED, cell, where_possible
from stemweave.evaluation.protocols.coherence import KINDS
from stemweave.evaluation.protocols.excerpts import Excerpt, embedded, one_each
from stemweave.evaluation.reports.tables import Cell
from stemweave.evaluation.statistics import Figure
from stemweave.model.model import Model
from stemweave.tasks.generate import generate
from stemweave.tasks.priors import grid
from stemweave.tasks.sampler import Sampler

STAGE = "generation"
BUDGETS = (4, 8, 16, 32)
KEYS = (*FIELDS, "model", "bands", "length_s", "reference", "reference_songs")
SHORTEST = LogMelStatistics().seconds
"""Seconds of the shortest band that can be embedded."""
GAPS = ("harmony", "rhythm")
"""In the order of `coherence.KINDS`."""
OFFICIAL = Setting(STAGE, 150, gamma=20 / 150, sigma_max=20.0, sigma_min=1e-4)
"""The total generation of 2302.02257, as released: its σ is beyond what the band was trained for."""
BASE = Setting(STAGE, 1, sigma_max=2.0)


def settings() -> list[Setting]:
    """Every solver by evaluations, then Euler with churn, and the official setting; the cheap ones first."""
    plain = [within(replace(BASE, solver=solver), budget) for budget in BUDGETS for solver in CALLS]
    more = [replace(BASE, steps=32, gamma=0.133), within(replace(BASE, solver="heun"), 75), replace(BASE, steps=150), OFFICIAL]
    return [setting for setting in (*plain, *more) if setting]


@dataclass(frozen=True, eq=False)
class Real:
    """What bands are compared with: excerpts of real songs, embedded; ``width`` is the kernel's.

    ``couplings`` are of `coherence.KINDS`, None where too few songs say anything; ``alike`` is `bleed` of the real stems.
    """

    name: str
    bands: tuple[Stems, ...]
    points: Songs
    width: float
    couplings: tuple[Coupling | None, ...]
    alike: float

    @classmethod
    def of(cls, name: str, several: Sequence[Excerpt]) -> "Real":
        """From excerpts of at least eight songs."""
        points = _points([one.stems for one in several], [one.song for one in several])
        bands = tuple(one.stems for one in one_each(several))
        couplings = tuple(_coupling(bands, pairings) for pairings in KINDS.values())
        return cls(name, bands, points, kernel_width(points.points), couplings, bleed(bands).value)

    def distance(self, made: Songs) -> Figure:
        """KAD × 100 with a 95 % interval by song."""
        return interval(partial(kad, width=self.width), self.points, made)

    def gaps(self, made: Sequence[Stems]) -> Iterator[Cell]:
        """How far bands belong together beside these songs, by kind; skipped where too few say anything."""
        for real, pairings in zip(self.couplings, KINDS.values(), strict=True):
            own = _coupling(made, pairings)
            yield where_possible(partial(_gap, own, real)) if own and real else SKIPPED

    def floor(self) -> float:
        """KAD × 100 of one half of the songs against the other."""
        one, other = self.points.halves()
        return kad(one.points, other.points, self.width)


def values(stems: Sequence[str]) -> tuple[str, ...]:
    """What is measured; `gap` as in `stemweave.evaluation.measures.gap`, level in dB over the real songs'."""
    figures = (f"{name}{end}" for name in ("kad", *GAPS) for end in ("", "_low", "_high"))
    return ("evaluations", "took_s", "silent", "alike", *figures, *(f"level_{stem}" for stem in stems))


@dataclass(frozen=True, eq=False)
class Making:
    """What is made in every setting: so many bands of so many seconds, by a model with the digest of its weights."""

    model: Model
    digest: str
    bands: int
    seconds: float
    real: Real
    rows: Rows

    def missing(self) -> list[Setting]:
        """The settings that are not measured yet."""
        return [setting for setting in dict.fromkeys(settings()) if self.key(setting) not in self.rows]

    @property
    def windows(self) -> int:
        """Windows of the network in each band."""
        length, hop = grid(self.model.config)
        return len(starts(round(self.seconds * self.model.config.rate), length, hop))

    @property
    def cost(self) -> int:
        """Windows that the network must hear for what is missing."""
        return sum(setting.evaluations for setting in self.missing()) * self.bands * self.windows

    def run(self) -> Iterator[int]:
        """Measure what is missing; gives the windows heard for each band that is made."""
        for setting in self.missing():
            made, took = list[Stems](), list[float]()
            for seed in range(self.bands):
                with counted(self.model) as batches:
                    started = time.perf_counter()
                    made.append(self._band(setting, seed))
                    took.append(time.perf_counter() - started)
                yield setting.evaluations * self.windows
            figures = _figures(made, self.real) | {"evaluations": str(len(batches)), "took_s": f"{fmean(took):.3f}"}
            self.rows.add(self.key(setting) | figures)

    def key(self, setting: Setting) -> Row:
        """What a row is of."""
        sizes = {"bands": str(self.bands), "length_s": text(self.seconds), "reference_songs": str(self.real.points.count)}
        return setting.row() | {"model": self.digest, "reference": self.real.name} | sizes

    def about(self) -> dict[str, Any]:
        """What is compared with what."""
        whole = self.key(BASE)
        return {name: whole[name] for name in KEYS if name not in FIELDS} | {
            "floor": self.real.floor(),
            "alike": self.real.alike,
        }

    def _band(self, setting: Setting, seed: int) -> Stems:
        audio = generate(self.model, self.seconds, seed, Sampler.of(setting.sampling))
        finite = torch.zeros_like(audio) if not audio.isfinite().all() else audio
        return Stems(self.model.config.stems, finite, self.model.config.rate)


def _figures(made: Sequence[Stems], real: Real) -> Row:
    distance = real.distance(_points(made, [str(number) for number in range(len(made))]))
    found = _ends("kad", Cell(distance.value, distance.low, distance.high))
    for name, found_gap in zip(GAPS, real.gaps(made), strict=True):
        found |= _ends(name, found_gap)
    silent = fmean(not stems.presence[name] for stems in made for name in stems)
    levels = {f"level_{name}": text(_power(made, name) - _power(real.bands, name)) for name in made[0]}
    return found | {"silent": text(silent), "alike": text(bleed(made).value)} | levels


def _coupling(bands: Sequence[Stems], pairings: Sequence[Pairing]) -> Coupling | None:
    try:
        return coupling(bands, pairings)
    except DataError:
        return None


def _gap(made: Coupling, real: Coupling) -> Cell:
    return cell(gap(made, real))


def _ends(name: str, cell: Cell) -> Row:
    low, high = cell.interval or (None, None)
    return {name: text(cell.number), f"{name}_low": text(low), f"{name}_high": text(high)}


def _power(bands: Sequence[Stems], name: str) -> float:
    """Level of a stem over all bands, dBFS, silent ones included."""
    power = fmean(float(stems[name].square().mean()) for stems in bands)
    return 10 * math.log10(max(power, 1e-20))


def _points(bands: Sequence[Stems], songs: Sequence[str]) -> Songs:
    return embedded([stems.audio.sum(0) for stems in bands], songs, bands[0].rate, LogMelStatistics())
