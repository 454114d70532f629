"""The work of a study: stages of settings, each on every song, unless the rows have it."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from bench.study import plan
from bench.study.rows import Rows
from bench.study.scored import best, crossed, scored
from bench.study.separating import key, measure, own_rows, places
from bench.study.setting import Setting
from stemweave.diffusion.windowed import starts
from stemweave.evaluation.protocols.excerpts import Excerpt
from stemweave.model.model import Model
from stemweave.tasks.priors import grid

CROSS, OFFICIAL, LONG = "cross", "official", "long"


@dataclass(frozen=True, eq=False)
class Study:
    """What is studied: a model with the digest of its weights, the excerpts that all settings hear, and the rows so far."""

    model: Model
    digest: str
    excerpts: tuple[Excerpt, ...]
    rows: Rows

    @property
    def stems(self) -> tuple[str, ...]:
        """The model's."""
        return self.model.config.stems

    @property
    def songs(self) -> list[str]:
        """By name."""
        return [excerpt.song for excerpt in self.excerpts]

    def missing(self, settings: Sequence[Setting]) -> list[tuple[Setting, Excerpt]]:
        """What is not measured yet, setting by setting."""
        work = [(setting, excerpt) for setting in dict.fromkeys(settings) for excerpt in self.excerpts]
        return [(setting, excerpt) for setting, excerpt in work if key(setting, excerpt, self.digest) not in self.rows]

    @property
    def windows(self) -> int:
        """Windows of the network in each excerpt."""
        length, hop = grid(self.model.config)
        return len(starts(self.excerpts[0].stems.audio.shape[-1], length, hop))

    def cost(self, settings: Sequence[Setting]) -> int:
        """Windows that the network must hear for what is missing."""
        return sum(setting.evaluations for setting, _ in self.missing(settings)) * self.windows

    def run(self, settings: Sequence[Setting]) -> Iterator[int]:
        """Measure what is missing; gives the windows heard for each song that is done."""
        for setting, excerpt in self.missing(settings):
            self.rows.add(key(setting, excerpt, self.digest) | measure(self.model, setting, excerpt))
            yield setting.evaluations * self.windows


Stage = Callable[[Study], Sequence[Setting]]


def stages(stems: Sequence[str], anchor: str) -> dict[str, Stage]:
    """All stages by name, in their order; which settings are crossed depends on what was found before."""
    one_by_one: dict[str, Stage] = {factor.name: _fixed(factor.settings) for factor in plan.factors(stems, anchor)}
    return {
        **one_by_one,
        CROSS: lambda study: crosses(study, anchor),
        OFFICIAL: _fixed(list(plan.official(anchor).values())),
        LONG: _fixed(plan.long(anchor)),
    }


def crosses(study: Study, anchor: str) -> list[Setting]:
    """The best settings of each likelihood, crossed with each other; what was crossed is not crossed again."""
    varied = {setting for factor in plan.factors(study.stems, anchor) for setting in factor.settings}
    rows = own_rows(study.rows, study.digest, places(study.excerpts))
    found = {setting: one for setting, one in scored(rows, study.stems, study.songs).items() if setting in varied}
    leaders = {name: [one.setting for one in best(found, name)] for name in plan.LIKELIHOODS}
    return [one for name, own in leaders.items() for one in crossed(own, plan.bases(name, anchor)[-1])]


def seconds_per_window(model: Model, repeats: int = 10) -> float:
    """What the network takes for one window, s: the best of some."""
    config, fastest = model.config, math.inf
    x, level = torch.zeros(1, len(config.stems), config.channels, config.window, device=model.device), torch.ones(1)
    with torch.no_grad():
        for _ in range(repeats):
            started = time.perf_counter()
            model.prior()(x, level).sum().item()
            fastest = min(fastest, time.perf_counter() - started)
    return fastest


def _fixed(settings: Sequence[Setting]) -> Stage:
    return lambda _study: settings
