"""A Gaussian mixture likelihood by operator splitting: the prior steps alone, then the coupling flows exactly.

dx/dσ = −σ/γ²·a·(y − aᵀx) has the solution x + (1 − ϱ)·a·(y − aᵀx)/‖a‖², ϱ = exp(−‖a‖²·∫σ/γ² dσ): stable for every γ,
and the even projection for γ → 0. A width γ(σ) knows its own integral.
"""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from stemweave.diffusion.denoiser import describe
from stemweave.diffusion.mixing import mix, power, spread


class Width(Protocol):
    """γ(σ), the standard deviation of the likelihood, and ∫σ/γ² dσ between two levels."""

    def __call__(self, sigma: Tensor, /) -> Tensor:
        """γ at this level."""
        ...

    def integral(self, sigma: Tensor, sigma_next: Tensor, /) -> Tensor:
        """∫ σ/γ² dσ from sigma_next up to sigma."""
        ...


@dataclass(frozen=True)
class Proportional:
    """γ = factor·σ (BASIS, 2002.07942; 2302.02257, whose code's .75σ is a true 1.06σ)."""

    factor: float

    def __call__(self, sigma: Tensor, /) -> Tensor:
        """γ at this level."""
        return self.factor * sigma

    def integral(self, sigma: Tensor, sigma_next: Tensor, /) -> Tensor:
        """ln(σ/σ')/factor²."""
        return (sigma / sigma_next).log() / self.factor**2


@dataclass(frozen=True)
class Constant:
    """γ the same at every level."""

    gamma: float

    def __call__(self, sigma: Tensor, /) -> Tensor:
        """γ at this level."""
        return self.gamma * sigma**0

    def integral(self, sigma: Tensor, sigma_next: Tensor, /) -> Tensor:
        """(σ² − σ'²)/2γ²."""
        return (sigma**2 - sigma_next**2) / (2 * self.gamma**2)


@dataclass(frozen=True)
class SquareRoot:
    """γ² = factor·σ."""

    factor: float

    def __call__(self, sigma: Tensor, /) -> Tensor:
        """γ at this level."""
        return (self.factor * sigma).sqrt()

    def integral(self, sigma: Tensor, sigma_next: Tensor, /) -> Tensor:
        """(σ − σ')/factor."""
        return (sigma - sigma_next) / self.factor


@dataclass(frozen=True, eq=False)
class GaussianCoupling:
    """The exact flow of the likelihood N(y; aᵀx, γ²), as the `relax` of a problem whose denoiser is the prior alone."""

    mixture: Tensor
    gamma: Width
    row: Tensor | None = None
    __repr__ = describe

    def __call__(self, x: Tensor, sigma: Tensor, sigma_next: Tensor, /) -> Tensor:
        """Shape: (batch, stems, channels, samples) → the same."""
        total = power(x.shape[1], self.row)
        kept = (-total * self.gamma.integral(sigma, sigma_next)).exp()
        return x + spread(self.mixture - mix(x, self.row), self.row) * ((1 - kept) / total)
