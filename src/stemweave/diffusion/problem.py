"""A task as data: which denoiser, and what is known."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from stemweave.diffusion.denoiser import Denoiser, describe
from stemweave.errors import UsageError

Draw = Callable[[], Tensor]
"""Fresh standard normal noise in the shape of the state; the walk counts the draws."""

Project = Callable[[Tensor, Tensor, Draw], Tensor]
"""(x, σ, draw) → x with what is known put back at noise level σ; at σ = 0 exactly."""

Relax = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(x, σ, σ_next) → x after the exact flow of a stiff linear coupling from σ down to σ_next."""


def nothing_known(x: Tensor, sigma: Tensor, draw: Draw, /) -> Tensor:  # noqa: ARG001
    """The projection of a task without constraints. Shape: x → x."""
    return x


def uncoupled(x: Tensor, sigma: Tensor, sigma_next: Tensor, /) -> Tensor:  # noqa: ARG001
    """The relaxation of a task without a coupling. Shape: x → x."""
    return x


def at_zero(x: Tensor, sigma: Tensor, /) -> Tensor:  # noqa: ARG001
    """Start from silence plus noise. Shape: x → x."""
    return x


@dataclass(frozen=True, eq=False)
class At:
    """Start here, plus noise; as a denoiser, an estimate that stays. Shape: (batch, stems, channels, samples)."""

    x: Tensor
    __repr__ = describe

    def __call__(self, x: Tensor, sigma: Tensor, /) -> Tensor:  # noqa: ARG002
        """Shape: as `x`."""
        return self.x


def everything(x: Tensor, /) -> Tensor:
    """All of the state was asked for. Shape: x → x."""
    return x


@dataclass(frozen=True)
class Chosen:
    """Some stems of a state were asked for, by place."""

    places: tuple[int, ...]

    def __call__(self, x: Tensor, /) -> Tensor:
        """Shape: (batch, stems, ...) → (batch, places, ...)."""
        return x[:, list(self.places)]


@dataclass(frozen=True, eq=False)
class Problem:
    """What a walk solves. Generation, accompaniment and separation differ only by these fields.

    `shape`: (batch, stems, channels, samples). `start`: a denoiser that sees silence at the first noise level; the walk begins
    at its answer plus noise (hand it the problem's own denoiser for the shifted start a posterior mean wants). `answer`: the
    stems asked for, in order, from a state that may hold other signals beside them. `enter`: a state in which they are these,
    for a start at known ones.
    """

    denoiser: Denoiser
    shape: tuple[int, int, int, int]
    project: Project = nothing_known
    relax: Relax = uncoupled
    start: Denoiser = at_zero
    answer: Callable[[Tensor], Tensor] = everything
    enter: Callable[[Tensor], Tensor] = everything
    __repr__ = describe

    def __post_init__(self) -> None:
        if len(self.shape) != 4 or min(self.shape) < 1:
            raise UsageError(f"got shape {tuple(self.shape)}; expected (batch, stems, channels, samples), all at least 1")
