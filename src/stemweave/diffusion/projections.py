"""What is known, put back at noise level σ: the `project` of a `Problem`, (x, σ, draw) → x.

Mixtures are (batch, channels, samples); `row` as in `mixing`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from stemweave.diffusion.denoiser import describe
from stemweave.diffusion.mixing import mix, share
from stemweave.diffusion.noise import NoiseSource, by_level
from stemweave.diffusion.problem import Draw, Project


@dataclass(frozen=True, eq=False)
class DiracAnchor:
    """Stem `anchor` ← (y − Σ_{n≠anchor} a_n·x_n)/a_anchor (2302.02257). For `DiracTangent` with the same anchor."""

    mixture: Tensor
    anchor: int
    row: Tensor | None = None
    __repr__ = describe

    def __call__(self, x: Tensor, sigma: Tensor, draw: Draw, /) -> Tensor:  # noqa: ARG002
        """Shape: (batch, stems, channels, samples) → the same."""
        rest = self.mixture - mix(x, self.row)
        own = x[:, self.anchor]
        put = own + (rest if self.row is None else rest / self.row[self.anchor])
        out = x.clone()
        out[:, self.anchor] = put
        return out


@dataclass(frozen=True, eq=False)
class EvenProjection:
    """x + a·(y − aᵀx)/‖a‖²: every stem takes an equal share of the error."""

    mixture: Tensor
    row: Tensor | None = None
    __repr__ = describe

    def __call__(self, x: Tensor, sigma: Tensor, draw: Draw, /) -> Tensor:  # noqa: ARG002
        """Shape: (batch, stems, channels, samples) → the same."""
        return share(x, self.mixture, self.row)


@dataclass(frozen=True, eq=False)
class NoisyMixture:
    """As `EvenProjection`, but onto y + ‖a‖·σ·ε, so that every stem keeps noise σ. Wants four resamples or more."""

    mixture: Tensor
    row: Tensor | None = None
    __repr__ = describe

    def __call__(self, x: Tensor, sigma: Tensor, draw: Draw, /) -> Tensor:
        """Shape: (batch, stems, channels, samples) → the same."""
        target = self.mixture if sigma == 0 else self.mixture + sigma * mix(draw(), self.row)
        return share(x, target, self.row)


@dataclass(frozen=True, eq=False)
class Replacement:
    """Known stems ← given + σ·ε; at σ = 0 exactly what was given (2302.02257, imputation).

    `given`: (batch, stems, channels, samples), read where `known` (stems,), boolean, is true. Fresh noise at every call, or,
    with `held`, one draw of that source per noise level, so that resamples of one step share it as the paper's code does.
    """

    given: Tensor
    known: Tensor
    held: NoiseSource | None = None
    __repr__ = describe

    def __call__(self, x: Tensor, sigma: Tensor, draw: Draw, /) -> Tensor:
        """Shape: (batch, stems, channels, samples) → the same."""
        put = self.given
        if sigma > 0:
            noise = draw() if self.held is None else by_level(self.held, sigma, tuple(x.shape))
            put = put + sigma * noise
        return torch.where(self.known[:, None, None], put, x)


@dataclass(frozen=True, eq=False)
class AtLast:
    """Another projection, at σ = 0 only: for rules that keep the constraint in the estimate."""

    project: Project
    __repr__ = describe

    def __call__(self, x: Tensor, sigma: Tensor, draw: Draw, /) -> Tensor:
        """Shape: (batch, stems, channels, samples) → the same."""
        return self.project(x, sigma, draw) if sigma == 0 else x
