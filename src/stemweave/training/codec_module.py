"""Training a codec of single stems (2409.06190's SourceVAE) against discriminators, as a LightningModule."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import lightning as L
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from stemweave.audio.mels import FLOOR, MelDistance
from stemweave.errors import ModelError
from stemweave.model.checkpoint import read_any, started
from stemweave.model.codec import Codec, CodecConfig
from stemweave.nets.discriminators import DiscriminatorConfig, Discriminators
from stemweave.nets.start import initialise
from stemweave.nets.weightnorm import folded, normed
from stemweave.training.additive import draw_change, draw_sums
from stemweave.training.codec_losses import (
    additivity_error,
    deception,
    discrimination,
    feature_distance,
    kl_divergence,
    waveform_distance,
)
from stemweave.training.module import si_sdr
from stemweave.training.rates import Rates


@dataclass(frozen=True)
class Weights:
    """Of the codec's losses; as published, where the distance of waveforms is only looked at."""

    mel: float = 15.0
    waveform: float = 0.0
    feature: float = 2.0
    adversarial: float = 1.0
    kl: float = 10.0


class CodecTraining(L.LightningModule):
    """Trains a `Codec` of one VAE on sounds (batch, channels, samples): at each step the discriminators, then the VAE.

    Latents are drawn (mean + std · noise) in training, and are the mean in validation. Steps count the VAE's. In float32,
    as published.

    Args:
        config: the codec to train.
        weights: of its losses: multi-scale mel distance, relative distance of waveforms, distance of features, adversarial
            (least squares), KL from N(0, 1).
        faint: magnitude below which bands of the mel distance count as equal, 1e-5 as published: there, more than half of
            a small codec's distance is in what cannot be heard.
        discriminators: their sizes; half a million parameters, for CPUs, where left out.
        adversarial_from: step from which there are discriminators: 0 as published; before it a step costs nothing for them.
        additive: how near to linear the codec is to be: `training.additive`; 0 as published.
        weight_norm: whether the VAE trains with weight norm, as published; it is folded away in what is exported.
        rate_peak, warm_up, cool_down, decay, betas, fade: as in `Rates`, for both sides; the discriminators' course begins with
            their first step.
        clip: largest norm of the VAE's gradient.
        clip_discriminators: of theirs.
        start_from: a codec folder whose weights to start from.
        decoder_alone: whether the encoder and what is made of its latents stay as they are there; a model over them hears no
            difference.
    """

    def __init__(
        self,
        config: CodecConfig,
        weights: Weights = Weights(),
        faint: float = FLOOR,
        discriminators: DiscriminatorConfig = DiscriminatorConfig(widths=(16, 32, 64, 96, 96), band_width=8),
        adversarial_from: int = 0,
        additive: float = 0.0,
        weight_norm: bool = False,
        rate_peak: float = 1e-3,
        warm_up: int = 200,
        cool_down: int = 1000,
        decay: float = 0.0,
        betas: tuple[float, float] = (0.8, 0.99),
        fade: float = 1.0,
        clip: float = 1e3,
        clip_discriminators: float = 10.0,
        start_from: Path | None = None,
        decoder_alone: bool = False,
    ) -> None:
        super().__init__()
        if decoder_alone and start_from is None:
            raise ModelError(
                f"codec {config.name}: its decoder cannot train alone without a codec to start from; say start_from"
            )
        if config.stems:
            raise ModelError(f"codec {config.name}: VAEs of {', '.join(config.stems)} train one by one; leave out its stems")
        self.automatic_optimization = False
        self.codec = Codec(alike(config, start_from) if decoder_alone and start_from else config)
        self.discriminators = Discriminators(discriminators)
        self.mel = MelDistance(config.rate, faint)
        self.weights, self.additive, self.adversarial_from = weights, additive, adversarial_from
        self.clip, self.clip_discriminators = clip, clip_discriminators
        self.rates = Rates(rate_peak, warm_up, cool_down, decay, betas, fade)
        if self.codec.net.lapped:  # the published network starts from torch's own random weights
            initialise(self.codec.net)
        self.begun = 0 if start_from is None else started(self.codec, start_from)
        self.start_from = start_from
        self.codec.net.encoder.requires_grad_(not decoder_alone)
        if weight_norm:
            normed(self.codec)

    @property
    def model(self) -> Codec:
        """A copy of the codec as it is exported, without weight norm."""
        plain = Codec(self.codec.config)
        plain.load_state_dict(folded(self.codec))
        return plain

    def coded(self, sound: Tensor) -> Tensor:
        """There and back, by the mean of the latents. Shape: (batch, channels, samples) → the same."""
        return self.codec.net.decode(self.codec.net.encode(sound), sound.shape[-1])

    def training_step(self, sound: Tensor, index: int) -> None:  # noqa: ARG002
        """One step of each side."""
        heard = draw_sums(sound, self.additive)(sound)
        mean, logvar = self.codec.net.distribution(heard)
        change = draw_change(mean, self.additive)
        latents = change(mean + (0.5 * logvar).exp() * torch.randn_like(mean))
        wanted, made = change(heard), self.codec.net.decode(latents, sound.shape[-1])
        losses = {
            "mel": self.mel(wanted, made),
            "waveform": waveform_distance(wanted, made),
            "kl": kl_divergence(mean, logvar),
        }
        if self.global_step >= self.adversarial_from:
            self.learn_to_tell(wanted, made.detach())
            losses |= self.told_apart(wanted, made)
        self.learn(losses)

    def learn_to_tell(self, real: Tensor, made: Tensor) -> None:
        """A step of the discriminators. It is not one that Lightning counts."""
        _, optimiser = self.optimizers(use_pl_optimizer=False)  # type: ignore[misc]
        self.discriminators.requires_grad_(True)
        loss = discrimination(self.discriminators(real), self.discriminators(made))
        optimiser.zero_grad()
        self.manual_backward(loss)
        norm = clip_grad_norm_(self.discriminators.parameters(), self.clip_discriminators)
        optimiser.step()
        self.lr_schedulers()[1].step()  # type: ignore[index]
        self.log_dict({"train/discriminators": loss, "train/norm-discriminators": norm})

    def told_apart(self, real: Tensor, made: Tensor) -> dict[str, Tensor]:
        """The losses by which the VAE learns from the discriminators, which stay as they are."""
        self.discriminators.requires_grad_(False)
        with torch.no_grad():
            known = self.discriminators(real)
        judged = self.discriminators(made)
        return {"feature": feature_distance(known, judged), "adversarial": deception(judged)}

    def learn(self, losses: dict[str, Tensor]) -> None:
        """A step of the VAE, which Lightning counts."""
        weights = asdict(self.weights)
        loss = torch.stack([weights[name] * value for name, value in losses.items()]).sum()
        optimiser, schedule = self.optimizers()[0], self.lr_schedulers()[0]  # type: ignore[index]
        optimiser.zero_grad()
        self.manual_backward(loss)
        norm = clip_grad_norm_(self.codec.parameters(), self.clip)
        optimiser.step()
        rate = schedule.get_last_lr()[0]
        schedule.step()
        self.log("train/loss", loss, prog_bar=True)
        self.log_dict({f"train/{name}": value for name, value in losses.items()} | {"train/norm": norm, "train/rate": rate})

    def validation_step(self, sound: Tensor, index: int) -> None:  # noqa: ARG002
        """How like the sounds it is what comes back, dB and mel distance; KL; how far encoder and decoder are from adding up.

        Additivity errors are of each sound and the one before it in the batch.
        """
        net, samples = self.codec.net, sound.shape[-1]
        mean, logvar = net.distribution(sound)
        made = net.decode(mean, samples)
        figures = {
            "mel": self.mel(sound, made),
            "sisdr": si_sdr(made[:, None], sound[:, None]).mean(),
            "kl": kl_divergence(mean, logvar),
            "additivity-encoder": additivity_error(net.encode, sound, sound.roll(1, 0)),
            "additivity-decoder": additivity_error(lambda z: net.decode(z, samples), mean, mean.roll(1, 0)),
        }
        self.log_dict({f"valid/{name}": value for name, value in figures.items()}, batch_size=len(sound))

    def configure_optimizers(self) -> tuple[OptimizerLRSchedulerConfig, OptimizerLRSchedulerConfig]:
        """The VAE's, then the discriminators', which have fewer steps."""
        total = int(self.trainer.estimated_stepping_batches)
        others = max(1, total - self.adversarial_from)
        return self.rates.optimizers(self.codec, total), self.rates.optimizers(self.discriminators, others)


def alike(config: CodecConfig, folder: Path) -> CodecConfig:
    """Of a codec that hands out its latents as the one in a folder does."""
    there = read_any(folder)
    if not isinstance(there, CodecConfig):
        return config
    return replace(config, mean=there.mean, std=there.std, compand=there.compand, linear=there.linear)
