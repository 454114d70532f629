"""A Gaussian likelihood of the sound that latents decode to, for codecs in whose latents a mixture is no sum."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from stemweave.diffusion.denoiser import Denoiser, describe
from stemweave.diffusion.mixing import mix
from stemweave.diffusion.posterior import Variance

Decode = Callable[[Tensor], Tensor]
"""(batch, stems, latents, frames) → (batch, stems, channels, samples); differentiable."""


@dataclass(frozen=True, eq=False)
class DecodedLikelihood:
    """D − σ²·∇ₓ‖y − Σ a_n·dec(D_n)‖²/2v: the decoder tells the latents the mixture (ours, after ΠGDM, ICLR 2023).

    One vector-Jacobian product through decoder and prior, both differentiable; works under `torch.no_grad` and
    `torch.inference_mode`. `mixture`: (batch, channels, samples), as long as what `decode` gives. `variance`: σ → v of what
    the decoded estimates leave of the mixture, its own noise included; a scalar, or what broadcasts with the mixture. The
    decoded stems sum to the mixture as far as v is small, not exactly. Where the decoder is an orthonormal matrix and
    v = Σ a_n²·v_n + s_y², this is `PosteriorMeanFull`.
    """

    prior: Denoiser
    mixture: Tensor
    decode: Decode
    variance: Variance
    row: Tensor | None = None
    __repr__ = describe

    def __call__(self, x: Tensor, sigma: Tensor, /) -> Tensor:
        """Shape: (batch, stems, latents, frames) → the same."""
        with torch.inference_mode(False), torch.enable_grad():
            free = x.detach().clone().requires_grad_()
            denoised = self.prior(free, sigma)
            heard = mix(self.decode(denoised), self.row)
            (pull,) = torch.autograd.grad(heard, free, (self.mixture - heard.detach()) / self.variance(sigma))
        return denoised.detach() + sigma**2 * pull
