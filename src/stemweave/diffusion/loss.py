"""The denoising loss and the noise levels it is taken at."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from stemweave.errors import UsageError


@dataclass(frozen=True)
class LogNormal:
    """ln σ ~ N(mean, std²) (2206.00364 §5), cut to [low, high]: the range the sampler visits."""

    mean: float
    std: float
    low: float
    high: float

    def __call__(self, uniform: Tensor) -> Tensor:
        """Noise levels from uniform draws in (0, 1). Shape: any → the same."""
        normal = torch.special.ndtri(uniform.double().clamp(1e-6, 1 - 1e-6)).to(uniform.dtype)
        return (self.mean + self.std * normal).exp().clamp(self.low, self.high)


@dataclass(frozen=True)
class LogUniform:
    """ln σ uniform between ln low and ln high."""

    low: float
    high: float

    def __call__(self, uniform: Tensor) -> Tensor:
        """Noise levels from uniform draws in (0, 1). Shape: any → the same."""
        return (math.log(self.low) + uniform * math.log(self.high / self.low)).exp()


@dataclass(frozen=True)
class Uniform:
    """σ uniform between low and high, as 2409.06190 has it from 0; here above 0, where EDM's weight λ(σ) ends.

    Raises UsageError unless 0 < low < high.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high:
            raise UsageError(f"got noise levels from {self.low} to {self.high}; expected 0 < low < high")

    def __call__(self, uniform: Tensor) -> Tensor:
        """Noise levels from uniform draws in (0, 1). Shape: any → the same."""
        return self.low + uniform * (self.high - self.low)


def denoising_loss(denoised: Tensor, clean: Tensor, weight: Tensor) -> Tensor:
    """Mean over the batch of the weighted squared error of the stems that count.

    Shapes: denoised, clean (batch, stems, channels, samples); weight (batch, stems), λ(σ) where a stem is noised and known,
    0 where it is given or unknown. (2206.00364 eq. 2; λ from `Precondition.weight`.)
    """
    errors = (denoised - clean).square().mean((2, 3))
    counted = (weight > 0).sum().clamp(min=1)
    return (errors * weight).sum() / counted
