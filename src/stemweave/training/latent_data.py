"""Crops of cached latents for training and validation, as a LightningDataModule."""

from pathlib import Path

from stemweave.data.crops import Source
from stemweave.data.latents import Latents
from stemweave.errors import DataError
from stemweave.model.checkpoint import load_codec
from stemweave.training.datamodule import StemCrops


class LatentCrops(StemCrops):
    """Random crops of `train`, fixed crops of `valid`: folders written by `stemweave preprocess latents`.

    Batches are latents float32 (batch, stems, latents, frames), and which stems are known (batch, stems).

    Args:
        train, valid: cache folders.
        codec: folder or hub id of the codec that the model is trained with, which must be the one that made the latents.
        length: frames per crop.
        batch_size, seed, valid_crops, workers: as in `StemCrops`.
    """

    kind = Latents

    def __init__(
        self,
        train: Path,
        valid: Path,
        codec: Path,
        length: int = 128,
        batch_size: int = 24,
        seed: int = 0,
        valid_crops: int = 64,
        workers: int = 0,
    ) -> None:
        super().__init__(
            train, valid, length, batch_size, seed, gain_db=0.0, polarity=False, valid_crops=valid_crops, workers=workers
        )
        self.codec = codec

    def cache(self, folder: Path) -> Source:
        """The latents in a folder. Raises DataError where there are none, where they are damaged, or of another codec."""
        latents, codec = Latents.open(folder), load_codec(self.codec)
        found, expected = latents.coding.digest, codec.digest()
        if found != expected:
            raise DataError(
                f"{folder} holds latents of codec {latents.coding.codec} ({found[:8]}), but the model is trained with "
                f"{self.codec} ({expected[:8]}); run `stemweave preprocess latents -n {self.codec}` for it"
            )
        latents.verify()
        return latents
