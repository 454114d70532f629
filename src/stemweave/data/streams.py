"""Seeded draws as datasets: an endless stream for training, a fixed list for validation.

What is drawn is a function of a generator, ``draw(rng)``; of texted audio it gives (audio, rate, text): float32
(channels, samples), Hz, and a description.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
from torch import Tensor, distributed
from torch.utils.data import Dataset, IterableDataset, get_worker_info

from stemweave.errors import DataError

Item = TypeVar("Item", covariant=True)
Texted = tuple[Tensor, int, str]
Draw = Callable[[np.random.Generator], Item]

TRIES = 1000
"""Draws after which what is wanted counts as not there."""


class Stream(IterableDataset[Item]):
    """An endless stream of draws, the same for the same (seed, rank, worker, epoch) and no other.

    ``rank`` defaults to the process's rank in the running process group.
    """

    def __init__(self, draw: Draw[Item], seed: int, rank: int | None = None) -> None:
        self.draw, self.seed, self.epoch = draw, seed, 0
        self.rank = _rank() if rank is None else rank

    def set_epoch(self, epoch: int) -> None:
        """Start another stream, as when training resumes; takes effect when iteration next begins."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[Item]:
        worker = get_worker_info()
        rng = np.random.default_rng(np.random.SeedSequence((self.seed, self.rank, worker.id if worker else 0, self.epoch)))
        while True:
            yield self.draw(rng)


class Fixed(Dataset[Item]):
    """``count`` draws, each from a generator of its own: item ``index`` is the same whatever was read before it."""

    def __init__(self, draw: Draw[Item], count: int, seed: int = 0) -> None:
        self.draw, self.count, self.seed = draw, count, seed

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Item:
        """Draw ``index``."""
        if not 0 <= index < self.count:
            raise IndexError(f"draw {index} of {self.count}")
        return self.draw(np.random.default_rng(np.random.SeedSequence((self.seed, index))))


def until(draw: Draw[Item | None], rng: np.random.Generator, otherwise: str) -> Item:
    """The first draw that gives something; :class:`DataError` with the message ``otherwise`` after `TRIES` of nothing."""
    for _ in range(TRIES):
        item = draw(rng)
        if item is not None:
            return item
    raise DataError(otherwise)


def _rank() -> int:
    return distributed.get_rank() if distributed.is_available() and distributed.is_initialized() else 0
