"""Training one network for every job: the denoising loss under randomly drawn conditions, as a LightningModule."""

from dataclasses import replace
from pathlib import Path

import lightning as L
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor

from stemweave.diffusion.loss import LogNormal, LogUniform, Uniform, denoising_loss
from stemweave.diffusion.precondition import Precondition
from stemweave.errors import ModelError
from stemweave.model.checkpoint import load_codec, started
from stemweave.model.codec import Codec
from stemweave.model.config import ModelConfig
from stemweave.model.model import Model
from stemweave.training.conditions import Conditions, Shares, draw_conditions
from stemweave.training.datamodule import StemCrops
from stemweave.training.latent_data import LatentCrops
from stemweave.training.rates import Rates


class StemTraining(L.LightningModule):
    """Trains a `Model` on (stems, known) batches: (batch, stems, channels, samples) and (batch, stems).

    A model over latents is trained on batches of these, and its codec stays as it is.

    Args:
        config: the model to train.
        codec: the folder of the codec whose latents the batches hold, which becomes the model's own; left out, the model has
            the codec of `config`, if any, with the weights of `start_from`.
        shares: how often each conditioning mode is trained; 0 for those that the network cannot hear.
        noise: noise levels without the mixture; matched to the sampler's range. In a recipe, `Uniform` by its class path.
        noise_mixed: noise levels with the mixture given: high, where separation in few evaluations lives.
        plain: share of mixture items that take their level from `noise` all the same.
        valid_sigmas: noise levels that validation looks at.
        rate_peak: AdamW's learning rate between warm-up and cool-down.
        warm_up: steps over which the rate rises.
        cool_down: last steps of the trainer, over which the rate falls to zero. A run may thus be stopped at any time and
            finished by resuming it with another `max_steps`.
        decay: weight decay of matrices.
        betas: AdamW's averages of the gradient and of its square.
        start_from: a model folder whose weights to start from.
    """

    def __init__(
        self,
        config: ModelConfig,
        codec: Path | None = None,
        shares: Shares = Shares(),
        noise: LogNormal | Uniform = LogNormal(-3.0, 1.4, 1e-3, 2.0),
        noise_mixed: LogUniform = LogUniform(0.5, 2.0),
        plain: float = 0.3,
        valid_sigmas: tuple[float, ...] = (0.02, 0.1, 0.5),
        rate_peak: float = 1e-3,
        warm_up: int = 200,
        cool_down: int = 1000,
        decay: float = 0.01,
        betas: tuple[float, float] = (0.9, 0.98),
        start_from: Path | None = None,
    ) -> None:
        super().__init__()
        check_heard(config, shares)
        held = None if codec is None else load_codec(codec)
        self.model = Model(replace(config, codec=held.config) if held else config)
        self.shares, self.noise, self.noise_mixed, self.plain = shares, noise, noise_mixed, plain
        self.valid_sigmas = valid_sigmas
        self.rates = Rates(rate_peak, warm_up, cool_down, decay, betas)
        self.begun = 0 if start_from is None else started(self.model, start_from)
        self.start_from = start_from
        self.model.codec = (held or self.model.codec).requires_grad_(False)

    def on_fit_start(self) -> None:
        """Raises ModelError where the data are other stems than the model's, or latents of another codec."""
        data, config = getattr(self.trainer, "datamodule", None), self.model.config
        for folder, stems in data.stems().items() if isinstance(data, StemCrops) else ():
            if stems != config.stems:
                raise ModelError(
                    f"{folder} holds {', '.join(stems)}, {config.name} is a model of {', '.join(config.stems)}: cache the same "
                    "stems in the same order, or give the model those"
                )
        if isinstance(data, LatentCrops):
            own, other = self.model.codec, load_codec(data.codec)
            if not isinstance(own, Codec) or own.digest() != other.digest():
                raise ModelError(
                    f"{config.name} is not trained with {data.codec}, the codec of its data: give `codec` of model "
                    "and data alike"
                )

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:  # noqa: ARG002
        """One batch's loss."""
        clean, known = batch
        conditions = draw_conditions(self.shares, known)
        sigma = self.draw_sigma(conditions)
        loss = self.loss(clean, known, conditions, sigma, torch.randn_like(clean))
        self.log("train/loss", loss, prog_bar=True)
        self.log("train/rate", self.lr_schedulers().get_last_lr()[0])  # type: ignore[union-attr]
        return loss

    def draw_sigma(self, conditions: Conditions) -> Tensor:
        """One noise level per item. Shape: (batch,)."""
        uniform, other, coin = torch.rand(3, len(conditions.mixed), device=self.device)
        high = conditions.mixed & (coin >= self.plain)
        return torch.where(high, self.noise_mixed(uniform), self.noise(other))

    def loss(self, clean: Tensor, known: Tensor, conditions: Conditions, sigma: Tensor, noise: Tensor) -> Tensor:
        """The weighted denoising loss of one batch under these conditions, levels (batch,) and noise (as clean)."""
        levels = sigma[:, None].masked_fill(conditions.given, 0.0)
        mixture = clean.sum(1) * conditions.mixed[:, None, None]
        denoised = self.model(clean + levels[:, :, None, None] * noise, levels, mixture, conditions.mixed.to(clean.dtype))
        weight = self.weight(sigma, mixture, conditions.mixed)
        return denoising_loss(denoised, clean, weight[:, None] * (known & ~conditions.given))

    def weight(self, sigma: Tensor, mixture: Tensor, mixed: Tensor) -> Tensor:
        """EDM's λ(σ); where the mixture is given, for the data's level scaled as the mixture is.

        Quiet and loud mixtures then count alike at high noise levels; D stays the posterior mean, since the weight depends on
        the condition only. Shapes: sigma and mixed (batch,), mixture (batch, channels, samples) → (batch,).
        """
        power = mixture.square().mean((1, 2)) / self.model.config.mixture_level**2
        level = self.model.config.sigma_data * torch.where(mixed, power.clamp(0.1, 10), 1.0).sqrt()
        return Precondition(level).weight(sigma)

    def validation_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        """Losses per mode at fixed noise levels and fixed noise; where it hears mixtures, how it separates."""
        clean, known = batch
        noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(index)).to(clean)
        none, every = torch.zeros_like(known), torch.ones_like(known[:, 0])
        first = none.clone()
        first[:, 0] = known[:, 0] & (known.shape[1] > 1)
        modes = {"nothing": Conditions(none, ~every)}
        if self.model.config.hears_stems:
            modes["given"] = Conditions(first, ~every)
        if self.model.config.hears_mixtures:
            modes["mixture"] = Conditions(none, every)
            self.log_separation(clean, noise)
        for name, conditions in modes.items():
            for level in self.valid_sigmas:
                sigma = torch.full_like(clean[:, 0, 0, 0], level)
                self.log(f"valid/{name}-{level}", self.loss(clean, known, conditions, sigma, noise), batch_size=len(clean))

    def log_separation(self, clean: Tensor, noise: Tensor) -> None:
        """The separation improvement of one evaluation from the highest noise level."""
        high = self.model.config.settings.learned.sigma_max
        estimate = self.model.mixed(clean.sum(1))(high * noise, torch.tensor(high, device=self.device))
        for stem, value in zip(self.model.config.stems, improvement(estimate, clean), strict=True):
            self.log(f"valid/sisdri-{stem}", value, batch_size=len(clean))

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW with a linear warm-up and a linear cool-down at the end."""
        return self.rates.optimizers(self.model.net, int(self.trainer.estimated_stepping_batches))


def check_heard(config: ModelConfig, shares: Shares) -> None:
    """Raises ModelError for shares of what the network was not made to hear."""
    if (shares.mixture or shares.both) and not config.hears_mixtures:
        raise ModelError(f"{config.name} cannot be given mixtures: its shares of mixture and both must be 0")
    if shares.given and not config.hears_stems:
        raise ModelError(f"{config.name} cannot be given stems: its share of given must be 0")


def improvement(estimate: Tensor, clean: Tensor) -> list[Tensor]:
    """Mean SI-SDR improvement over the mixture per stem, dB, over items where the stem sounds (RMS ≥ -60 dBFS).

    A progress figure for training; `stemweave.evaluation` is the one to quote. Shapes: (batch, stems, channels, samples).
    """
    mixture = clean.sum(1, keepdim=True).expand_as(clean)
    gain = si_sdr(estimate, clean) - si_sdr(mixture, clean)
    sounding = clean.square().mean((2, 3)).sqrt() >= 1e-3
    return [gain[:, n][sounding[:, n]].mean().nan_to_num() for n in range(clean.shape[1])]


def si_sdr(estimate: Tensor, truth: Tensor) -> Tensor:
    """Scale-invariant signal-to-distortion ratio, dB. Shape: (batch, stems, channels, samples) → (batch, stems)."""
    estimate, truth = estimate.flatten(2).double(), truth.flatten(2).double()
    scale = (estimate * truth).sum(-1, keepdim=True) / truth.square().sum(-1, keepdim=True).clamp(min=1e-12)
    target, error = (scale * truth).square().sum(-1), (scale * truth - estimate).square().sum(-1)
    return 10 * torch.log10(target.clamp(min=1e-12) / error.clamp(min=1e-12)).float()
