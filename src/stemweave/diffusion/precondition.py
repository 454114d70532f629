"""EDM's preconditioning (2206.00364 eq. 7): a network that sees and answers unit variance at every noise level."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Precondition:
    """Four coefficients for data of standard deviation `data`: D = skip·x + out·F(scale·x; noise).

    `sigma` may have any shape that broadcasts with x; at sigma 0 (a given stem) D(x) = x exactly. `data` may be a tensor, one
    level per item.
    """

    data: float | Tensor

    def skip(self, sigma: Tensor) -> Tensor:
        """c_skip: how much of the noised signal passes."""
        return 1 / (1 + (sigma / self.data) ** 2)

    def out(self, sigma: Tensor) -> Tensor:
        """c_out: the standard deviation of what the network must still say."""
        return sigma * self.data / (sigma**2 + self.data**2).sqrt()

    def scale(self, sigma: Tensor) -> Tensor:
        """c_in: brings the noised signal to unit variance."""
        return 1 / (sigma**2 + self.data**2).sqrt()

    def noise(self, sigma: Tensor) -> Tensor:
        """The noise level in units of the data's level, as the network reads it (0 stays 0)."""
        return sigma / self.data

    def weight(self, sigma: Tensor) -> Tensor:
        """λ(σ) = 1/c_out²: every noise level weighs the same at the start of training."""
        return (sigma**2 + self.data**2) / (sigma * self.data) ** 2

    def denoised(self, x: Tensor, sigma: Tensor, answer: Tensor) -> Tensor:
        """D from the network's answer F, in x's precision."""
        return torch.addcmul(self.skip(sigma) * x, self.out(sigma).to(x.dtype), answer.to(x.dtype))
