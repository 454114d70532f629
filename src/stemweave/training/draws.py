"""Endless random draws to train on, fixed ones to validate on, as a LightningDataModule."""

from collections.abc import Callable
from typing import Any

import lightning as L
import torch
from torch.utils.data import DataLoader, default_collate

from stemweave.data.streams import Draw, Fixed, Stream

Collate = Callable[[list[Any]], Any]


class Draws(L.LightningDataModule):
    """What data modules share whose items are functions of a generator (`stemweave.data.streams`).

    Args:
        batch_size: draws per step.
        seed: of the draws; each worker and each rank draws its own.
        valid_crops: how many fixed draws validate.
        workers: loader processes.
    """

    def __init__(self, batch_size: int = 8, seed: int = 0, valid_crops: int = 64, workers: int = 0) -> None:
        super().__init__()
        self.batch_size, self.seed, self.valid_crops, self.workers = batch_size, seed, valid_crops, workers
        self.collate: Collate = default_collate

    def draws(self, split: str) -> Draw[Any]:
        """What is drawn from "train" or "validation"."""
        raise NotImplementedError

    def train_dataloader(self) -> DataLoader:  # type: ignore[type-arg]
        """An endless stream of batches, another one where training resumes; the trainer's `max_steps` ends it."""
        stream = Stream(self.draws("train"), self.seed)
        if self.trainer:
            stream.set_epoch(self.trainer.global_step)
        return self._loader(stream, self.workers)

    def val_dataloader(self) -> DataLoader:  # type: ignore[type-arg]
        """The same draws every time."""
        return self._loader(Fixed(self.draws("validation"), self.valid_crops, self.seed), 0)

    def _loader(self, draws: Stream[Any] | Fixed[Any], workers: int) -> DataLoader:  # type: ignore[type-arg]
        return DataLoader(
            draws,
            self.batch_size,
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=torch.cuda.is_available(),
            collate_fn=self.collate,
        )
