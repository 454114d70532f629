"""Guidance inside an interval of noise levels, rescaled guidance, and every prompt of a step in one forward pass.

`Guidance` is how two estimates become one; `GuidedPair` takes them from two denoisers, `GuidedPrompts` from one text model,
whose `Prompted` protocol says how it is asked.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from stemweave.diffusion.denoiser import Denoiser, describe
from stemweave.errors import UsageError

Prompt = str | None
"""What a text model is told; None is its null embedding."""


class Prompted(Protocol):
    """A text-conditioned denoiser of one signal, asked about several at once: stem n is denoised under prompt n.

    Shapes: x and the result (batch, prompts, channels, samples), `sigma` a 0-d tensor for all. The net sees every stem
    alone, as (batch·prompts, 1, channels, samples) in one forward pass; embeddings of prompts are its own to cache.
    """

    def __call__(self, x: Tensor, sigma: Tensor, prompts: tuple[Prompt, ...], /) -> Tensor:
        """The estimates. Shape: x → x."""
        ...


@dataclass(frozen=True)
class Guidance:
    """D* + w·(D − D*) where low < σ ≤ high, D alone elsewhere (2404.07724), rescaled by φ (2305.08891 eq. 15-16).

    `weight` w: 1 is none. `rescale` φ: the estimate's standard deviation over channels and samples of each stem goes back to
    that of D, by this part; 0 not at all, 1 entirely. `UsageError` for an empty interval or φ outside 0 to 1.
    """

    weight: float
    low: float = 0.0
    high: float = math.inf
    rescale: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high:
            raise UsageError(f"got guidance from σ = {self.low} to {self.high}; expected 0 <= low < high")
        if not 0 <= self.rescale <= 1:
            raise UsageError(f"got guidance rescaled by {self.rescale}; expected 0 to 1")

    def acts(self, sigma: Tensor) -> bool:
        """Whether the reference matters at this noise level."""
        return self.weight != 1 and self.low < float(sigma) <= self.high

    def combine(self, conditional: Tensor, reference: Tensor) -> Tensor:
        """The guided estimate. Shape: (batch, stems, channels, samples), twice → the same."""
        guided = torch.lerp(reference, conditional, self.weight)
        return torch.lerp(guided, _levelled(guided, conditional), self.rescale) if self.rescale else guided


@dataclass(frozen=True, eq=False)
class GuidedPair:
    """Guidance between two denoisers; the reference is asked only where it matters."""

    conditional: Denoiser
    reference: Denoiser
    guidance: Guidance
    __repr__ = describe

    def __call__(self, x: Tensor, sigma: Tensor, /) -> Tensor:
        """Shape: (batch, stems, channels, samples) → the same."""
        wanted = self.conditional(x, sigma)
        return self.guidance.combine(wanted, self.reference(x, sigma)) if self.guidance.acts(sigma) else wanted


@dataclass(frozen=True, eq=False)
class BoundPrompts:
    """A text model with one prompt per stem: independent experts in one forward pass."""

    model: Prompted
    prompts: tuple[Prompt, ...]
    __repr__ = describe

    def __call__(self, x: Tensor, sigma: Tensor, /) -> Tensor:
        """Shape: (batch, stems, channels, samples) → the same. `UsageError` unless there is one prompt per stem."""
        _one_each(x, self.prompts)
        return self.model(x, sigma, self.prompts)


@dataclass(frozen=True, eq=False)
class GuidedPrompts:
    """`BoundPrompts` under guidance, prompts and references in one forward pass.

    `references`: one per prompt, a negative prompt or None. `UsageError` for other counts.
    """

    model: Prompted
    prompts: tuple[Prompt, ...]
    references: tuple[Prompt, ...]
    guidance: Guidance
    __repr__ = describe

    def __post_init__(self) -> None:
        if len(self.prompts) != len(self.references):
            raise UsageError(f"got {len(self.references)} negative prompts for {len(self.prompts)} prompts; expected as many")

    def __call__(self, x: Tensor, sigma: Tensor, /) -> Tensor:
        """Shape: (batch, stems, channels, samples) → the same. `UsageError` unless there is one prompt per stem."""
        _one_each(x, self.prompts)
        if not self.guidance.acts(sigma):
            return self.model(x, sigma, self.prompts)
        both = self.model(torch.cat([x, x], 1), sigma, self.prompts + self.references)
        return self.guidance.combine(*both.chunk(2, 1))


def _levelled(x: Tensor, like: Tensor) -> Tensor:
    """x with the standard deviation of another, stem by stem; a constant x stays. Shape: x → x."""
    own, wanted = (each.std((-2, -1), correction=0, keepdim=True) for each in (x, like))
    return x * torch.where(own > 0, wanted / own, 1.0)


def _one_each(x: Tensor, prompts: tuple[Prompt, ...]) -> None:
    if x.shape[1] != len(prompts):
        raise UsageError(f"got {len(prompts)} prompts for {x.shape[1]} stems; expected one per stem")
