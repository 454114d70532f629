"""A walk's settings as one value, and the loop that consumes the walk."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from stemweave.diffusion.noise import NoiseSource
from stemweave.diffusion.problem import Problem
from stemweave.diffusion.schedule import karras
from stemweave.diffusion.solve import ADPM2, DPMSolver2M, Euler, Heun, State, Step, walk
from stemweave.errors import ModelError
from stemweave.model.config import Sampling
from stemweave.tasks.starts import STARTS, Start

SOLVERS: Mapping[str, Step] = {
    "euler": Euler(),
    "heun": Heun(),
    "adpm2": ADPM2(),
    "ancestral": Euler(eta=1.0),
    "dpm2m": DPMSolver2M(),
    "dpm2m-sde": DPMSolver2M(eta=1.0),
}
"""The solvers by the names that checkpoints and the command line use."""


@dataclass(frozen=True)
class Event:
    """Progress: `step` of `total` walk steps of `item` of `items` (segments, takes or files); all known from the start."""

    stage: str
    step: int
    total: int
    item: int = 0
    items: int = 1


Progress = Callable[[Event], None]
"""Called after every step; an exception it raises cancels the job between two steps."""


def silent_progress(event: Event) -> None:
    """Nobody watches."""


@dataclass(frozen=True, eq=False)
class Sampler:
    """Noise levels to visit (then 0), the solver, churn and resamples, as `stemweave.diffusion.walk` takes them.

    For separation: how many draws to average, and where to begin.
    """

    sigmas: Tensor
    step: Step
    churn: float = 0.0
    resamples: int = 1
    draws: int = 1
    start: Start | None = None

    @classmethod
    def of(cls, sampling: Sampling) -> "Sampler":
        """From a checkpoint's settings. Raises ModelError for a solver or a start that this version does not know."""
        if sampling.solver not in SOLVERS:
            raise ModelError(f"the model asks for solver {sampling.solver!r}; this stemweave has {sorted(SOLVERS)}")
        if sampling.start and sampling.start not in STARTS:
            raise ModelError(f"the model asks for start {sampling.start!r}; this stemweave has {sorted(STARTS)}")
        sigmas = karras(sampling.steps, sampling.sigma_min, sampling.sigma_max, sampling.rho)
        return cls(
            sigmas, SOLVERS[sampling.solver], sampling.churn, sampling.resamples, sampling.draws, STARTS.get(sampling.start)
        )

    def run(self, problem: Problem, noise: NoiseSource, watch: Callable[[int], None]) -> State:
        """Walk to the end: the last state; `watch` hears the number of each step done."""
        with torch.no_grad():
            for state in walk(problem, self.sigmas, self.step, self.churn, self.resamples, noise):
                watch(state.step)
        return state

    @property
    def total(self) -> int:
        """Steps of one walk."""
        return len(self.sigmas) - 1
