"""Posterior-mean likelihoods (PiGDM, Song et al. ICLR 2023): what the estimate's own uncertainty says about the mixture.

From ∇ log p(y | x_σ) ≈ Jᵀa·(y − aᵀD)/(aᵀCa + s_y²) with C = σ²·J the covariance of the clean stems given x_σ.
"""

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from stemweave.diffusion.denoiser import Denoiser, describe
from stemweave.diffusion.mixing import mix, spread
from stemweave.errors import UsageError

Variance = Callable[[Tensor], Tensor]
"""σ → mean squared error of the estimate: (stems,), or what broadcasts with (batch, stems, channels, samples)."""


@dataclass(frozen=True, eq=False)
class PosteriorMean:
    """D_n + a_n·v_n·(y − aᵀD)/(Σ a_m²·v_m + s_y²): each stem takes its share by its own uncertainty.

    Exact for independent Gaussian stems. `variance` gives v_n(σ); all equal is the even share. `noise` is s_y, the standard
    deviation of what the stems do not explain. Start the walk at the rule's own answer (`Problem.start`).
    """

    prior: Denoiser
    mixture: Tensor
    variance: Variance
    row: Tensor | None = None
    noise: float = 0.0
    __repr__ = describe

    def __call__(self, x: Tensor, sigma: Tensor, /) -> Tensor:
        """Shape: (batch, stems, channels, samples) → the same."""
        denoised = self.prior(x, sigma)
        gains = _gains(self.variance(sigma), x.shape[1], self.row, self.noise)
        return torch.addcmul(denoised, gains, (self.mixture - mix(denoised, self.row)).unsqueeze(1))


@dataclass(frozen=True, eq=False)
class PosteriorMeanFull:
    """D + σ²·Jᵀa·(y − aᵀD)/(Σ a_m²·v_m + s_y²): correlated stems too, by one vector-Jacobian product.

    Fields as `PosteriorMean`. Works under `torch.no_grad` and `torch.inference_mode`; the prior must be differentiable.
    """

    prior: Denoiser
    mixture: Tensor
    variance: Variance
    row: Tensor | None = None
    noise: float = 0.0
    __repr__ = describe

    def __call__(self, x: Tensor, sigma: Tensor, /) -> Tensor:
        """Shape: (batch, stems, channels, samples) → the same."""
        spent = _mixed(_each(self.variance(sigma)), x.shape[1], self.row) + self.noise**2

        def residual(denoised: Tensor) -> Tensor:
            return (spread(self.mixture - mix(denoised, self.row), self.row) / spent).expand_as(x)

        return _pulled(self.prior, x, sigma, residual)


@dataclass(frozen=True, eq=False)
class PosteriorGiven:
    """D + σ²·Jᵀ(k − D)/v on the given stems: the other stems follow what is given, by one vector-Jacobian product.

    `given`: (batch, stems, channels, samples), read where `known` (stems,), boolean, is true. `variance` as in `PosteriorMean`.
    Exact on a Gaussian prior where one stem is given; the errors of several are taken to be uncorrelated.
    """

    prior: Denoiser
    given: Tensor
    known: Tensor
    variance: Variance
    __repr__ = describe

    def __call__(self, x: Tensor, sigma: Tensor, /) -> Tensor:
        """Shape: (batch, stems, channels, samples) → the same."""
        variance = _each(self.variance(sigma))

        def residual(denoised: Tensor) -> Tensor:
            return torch.where(self.known[:, None, None], (self.given - denoised) / variance, 0.0)

        return _pulled(self.prior, x, sigma, residual)


@dataclass(frozen=True, eq=False)
class LevelVariance:
    """v_n(σ) = s_n²σ²/(s_n² + σ²): independent Gaussian stems of standard deviation `levels` (stems,); a first guess."""

    levels: Tensor
    __repr__ = describe

    def __call__(self, sigma: Tensor, /) -> Tensor:
        """Shape: scalar → (stems,)."""
        power = self.levels**2
        return power * (sigma**2 / (power + sigma**2))


@dataclass(frozen=True, eq=False)
class TableVariance:
    """v_n(σ) measured on validation, linear in ln σ and ln v between the rows, never below `floor`.

    `sigmas`: rising levels, as numbers. `values`: (levels, stems), on the walk's device. Outside the table the nearest row
    holds, scaled by (σ/σ_0)² below it. `UsageError` unless the two fit.
    """

    sigmas: tuple[float, ...]
    values: Tensor
    floor: float = 1e-12
    __repr__ = describe

    def __post_init__(self) -> None:
        if len(self.sigmas) != len(self.values) or list(self.sigmas) != sorted(set(self.sigmas)):
            raise UsageError(f"got {len(self.sigmas)} levels for {len(self.values)} rows; expected one rising level per row")

    def __call__(self, sigma: Tensor, /) -> Tensor:
        """Shape: scalar → (stems,)."""
        level = float(sigma)
        if level <= self.sigmas[0]:
            return (self.values[0] * (level / self.sigmas[0]) ** 2).clamp(min=self.floor)
        above = bisect_left(self.sigmas, level)
        if above == len(self.sigmas):
            return self.values[-1].clamp(min=self.floor)
        low, high = self.sigmas[above - 1 : above + 1]
        rows = self.values[above - 1 : above + 1].clamp(min=self.floor).log()
        return torch.lerp(rows[0], rows[1], math.log(level / low) / math.log(high / low)).exp()


def _each(variance: Tensor) -> Tensor:
    """A variance per stem, so shaped that it broadcasts with stems."""
    return variance[:, None, None] if variance.ndim == 1 else variance


def _mixed(variance: Tensor, stems: int, row: Tensor | None) -> Tensor:
    """Σ a_n²·v_n, the stems' axis kept."""
    weighted = variance if row is None else row.square()[:, None, None] * variance
    return weighted.sum(-3, keepdim=True) if weighted.shape[-3] == stems else weighted * stems


def _gains(variance: Tensor, stems: int, row: Tensor | None, noise: float) -> Tensor:
    """a_n·v_n/(Σ a_m²·v_m + s_y²)."""
    each = _each(variance)
    weighted = each if row is None else row[:, None, None] * each
    return weighted / (_mixed(each, stems, row) + noise**2)


def _pulled(prior: Denoiser, x: Tensor, sigma: Tensor, residual: Callable[[Tensor], Tensor]) -> Tensor:
    """D + σ²·Jᵀ·residual(D); gradients are switched on for this alone."""
    with torch.inference_mode(False), torch.enable_grad():
        free = x.detach().clone().requires_grad_()
        denoised = prior(free, sigma)
        (pull,) = torch.autograd.grad(denoised, free, residual(denoised.detach()))
    return denoised.detach() + sigma**2 * pull
