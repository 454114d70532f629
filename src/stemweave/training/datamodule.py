"""Crops of cached stems for training and validation, as a LightningDataModule."""

from pathlib import Path

import lightning as L
import torch
from torch.utils.data import DataLoader

from stemweave.data.augmentation import Augmentation
from stemweave.data.crops import FixedCrops, RandomCrops, Source
from stemweave.data.latents import Latents
from stemweave.data.shards import Cache


class StemCrops(L.LightningDataModule):
    """Random crops of `train`, fixed crops of `valid`: folders written by `stemweave preprocess audio`.

    Args:
        train, valid: cache folders.
        length: samples per crop.
        batch_size: crops per step.
        seed: of the crops; each worker and each rank draws its own.
        gain_db: standard deviation of a random gain per stem, dB.
        polarity: flip stems at random.
        remix: share of crops whose stems come from different songs; only sensible for independent priors.
        augmentation: how sounds are changed at random.
        valid_crops: how many fixed crops validate.
        workers: loader processes.
    """

    kind: type[Cache] | type[Latents] = Cache

    def __init__(
        self,
        train: Path,
        valid: Path,
        length: int = 65536,
        batch_size: int = 8,
        seed: int = 0,
        gain_db: float = 2.0,
        polarity: bool = True,
        remix: float = 0.0,
        augmentation: Augmentation = Augmentation(),
        valid_crops: int = 64,
        workers: int = 0,
    ) -> None:
        super().__init__()
        self.train, self.valid, self.length, self.batch_size = Path(train), Path(valid), length, batch_size
        self.seed, self.gain_db, self.polarity, self.remix = seed, gain_db, polarity, remix
        self.augmentation = augmentation
        self.valid_crops, self.workers = valid_crops, workers

    def cache(self, folder: Path) -> Source:
        """The cache in a folder. Raises DataError where there is none."""
        return self.kind.open(folder)

    def stems(self) -> dict[Path, tuple[str, ...]]:
        """Which stems each folder holds, in order. Raises DataError as `cache` does."""
        return {folder: self.kind.open(folder).stems for folder in (self.train, self.valid)}

    def train_dataloader(self) -> DataLoader:  # type: ignore[type-arg]
        """An endless stream of batches, another one where training resumes; the trainer's `max_steps` ends it."""
        crops = RandomCrops(
            self.cache(self.train),
            self.length,
            self.seed,
            gain_db=self.gain_db,
            polarity=self.polarity,
            remix=self.remix,
            augmentation=self.augmentation,
        )
        if self.trainer:
            crops.set_epoch(self.trainer.global_step)
        return DataLoader(
            crops,
            self.batch_size,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            pin_memory=torch.cuda.is_available(),
        )

    def val_dataloader(self) -> DataLoader:  # type: ignore[type-arg]
        """The same crops every time."""
        return DataLoader(FixedCrops(self.cache(self.valid), self.length, self.valid_crops, self.seed), self.batch_size)
