"""What happens beside the training steps: averaging the weights and exporting them, letting one hear how it goes."""

from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging
from torch import Tensor

from stemweave.model.checkpoint import save
from stemweave.training.module import StemTraining
from stemweave.training.text_module import TextTraining


class ExportAverage(EMAWeightAveraging):
    """Keeps an exponential average of the weights and writes it in our own format after every validation.

    Args:
        folder: the model folder to write; its own earlier export is replaced.
        decay: of the average, per step.
    """

    def __init__(self, folder: Path, decay: float = 0.999) -> None:
        super().__init__(decay=decay)
        self.folder = Path(folder)

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """The average is still in place here; the parent takes it out again."""
        if isinstance(pl_module, StemTraining | TextTraining) and trainer.is_global_zero and not trainer.sanity_checking:
            save(pl_module.model, self.folder, steps_trained=trainer.global_step, overwrite=True)
        super().on_validation_epoch_end(trainer, pl_module)


class Listen(Callback):
    """Audio and spectrogram of the first validation crop, taken apart in one evaluation, to TensorBoard."""

    def on_validation_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,  # noqa: ARG002
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,  # noqa: ARG002
    ) -> None:
        """Needs a TensorBoardLogger and a model that hears mixtures; does nothing without them."""
        board: Any = getattr(trainer.logger, "experiment", None)
        if batch_idx > 0 or not isinstance(pl_module, StemTraining) or not hasattr(board, "add_audio"):
            return
        if not pl_module.model.config.conditioned:
            return
        clean, config = batch[0][:1], pl_module.model.config
        high = torch.tensor(config.settings.learned.sigma_max, device=clean.device)
        noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0)).to(clean)
        stems = pl_module.model.mixed(clean.sum(1))(high * noise, high)[0]
        for name, stem in zip(("mixture", *config.stems), (clean[0].sum(0), *stems), strict=True):
            mono = stem.mean(0).float().cpu()
            board.add_audio(name, mono.clamp(-1, 1), trainer.global_step, sample_rate=config.rate)
            board.add_image(name, picture(mono), trainer.global_step)


def picture(mono: Tensor) -> Tensor:
    """A log spectrogram as an image, 80 dB deep. Shape: (samples,) → (1, frequencies, frames), low frequencies below."""
    spectrum = torch.stft(mono, 1024, 256, window=torch.hann_window(1024), return_complex=True).abs()
    level = 20 * spectrum.clamp(min=1e-5).log10()
    return ((level - level.max() + 80) / 80).clamp(0, 1).flip(0).unsqueeze(0)
