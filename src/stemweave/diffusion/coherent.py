"""Sources and a mixture of them walk in parallel, coupled by a Gaussian likelihood (2403.11706 eq. 6-12), as a relaxation.

The state is (free sources, given sources, mixture) along the stems. With δ = y − α·Σx − β·Σx̃ the coupling is
D'_n = D_n + k_x·α·(σ²/γ²)·δ and D'_y = D_y − k_y·(σ²/γ²)·δ: the likelihood's gradient, opposite for the mixture. A subset of a
partition (eq. 11) is one source with the joint prompt of its members. The paper's printed equations could not be obtained;
this is reading A of three, `AgainstOthers` is reading B, and `Consistent` is ours.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from stemweave.diffusion.coupling import Constant, Width
from stemweave.diffusion.denoiser import Denoiser, describe
from stemweave.diffusion.mixing import mix, power, share
from stemweave.diffusion.noise import NoiseSource
from stemweave.diffusion.problem import Problem
from stemweave.diffusion.projections import Replacement
from stemweave.errors import UsageError

Sharing = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""(sources (batch, sources, channels, samples), their mixture, row or None) → sources that sum to the mixture."""

WIDTH = Constant(0.14)
"""γ in the units of the file: the value that fits the paper's demonstration; the paper's own is not known."""


@dataclass(frozen=True)
class Coherent:
    """The exact flow of the coupling between sources and mixture, the `relax` of a problem; stable for every γ.

    `alpha`, `beta`: scaling of the free and of the given sources inside δ (eq. 12). `source_weight` k_x, `mixture_weight` k_y:
    scaling of the gradients instead. `given`: how many sources, between the free ones and the mixture, are known; they are
    heard and not moved. δ shrinks by exp(−K·∫σ/γ² dσ), K = k_y + k_x·α²·(free sources).

    `UsageError` when nothing would move, or a weight is negative.
    """

    gamma: Width = WIDTH
    alpha: float = 1.0
    beta: float = 1.0
    source_weight: float = 1.0
    mixture_weight: float = 1.0
    given: int = 0

    def __post_init__(self) -> None:
        weights = (self.source_weight, self.mixture_weight)
        if min(weights) < 0 or not self.mixture_weight + self.source_weight * self.alpha**2:
            raise UsageError(f"got gradient weights {weights} with alpha {self.alpha}; expected none negative and one to act")
        if self.given < 0:
            raise UsageError(f"got {self.given} given sources; expected 0 or more")

    def __call__(self, x: Tensor, sigma: Tensor, sigma_next: Tensor, /) -> Tensor:
        """Shape: (batch, sources and mixture, channels, samples) → the same."""
        free = self._free(x)
        stiffness = self.mixture_weight + self.source_weight * self.alpha**2 * free
        moved = float(-torch.expm1(-stiffness * self.gamma.integral(sigma, sigma_next)) / stiffness)
        delta = self.residual(x)
        out = x.clone()
        out[:, :free] += self.source_weight * self.alpha * moved * delta.unsqueeze(1)
        out[:, -1] -= self.mixture_weight * moved * delta
        return out

    def residual(self, x: Tensor) -> Tensor:
        """δ, what the mixture holds beyond its sources. Shape: (batch, sources and mixture, …) → (batch, channels, samples)."""
        free = self._free(x)
        return x[:, -1] - self.alpha * mix(x[:, :free]) - self.beta * mix(x[:, free:-1])

    def _free(self, x: Tensor) -> int:
        free = x.shape[1] - 1 - self.given
        if free < 1:
            raise UsageError(f"got {x.shape[1]} signals with {self.given} given; expected a free source and a mixture besides")
        return free


@dataclass(frozen=True)
class AgainstOthers:
    """Reading B: Π_n N(x_n; Σ_{m≠n} x_m, γ²) instead of a mixture's, as a relaxation of the sources alone.

    Its exact flow shrinks differences of sources by exp(−4∫σ/γ² dσ) and their sum by exp(−(N−2)²∫σ/γ² dσ): two sources
    imitate each other, three or more fall silent as γ falls. Only to compare with `Coherent`.
    """

    gamma: Width = WIDTH

    def __call__(self, x: Tensor, sigma: Tensor, sigma_next: Tensor, /) -> Tensor:
        """Shape: (batch, sources, channels, samples) → the same."""
        spent, sources = self.gamma.integral(sigma, sigma_next), x.shape[1]
        common = x.mean(1, keepdim=True)
        # the sum of two sources is free, also where the integral is infinite
        together = float((-((sources - 2) ** 2) * spent).exp()) if sources != 2 else 1.0
        return (x - common) * float((-4 * spent).exp()) + common * together


@dataclass(frozen=True, eq=False)
class Consistent:
    """D_n + (M(Σx; √N·σ) − ΣD)/N: the mixture's expert rules the sum, the sources' the rest (ours).

    No co-generated mixture and no γ, and the mixture's law counts once. `sources` sees the stems, `mixture` one stem at √N·σ,
    the noise of the sum. With a row a: N becomes ‖a‖², Σx becomes aᵀx. `sharing` gives each source its part of what is missing:
    equal ones as above, or any others that sum to it.
    """

    sources: Denoiser
    mixture: Denoiser
    row: Tensor | None = None
    sharing: Sharing = share
    __repr__ = describe

    def __call__(self, x: Tensor, sigma: Tensor, /) -> Tensor:
        """Shape: (batch, sources, channels, samples) → the same."""
        louder = sigma * power(x.shape[1], self.row) ** 0.5
        heard = self.mixture(mix(x, self.row).unsqueeze(1), louder).squeeze(1)
        return self.sharing(self.sources(x, sigma), heard, self.row)


@dataclass(frozen=True, eq=False)
class WithGiven:
    """A denoiser of (free sources, mixture) beside sources that are known: their estimate is what was given."""

    prior: Denoiser
    given: Tensor
    __repr__ = describe

    def __call__(self, x: Tensor, sigma: Tensor, /) -> Tensor:
        """Shape: (batch, free + given + 1, channels, samples) → the same; the prior sees free + 1."""
        free = x.shape[1] - 1 - self.given.shape[1]
        unknown = self.prior(torch.cat([x[:, :free], x[:, -1:]], 1), sigma)
        return torch.cat([unknown[:, :free], self.given, unknown[:, free:]], 1)


def beside(
    prior: Denoiser, given: Tensor, free: int, coupling: Coherent | None = None, held: NoiseSource | None = None
) -> Problem:
    """Partial generation (2403.11706 eq. 12): `free` sources and a mixture of all, made beside given sources.

    `prior` denoises (free sources, mixture), `given` is (batch, sources, channels, samples). The likelihood compares noisy
    signals: given sources carry fresh noise at every call, or one draw of `held` per noise level. The state, and what comes
    out: (free, given, mixture) along the stems. `coupling`: default `Coherent()`; its count of given sources is set here.
    """
    batch, known, channels, samples = given.shape
    stems = torch.zeros(batch, free + known + 1, channels, samples, dtype=given.dtype, device=given.device)
    stems[:, free:-1] = given
    mask = torch.zeros(free + known + 1, dtype=torch.bool, device=given.device)
    mask[free:-1] = True
    return Problem(
        WithGiven(prior, given),
        (batch, free + known + 1, channels, samples),
        project=Replacement(stems, mask, held),
        relax=replace(coupling or Coherent(), given=known),
    )
