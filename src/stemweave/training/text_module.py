"""Training a model of mixtures that is told in words what sounds (2403.11706), as a LightningModule."""

from collections.abc import Sequence
from pathlib import Path

import lightning as L
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor

from stemweave.diffusion.loss import LogNormal, denoising_loss
from stemweave.model.checkpoint import load_weights
from stemweave.model.config import ModelConfig
from stemweave.model.texted import TextModel
from stemweave.nets.prompts import Prompt
from stemweave.training.rates import Rates

Batch = tuple[Tensor, Sequence[str]]
"""Mixtures (batch, channels, samples), and what sounds in each."""


class TextTraining(L.LightningModule):
    """Trains a `TextModel` on mixtures and their descriptions.

    Args:
        config: the model to train.
        dropout: share of items that are told nothing, for guidance (2207.12598).
        noise: noise levels, matched to the sampler's range.
        rate_peak, warm_up, cool_down, decay, betas: as in `Rates`.
        start_from: a model folder whose weights to start from.
    """

    def __init__(
        self,
        config: ModelConfig,
        dropout: float = 0.1,
        noise: LogNormal = LogNormal(-2.6, 1.3, 1e-3, 2.0),
        rate_peak: float = 1e-3,
        warm_up: int = 200,
        cool_down: int = 1000,
        decay: float = 0.01,
        betas: tuple[float, float] = (0.9, 0.98),
        start_from: Path | None = None,
    ) -> None:
        super().__init__()
        self.model = TextModel(config)
        self.dropout, self.noise = dropout, noise
        self.rates = Rates(rate_peak, warm_up, cool_down, decay, betas)
        if start_from is not None:
            load_weights(self.model, start_from)

    def training_step(self, batch: Batch, index: int) -> Tensor:  # noqa: ARG002
        """One batch's loss."""
        mixture, texts = batch
        hear = self.model.conditioner
        prompt = hear.dropped(hear(hear.prepare(texts)), self.dropout)
        sigma = self.noise(torch.rand(len(mixture), device=self.device))
        loss = self.loss(mixture, sigma, torch.randn_like(mixture), prompt)
        self.log("train/loss", loss, prog_bar=True, batch_size=len(mixture))
        self.log("train/rate", self.lr_schedulers().get_last_lr()[0], batch_size=len(mixture))  # type: ignore[union-attr]
        return loss

    def loss(self, mixture: Tensor, sigma: Tensor, noise: Tensor, prompt: Prompt) -> Tensor:
        """The weighted denoising loss of one batch under these levels (batch,), noise (as mixture) and prompts (batch)."""
        clean = mixture.unsqueeze(1)
        noised = clean + sigma[:, None, None, None] * noise.unsqueeze(1)
        weight = self.model.precondition.weight(sigma)
        return denoising_loss(self.model.denoised(noised, sigma, prompt), clean, weight[:, None])

    def validation_step(self, batch: Batch, index: int) -> None:
        """Losses at fixed noise levels and fixed noise: told what sounds, told nothing, and told what sounds in another."""
        mixture, texts = batch
        noise = torch.randn(mixture.shape, generator=torch.Generator().manual_seed(index)).to(mixture)
        hear = self.model.conditioner
        told = {
            "told": hear(hear.prepare(texts)),
            "nothing": hear.null(len(mixture)),
            "another": hear(hear.prepare([*texts[1:], texts[0]])),
        }
        for name, prompt in told.items():
            for level in (0.02, 0.1, 0.5):
                loss = self.loss(mixture, torch.full_like(mixture[:, 0, 0], level), noise, prompt)
                self.log(f"valid/{name}-{level}", loss, batch_size=len(mixture))

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW with a linear warm-up and a linear cool-down at the end."""
        return self.rates.optimizers(self.model, int(self.trainer.estimated_stepping_batches))
