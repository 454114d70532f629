"""The denoising loss and the noise levels it is taken at."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


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


def denoising_loss(denoised: Tensor, clean: Tensor, weight: Tensor) -> Tensor:
    """Mean over the batch of the weighted squared error of the stems that count.

    Shapes: denoised, clean (batch, stems, channels, samples); weight (batch, stems), λ(σ) where a stem is noised and known,
    0 where it is given or unknown. (2206.00364 eq. 2; λ from `Precondition.weight`.)
    """
    errors = (denoised - clean).square().mean((2, 3))
    counted = (weight > 0).sum().clamp(min=1)
    return (errors * weight).sum() / counted
