"""Rules that turn denoisers into a denoiser.

A rule stated as a score s becomes D' = x + σ²·s; a likelihood's gradient g adds σ²·g to D. Every rule is a frozen dataclass;
its repr describes the experiment. Mixtures are (batch, channels, samples); `row` as in `mixing`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from stemweave.diffusion.denoiser import Denoiser, describe
from stemweave.diffusion.mixing import mix, power, share, spread


@dataclass(frozen=True, eq=False)
class Guided:
    """D* + w·(D − D*): classifier-free guidance (2207.12598) and negative prompts; w = 1 is none, w = 0 the reference."""

    conditional: Denoiser
    reference: Denoiser
    weight: float
    __repr__ = describe

    def __call__(self, x: Tensor, sigma: Tensor, /) -> Tensor:
        """Shape: (batch, stems, channels, samples) → the same."""
        return torch.lerp(self.reference(x, sigma), self.conditional(x, sigma), self.weight)


@dataclass(frozen=True, eq=False)
class Independent:
    """One expert per stem, each hearing its own stem alone (2302.02257, the weakly supervised prior)."""

    experts: tuple[Denoiser, ...]
    __repr__ = describe

    def __call__(self, x: Tensor, sigma: Tensor, /) -> Tensor:
        """Shape: (batch, stems, channels, samples) → the same; expert n sees (batch, 1, channels, samples)."""
        each = zip(self.experts, x.split(1, 1), strict=True)
        return torch.cat([expert(stem, sigma) for expert, stem in each], 1)


@dataclass(frozen=True, eq=False)
class Product:
    """x + Σ w_i·(D_i − x): the scores added. Unless the weights sum to 1 the flow shrinks what it makes (2302.11552)."""

    experts: tuple[Denoiser, ...]
    weights: tuple[float, ...]
    __repr__ = describe

    def __call__(self, x: Tensor, sigma: Tensor, /) -> Tensor:
        """Shape: (batch, stems, channels, samples) → the same."""
        out = x * (1 - sum(self.weights))
        for expert, weight in zip(self.experts, self.weights, strict=True):
            out = torch.add(out, expert(x, sigma), alpha=weight)
        return out


@dataclass(frozen=True, eq=False)
class OnMixture:
    """A denoiser of mixtures as a rule for stems: x + a·(M(aᵀx; ‖a‖·σ) − aᵀx)/‖a‖².

    The sum of N independent noises is √N louder, so the expert is asked at √N·σ. It sees (batch, 1, channels, samples).
    """

    expert: Denoiser
    row: Tensor | None = None
    __repr__ = describe

    def __call__(self, x: Tensor, sigma: Tensor, /) -> Tensor:
        """Shape: (batch, stems, channels, samples) → the same."""
        louder = sigma * power(x.shape[1], self.row) ** 0.5
        return share(x, self.expert(mix(x, self.row).unsqueeze(1), louder).squeeze(1), self.row)


@dataclass(frozen=True, eq=False)
class GaussianLikelihood:
    """D + (σ²/γ²)·a·(y − aᵀx): mixture noise of standard deviation γ(σ), stepped explicitly (2302.02257).

    γ is a true standard deviation: the paper's code divides by 2γ², so its γ is γ/√2. Explicit steps diverge for small γ;
    the exact flow is `coupling.GaussianCoupling`, a relaxation.
    """

    prior: Denoiser
    mixture: Tensor
    gamma: Callable[[Tensor], Tensor]
    row: Tensor | None = None
    __repr__ = describe

    def __call__(self, x: Tensor, sigma: Tensor, /) -> Tensor:
        """Shape: (batch, stems, channels, samples) → the same."""
        pull = spread(self.mixture - mix(x, self.row), self.row)
        return self.prior(x, sigma) + (sigma / self.gamma(sigma)) ** 2 * pull


@dataclass(frozen=True, eq=False)
class DiracTangent:
    """The prior's slope along the stems that sum to the mixture, stem `anchor` being the rest (2302.02257).

    Needs `projections.DiracAnchor` with the same anchor as the problem's projection. Without churn it is no sampler: gains
    go as amplitudes instead of powers. Best anchor: `mixing.loudest`.
    """

    prior: Denoiser
    anchor: int
    row: Tensor | None = None
    __repr__ = describe

    def __call__(self, x: Tensor, sigma: Tensor, /) -> Tensor:
        """Shape: (batch, stems, channels, samples) → the same."""
        relative = None if self.row is None else self.row / self.row[self.anchor]
        slope = x - self.prior(x, sigma)
        slope = slope - spread(slope[:, self.anchor], relative)
        slope[:, self.anchor] = -mix(slope, relative)
        return x - slope


@dataclass(frozen=True, eq=False)
class EvenTangent:
    """The prior's slope along the stems that sum to the mixture, no stem being the rest; project with `EvenProjection`."""

    prior: Denoiser
    row: Tensor | None = None
    __repr__ = describe

    def __call__(self, x: Tensor, sigma: Tensor, /) -> Tensor:
        """Shape: (batch, stems, channels, samples) → the same."""
        return share(self.prior(x, sigma), mix(x, self.row), self.row)


@dataclass(frozen=True, eq=False)
class EvenShare:
    """D + a·(y − aᵀD)/‖a‖²: every stem takes an equal share of what the estimates leave. No projection, any solver."""

    prior: Denoiser
    mixture: Tensor
    row: Tensor | None = None
    __repr__ = describe

    def __call__(self, x: Tensor, sigma: Tensor, /) -> Tensor:
        """Shape: (batch, stems, channels, samples) → the same."""
        return share(self.prior(x, sigma), self.mixture, self.row)
