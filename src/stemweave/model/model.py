"""A network, its preconditioning, its codec and its configuration: a prior over stems, and what it can be conditioned on."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from stemweave.diffusion.denoiser import Denoiser
from stemweave.diffusion.noise import Noise, NoiseSource
from stemweave.diffusion.precondition import Precondition
from stemweave.errors import ModelError
from stemweave.model.codec import Codec, Identity
from stemweave.model.config import ModelConfig
from stemweave.model.networks import network


class Model(nn.Module):
    """D(x; σ) for all stems, with a noise level per stem and optionally the mixture. See `ModelConfig`.

    With a codec, which is the caller's to use, channels and samples are latents and frames throughout.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.precondition = Precondition(config.sigma_data)
        self.net = network(config)
        self.codec: Codec | Identity = Codec(config.codec) if config.codec else Identity(config.channels)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def shape(self, batch: int, samples: int) -> tuple[int, int, int, int]:
        """The shape of stems of so many samples of sound: (batch, stems, channels, samples), or latents and frames."""
        return batch, len(self.config.stems), self.config.width, self.config.frames(samples)

    def noise(self, seed: int) -> NoiseSource:
        """What a piece with this seed is made from."""
        return Noise((seed,), device=self.device)

    def forward(self, x: Tensor, sigma: Tensor, mixture: Tensor, mixed: Tensor) -> Tensor:
        """The denoised stems.

        Shapes: x (batch, stems, channels, samples); sigma (batch, stems), 0 = given, returned untouched; mixture (batch,
        channels, samples), zeros where absent; mixed (batch,), 1 where the mixture is given.
        """
        each = sigma[:, :, None, None]
        scaled = self.precondition.scale(each) * x
        answer = self.net(scaled, self.precondition.noise(sigma), mixture / self.config.sigma_data, mixed)
        return self.precondition.denoised(x, each, answer)

    def prior(self) -> Denoiser:
        """The unconditional joint prior of the paper (2302.02257 §3)."""
        return Bound(self)

    def given(self, known: Tensor, mask: Tensor) -> "Bound":
        """The prior given some stems, by learned conditioning. Shapes: (batch, stems, channels, samples), mask (stems,).

        Raises ModelError where the network was not made for it.
        """
        if not self.config.hears_stems:
            raise ModelError(f"{self.config.name} never heard given stems; use the method replacement")
        return Bound(self, known=known, mask=mask)

    def mixed(self, mixture: Tensor) -> "Bound":
        """The prior given the mixture, by learned conditioning. Shape: (batch, channels, samples).

        Raises ModelError where the network was not made for it.
        """
        if not self.config.hears_mixtures:
            raise ModelError(f"{self.config.name} never heard a mixture; use the likelihood dirac")
        return Bound(self, mixture=mixture)


@dataclass(frozen=True, eq=False)
class Bound:
    """A denoiser: the model with its conditions bound, so that a walk sees only (x, σ)."""

    model: Model
    known: Tensor | None = None
    mask: Tensor | None = None
    mixture: Tensor | None = None

    def __call__(self, x: Tensor, sigma: Tensor, /) -> Tensor:
        """Shape: (batch, stems, channels, samples) → the same; `sigma` one level for all stems not given."""
        levels = x.new_full(x.shape[:2], float(sigma))  # made on the device: nothing is copied there, and nobody waits
        if self.known is not None and self.mask is not None:
            x = torch.where(self.mask[:, None, None], self.known, x)
            levels = levels.masked_fill(self.mask, 0.0)
        mixture = torch.zeros_like(x[:, 0]) if self.mixture is None else self.mixture
        mixed = x.new_full(x.shape[:1], float(self.mixture is not None))
        return self.model(x, levels, mixture, mixed)

    def __repr__(self) -> str:
        conditions = [name for name in ("known", "mixture") if getattr(self, name) is not None]
        return f"Bound({self.model.config.name}{''.join(', ' + name for name in conditions)})"
