"""Training a model of mixtures that is told in words what sounds (2403.11706), as a LightningModule."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import lightning as L
import torch
import torch.nn.functional as F
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor

from stemweave.diffusion.loss import LogNormal, denoising_loss
from stemweave.errors import ModelError
from stemweave.model.checkpoint import started
from stemweave.model.config import ModelConfig
from stemweave.model.texted import TextModel
from stemweave.nets.prompts import Prepared, Prompt, joined
from stemweave.nets.text import Encoded
from stemweave.nets.text_cache import TextCache
from stemweave.nets.textunet import Heard, TextUNet
from stemweave.training.rates import Rates
from stemweave.training.spectra import start_from_spectra

LOOKS = 4
"""Mixtures of a batch that are looked at as they are shared out."""

Said = Sequence[str] | Prepared
"""What sounds in each mixture of a batch: in words, or as it was heard already (`sound_data`)."""

Part = tuple[()] | tuple[Tensor, Said, Sequence[str]]
"""Perhaps a part of each mixture of a batch, what sounds in that, and what is absent from the mixture ("" for nothing)."""

Batch = tuple[Tensor, Said] | tuple[Tensor, Said, Tensor, Said, Sequence[str]]
"""Mixtures (batch, channels, samples), and what sounds in each; perhaps their parts."""


class Losses(NamedTuple):
    """Of a batch."""

    denoising: Tensor
    """Weighted, of the noised mixtures."""

    surprise: Tensor
    """How far expected spectra are from those of the mixtures and of their parts; 0 for a network that expects none."""


class TextTraining(L.LightningModule):
    """Trains a `TextModel` on mixtures and their descriptions.

    Args:
        config: the model to train.
        dropout: share of items that are told nothing, for guidance (2207.12598).
        spectrum: weight of the network's expected spectra in the loss, for a `TextUNet`, of mixtures and of their parts where
            the data have them; 0 for other networks.
        presence: weight of what it believes to be there at all, likewise; the trunk does not learn of this.
        spectra: batches from which the usual spectrum of each of the model's own stems is measured before the first step, for a
            `TextUNet` that starts from nothing; 0 for none.
        texts: a file in which what an encoder says of texts is kept, so that no run asks it again of what one did.
        noise: noise levels, matched to the sampler's range.
        rate_peak, warm_up, cool_down, decay, betas: as in `Rates`.
        start_from: a model folder whose weights to start from.
    """

    def __init__(
        self,
        config: ModelConfig,
        dropout: float = 0.1,
        spectrum: float = 0.0,
        presence: float = 0.0,
        spectra: int = 0,
        texts: Path | None = None,
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
        self.dropout, self.noise, self.spectrum, self.presence, self.spectra = dropout, noise, spectrum, presence, spectra
        self.rates, self.fresh = Rates(rate_peak, warm_up, cool_down, decay, betas), start_from is None
        self.texts = None if texts is None else kept_texts(self.model, texts)
        self.begun = 0 if start_from is None else started(self.model, start_from)
        self.start_from = start_from

    def on_train_start(self) -> None:
        """Measure usual spectra, where asked for, unless training goes on: only here is the step of a checkpoint known."""
        if self.spectra and self.fresh and self.trainer.global_step == 0:
            batches = islice(self.trainer.datamodule.train_dataloader(), self.spectra)  # type: ignore[attr-defined]
            start_from_spectra(self.model, batches)

    def on_fit_end(self) -> None:
        """Keep what the encoder said."""
        if self.texts and self.trainer.is_global_zero:
            self.texts.write()

    def training_step(self, batch: Batch, index: int) -> Tensor:  # noqa: ARG002
        """One batch's loss."""
        mixture, said = batch[:2]
        prompt = self.model.conditioner.dropped(self.told(said), self.dropout)
        sigma = self.noise(torch.rand(len(mixture), device=self.device))
        losses, doubt = self.losses(mixture, sigma, torch.randn_like(mixture), prompt, batch[2:]), self.doubt(batch)
        loss = losses.denoising + self.spectrum * losses.surprise + self.presence * doubt
        found = {**losses._asdict(), "doubt": doubt}
        self.log_dict({f"train/{name}": value for name, value in found.items()}, batch_size=len(mixture))
        self.log("train/loss", loss, prog_bar=True, batch_size=len(mixture))
        self.log("train/rate", self.lr_schedulers().get_last_lr()[0], batch_size=len(mixture))  # type: ignore[union-attr]
        return loss

    def told(self, said: Said) -> Prompt:
        """What the network hears of it, one prompt for each mixture."""
        hear = self.model.conditioner
        return hear(said if isinstance(said, Prepared) else hear.prepare(said))

    def losses(self, mixture: Tensor, sigma: Tensor, noise: Tensor, prompt: Prompt, part: Part = ()) -> Losses:
        """Of one batch under these levels (batch,), noise (as mixture) and prompts (batch)."""
        clean, level, known = mixture.unsqueeze(1), sigma[:, None, None, None], self.model.precondition
        noised = clean + level * noise.unsqueeze(1)
        asked = (known.scale(level) * noised, known.noise(sigma), prompt)
        surprise = noised.new_zeros(())
        if isinstance(self.model.net, TextUNet):
            answer, heard = self.model.net.estimate(*asked)
            whole = self.model.net.expected(heard, prompt)
            surprise = self.surprise(whole, mixture, whole)
            if part:
                surprise = surprise + self.surprise(self.model.net.expected(heard, self.told(part[1])), part[0], whole)
        else:
            answer = self.model.net(*asked)
        denoised = known.denoised(noised, level, answer)
        return Losses(denoising_loss(denoised, clean, known.weight(sigma)[:, None]), surprise)

    def surprise(self, expected: Tensor, sound: Tensor, loud: Tensor) -> Tensor:
        """How far expected spectra are from those of what sounds (batch, channels, samples), where all of it is `loud`."""
        net: TextUNet = self.model.net  # type: ignore[assignment]
        return net.surprise(expected, sound.unsqueeze(1) / self.model.config.sigma_data, loud).mean()

    def doubt(self, batch: Batch) -> Tensor:
        """Cross entropy, in nats, of what sounds and of what is absent, given the first `LOOKS` mixtures of a batch, clean.

        0 where the data do not say what is absent, or the network is of another kind.
        """
        net, mixture = self.model.net, batch[0][:LOOKS]
        if len(batch) == 2 or not isinstance(net, TextUNet):
            return mixture.new_zeros(())
        with torch.no_grad():
            _, heard = net.look(mixture / self.model.config.sigma_data, self.model.conditioner.null())
        sounding, absent = joined(self.told(batch[1]).split()[:LOOKS]), batch[4][:LOOKS]
        odds = [net.present(heard, sounding)[sounding.mask]]
        if some := [place for place, text in enumerate(absent) if text]:
            missing = self.told([absent[place] for place in some])
            odds.append(-net.present(Heard(*(each[some] for each in heard)), missing)[missing.mask])
        return F.softplus(-torch.cat(odds)).mean()

    def validation_step(self, batch: Batch, index: int) -> None:
        """Losses at fixed noise levels and fixed noise: told what sounds, told nothing, and told what sounds in another.

        How far the spectra are that it expects, and what it believes to be there, likewise.
        """
        mixture, said = batch[:2]
        noise = torch.randn(mixture.shape, generator=torch.Generator().manual_seed(index)).to(mixture)
        told = self.told(said)
        first, *others = told.split()
        prompts = {"told": told, "nothing": self.model.conditioner.null(len(mixture)), "another": joined([*others, first])}
        for name, prompt in prompts.items():
            for level in (0.02, 0.1, 0.5):
                sigma = torch.full_like(mixture[:, 0, 0], level)
                loss, surprise = self.losses(mixture, sigma, noise, prompt, batch[2:])
                self.log(f"valid/{name}-{level}", loss, batch_size=len(mixture))
                self.log(f"valid/{name}-surprise-{level}", surprise, batch_size=len(mixture))
        self.log("valid/doubt", self.doubt(batch), batch_size=len(mixture))

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW with a linear warm-up and a linear cool-down at the end."""
        return self.rates.optimizers(self.model, int(self.trainer.estimated_stepping_batches))


def kept_texts(model: TextModel, path: Path) -> TextCache:
    """Have the model's encoder keep what it says of texts in a file. Raises ModelError for a vocabulary, which needs none."""
    reader = model.conditioner.reader
    if not isinstance(reader, Encoded):
        raise ModelError(f"{model.config.name} reads texts by a vocabulary, of which nothing need be kept: leave out texts")
    cache = TextCache(path)
    model.conditioner.reader = Encoded(reader.encoder, cache)
    return cache
