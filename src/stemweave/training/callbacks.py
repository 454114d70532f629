"""What happens beside the training steps: averaging the weights and exporting them, letting one hear how it goes."""

from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback, WeightAveraging
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from stemweave.errors import OutputError
from stemweave.model.checkpoint import save
from stemweave.model.model import Model
from stemweave.training.codec_module import CodecTraining
from stemweave.training.module import StemTraining
from stemweave.training.text_module import TextTraining


class ExportAverage(WeightAveraging):
    """Keeps an exponential average of the weights and writes it in our own format after every validation and at the end.

    The export says for how many steps its weights were trained in all, also those before this run (`start_from`).

    Args:
        folder: the folder of the model, or of the codec, to write. Only a run that goes on, or that starts from what is there,
            replaces it unasked.
        decay: of the average, per step.
        overwrite: whether to replace what another run left there.
    """

    def __init__(self, folder: Path, decay: float = 0.999, overwrite: bool = False) -> None:
        super().__init__(multi_avg_fn=get_ema_multi_avg_fn(decay))  # by differences: what stays the same stays exactly so
        self.folder, self.overwrite, self.before = Path(folder), overwrite, 0

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """How long the weights that training starts from were trained; a checkpoint that it goes on from knows better."""
        self.before = getattr(pl_module, "begun", 0)
        self._device = trainer.strategy.root_device  # where the module, still on the CPU, is going
        super().setup(trainer, pl_module, stage)

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002
        """A checkpoint to go on from is known here. Raises OutputError where another run's model would be lost."""
        start_from = getattr(pl_module, "start_from", None)
        started_there = start_from is not None and Path(start_from).absolute() == self.folder.absolute()
        if self.folder.exists() and not (self.overwrite or started_there):
            raise OutputError(
                f"{self.folder} exists already: go on with it (--ckpt_path, or --model.start_from {self.folder}), give another "
                "--average.folder, or --average.overwrite true"
            )

    def state_dict(self) -> dict[str, Any]:
        """What a run that goes on must know."""
        return {**super().state_dict(), "before": self.before}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Of the run that stopped."""
        super().load_state_dict(state_dict)
        self.before, self.overwrite = state_dict["before"], True

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """The average is still in place here; the parent takes it out again."""
        if not trainer.sanity_checking:
            self._write(trainer, pl_module)
        super().on_validation_epoch_end(trainer, pl_module)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """The parent has put the average in place, also of the steps after the last validation."""
        super().on_train_end(trainer, pl_module)
        self._write(trainer, pl_module)

    def _write(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.is_global_zero and isinstance(pl_module, StemTraining | TextTraining | CodecTraining):
            save(pl_module.model, self.folder, steps_trained=self.before + trainer.global_step, overwrite=True)


class Listen(Callback):
    """Audio and spectrograms of the first validation crop to TensorBoard: taken apart in one evaluation, or coded."""

    def on_validation_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,  # noqa: ARG002
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,  # noqa: ARG002
    ) -> None:
        """Needs a TensorBoardLogger, and a codec or a model that hears mixtures; does nothing without them."""
        board: Any = getattr(trainer.logger, "experiment", None)
        if batch_idx > 0 or not hasattr(board, "add_audio"):
            return
        if isinstance(pl_module, StemTraining) and pl_module.model.config.hears_mixtures:
            sounds, rate = taken_apart(pl_module.model, batch[0][:1]), pl_module.model.config.rate
        elif isinstance(pl_module, CodecTraining):
            sounds, rate = {"sound": batch[0], "coded": pl_module.coded(batch[:1])[0]}, pl_module.codec.config.rate
        else:
            return
        for name, sound in sounds.items():
            mono = sound.mean(0).float().cpu()
            board.add_audio(name, mono.clamp(-1, 1), trainer.global_step, sample_rate=rate)
            board.add_image(name, picture(mono), trainer.global_step)


def taken_apart(model: Model, clean: Tensor) -> dict[str, Tensor]:
    """Mixture and estimated stems, (channels, samples) each, of stems (1, stems, channels, samples)."""
    high = torch.tensor(model.config.settings.learned.sigma_max, device=clean.device)
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0)).to(clean)
    stems = model.mixed(clean.sum(1))(high * noise, high)[0]
    return {"mixture": clean[0].sum(0), **dict(zip(model.config.stems, stems, strict=True))}


def picture(mono: Tensor) -> Tensor:
    """A log spectrogram as an image, 80 dB deep. Shape: (samples,) → (1, frequencies, frames), low frequencies below."""
    spectrum = torch.stft(mono, 1024, 256, window=torch.hann_window(1024), return_complex=True).abs()
    level = 20 * spectrum.clamp(min=1e-5).log10()
    return ((level - level.max() + 80) / 80).clamp(0, 1).flip(0).unsqueeze(0)
