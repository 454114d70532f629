"""The one walk down the noise levels, and the steps it can take (2206.00364 alg. 1 and 2; 2302.02257)."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from stemweave.diffusion.denoiser import Denoiser
from stemweave.diffusion.noise import Noise, NoiseSource
from stemweave.diffusion.problem import Problem
from stemweave.diffusion.schedule import checked
from stemweave.errors import UsageError


class Estimate(NamedTuple):
    """What the denoiser said last, and at which noise level: the memory of a multistep solver."""

    denoised: Tensor
    sigma: Tensor


class Move(NamedTuple):
    """Where a step went: x at noise level `sigma`, to which the walk still adds noise of standard deviation `up`."""

    x: Tensor
    denoised: Tensor
    sigma: Tensor
    up: float = 0.0


class Step(Protocol):
    """A solver: from (x, sigma) to `target`. `last` is the estimate of the step before, None if noise came between."""

    def __call__(self, denoise: Denoiser, x: Tensor, sigma: Tensor, target: Tensor, last: Estimate | None, /) -> Move:
        """One step. Shape: x → x."""
        ...


@dataclass(frozen=True)
class Euler:
    """x + d·(σ' − σ); with `eta` > 0 to σ_down and noise back up (ancestral Euler). One call."""

    eta: float = 0.0

    def __call__(self, denoise: Denoiser, x: Tensor, sigma: Tensor, target: Tensor, last: Estimate | None, /) -> Move:  # noqa: ARG002
        """One step. Shape: x → x."""
        denoised = denoise(x, sigma)
        down, up = _ancestral(sigma, target, self.eta)
        return Move(_slide(x, denoised, sigma, down), denoised, down, up)


@dataclass(frozen=True)
class Heun:
    """The mean of the slopes at both ends (2206.00364 alg. 1). Two calls, one for the step to 0."""

    def __call__(self, denoise: Denoiser, x: Tensor, sigma: Tensor, target: Tensor, last: Estimate | None, /) -> Move:  # noqa: ARG002
        """One step. Shape: x → x."""
        denoised = denoise(x, sigma)
        moved = _slide(x, denoised, sigma, target)
        if target > 0:
            slope = moved - denoise(moved, target)
            moved = torch.add(torch.lerp(x, moved, 0.5), slope, alpha=float((target - sigma) / (2 * target)))
        return Move(moved, denoised, target)


@dataclass(frozen=True)
class ADPM2:
    """The slope at the midpoint σ_mid = ((σ^{1/ρ} + σ_down^{1/ρ})/2)^ρ, then noise back up (after 2206.00927).

    Two calls, one for the step to 0.
    """

    rho: float = 1.0

    def __call__(self, denoise: Denoiser, x: Tensor, sigma: Tensor, target: Tensor, last: Estimate | None, /) -> Move:  # noqa: ARG002
        """One step. Shape: x → x."""
        denoised = denoise(x, sigma)
        if target == 0:
            return Move(denoised, denoised, target)
        down, up = _ancestral(sigma, target, 1.0)
        middle = ((sigma ** (1 / self.rho) + down ** (1 / self.rho)) / 2) ** self.rho
        moved = _slide(x, denoised, sigma, middle)
        slope = moved - denoise(moved, middle)
        return Move(torch.add(x, slope, alpha=float((down - sigma) / middle)), denoised, down, up)


@dataclass(frozen=True)
class DPMSolver2M:
    """DPM-Solver++(2M) (2211.01095); with `eta` > 0 its SDE form. One call; the last estimate makes it second order."""

    eta: float = 0.0

    def __call__(self, denoise: Denoiser, x: Tensor, sigma: Tensor, target: Tensor, last: Estimate | None, /) -> Move:
        """One step. Shape: x → x."""
        denoised = denoise(x, sigma)
        ahead = denoised
        if last is not None and target > 0:
            ratio = (sigma / target).log() / (last.sigma / sigma).log()
            ahead = torch.lerp(last.denoised, denoised, float(1 + ratio / 2))
        fall = target / sigma
        moved = torch.lerp(ahead, x, float(fall ** (1 + self.eta)))
        down = target * fall**self.eta
        return Move(moved, denoised, down, float((target**2 - down**2).sqrt()))


STEPS: tuple[Step, ...] = (Euler(), Heun(), ADPM2(), Euler(eta=1.0), DPMSolver2M(), DPMSolver2M(eta=1.0))
"""Every solver; each property test runs over this tuple."""


@dataclass(frozen=True)
class Churn:
    """Noise added before a step: σ̂ = (1 + γ)·σ, γ = min(amount/steps, √2 − 1) for low ≤ σ ≤ high (2206.00364 alg. 2).

    `inflate` is EDM's S_noise, the standard deviation of that noise.
    """

    amount: float = 0.0
    low: float = 0.0
    high: float = math.inf
    inflate: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.amount < math.inf:
            raise UsageError(f"got churn {self.amount}; expected a finite number, 0 or more")

    def gamma(self, sigma: Tensor, steps: int) -> float:
        """γ at this noise level in a walk of this many steps."""
        return min(self.amount / steps, math.sqrt(2) - 1) if self.low <= float(sigma) <= self.high else 0.0


@dataclass(frozen=True, eq=False)
class State:
    """Where a walk is; hand it back as `resume` to go on to the same bytes.

    `x` (batch, stems, channels, samples) lies at noise level `sigma` with what is known put back; `denoised` is the last
    estimate of the clean stems, made at level `estimated_at`. `step` of `total` steps are done, `draws` noises were drawn.
    """

    x: Tensor
    denoised: Tensor
    step: int
    total: int
    sigma: float
    estimated_at: float
    draws: int


def walk(
    problem: Problem,
    sigmas: Tensor,
    step: Step,
    churn: float | Churn = 0.0,
    resamples: int = 1,
    noise: NoiseSource | None = None,
    resume: State | None = None,
) -> Iterator[State]:
    """Walk down `sigmas`, one `State` per step; whoever consumes it shows progress, keeps time, or stops.

    `sigmas`: a schedule, (steps + 1,), strictly falling. `churn`: an amount or a `Churn`. `resamples`: how often each step
    is taken, with re-noising between (the correction steps of 2302.02257). `noise` decides seeds, device and precision; the
    default draws item i from seed i, in float32 on the CPU. `UsageError` for levels that do not fall, resamples < 1 or a
    negative churn.
    """
    levels = checked(sigmas)
    if resamples < 1:
        raise UsageError(f"got {resamples} resamples; expected at least 1")
    if resume is not None and resume.total != len(levels) - 1:
        raise UsageError(f"got a state of a walk of {resume.total} steps; expected one of {len(levels) - 1}")
    draws = _Draws(noise or Noise(tuple(range(problem.shape[0]))), problem.shape, resume.draws if resume else 0)
    take = partial(_take, problem, step, churn if isinstance(churn, Churn) else Churn(churn), resamples, draws)
    return _states(take, levels, resume or _start(problem, levels, draws))


def final(states: Iterable[State]) -> State:
    """Walk to the end: the last state."""
    for state in states:  # noqa: B007
        pass
    return state


@dataclass
class _Draws:
    """Numbers the draws of one walk."""

    source: NoiseSource
    shape: tuple[int, ...]
    count: int

    def __call__(self) -> Tensor:
        self.count += 1
        return self.source(self.count - 1, self.shape)


def _start(problem: Problem, levels: Tensor, draw: _Draws) -> State:
    noise = draw()
    origin = problem.start(torch.zeros_like(noise), levels[0])
    x = torch.add(origin, noise, alpha=float(levels[0]))
    return State(x, origin, 0, len(levels) - 1, float(levels[0]), math.inf, draw.count)


def _states(take: Callable[[State, Tensor, Tensor], State], levels: Tensor, state: State) -> Iterator[State]:
    for sigma, target in pairwise(levels[state.step :]):
        state = take(state, sigma, target)
        yield state


def _take(
    problem: Problem, step: Step, churn: Churn, resamples: int, draw: _Draws, state: State, sigma: Tensor, target: Tensor
) -> State:
    x, gamma = state.x, churn.gamma(sigma, state.total)
    last = Estimate(state.denoised, sigma.new_tensor(state.estimated_at)) if state.step else None
    hot = sigma * (1 + gamma)
    for again in reversed(range(resamples)):
        if gamma:
            x, last = _noised(x, sigma, hot, draw, churn.inflate), None
        move = step(problem.denoiser, problem.project(x, hot, draw), hot, target, last)
        x, last = problem.relax(move.x, hot, move.sigma), Estimate(move.denoised, hot)
        if move.up:
            x = torch.add(x, draw(), alpha=move.up)
        if again:
            x, last = _noised(x, target, sigma, draw), None
    x = problem.project(x, target, draw)
    return State(x, move.denoised, state.step + 1, state.total, float(target), float(hot), draw.count)


def _noised(x: Tensor, sigma: Tensor, hot: Tensor, draw: _Draws, inflate: float = 1.0) -> Tensor:
    """From noise level sigma up to hot."""
    return torch.add(x, draw(), alpha=inflate * float((hot**2 - sigma**2).sqrt()))


def _slide(x: Tensor, denoised: Tensor, sigma: Tensor, target: Tensor) -> Tensor:
    """Along the line from x to the estimate, as far as the noise level falls."""
    return torch.lerp(denoised, x, float(target / sigma))


def _ancestral(sigma: Tensor, target: Tensor, eta: float) -> tuple[Tensor, float]:
    """(σ_down, σ_up) with σ_down² + σ_up² = σ'²."""
    up = torch.minimum(target, eta * target * (1 - (target / sigma) ** 2).sqrt())
    return (target**2 - up**2).sqrt(), float(up)
