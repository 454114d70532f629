"""Sub-mixtures of a cache with a description of what sounds in them: a model of mixtures never hears one stem alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from stemweave.data.crops import Spots, gains
from stemweave.data.shards import ACTIVE, Cache
from stemweave.data.streams import TRIES, Texted, until
from stemweave.errors import DataError
from stemweave.nets.prompts import label

FEWEST = 2
"""Stems that sound in a mixture."""

Describe = Callable[[str, Sequence[str], np.random.Generator], str]
"""(track id, the stems that sound, generator) to text."""


def labels(_track: str, stems: Sequence[str], _rng: np.random.Generator) -> str:
    """The prompt of 2403.11706: the joined labels, "Bass, Drums"."""
    return ", ".join(map(label, stems))


@dataclass(frozen=True)
class Mixtures:
    """Draws the sum of two or more sounding stems of a random window, and its description.

    Every start of every track is equally likely. Of the n stems that sound, k are summed: every k from 2 to n is
    equally likely, and so is every choice of k. A stem sounds where its RMS over the window is at least -60 dBFS, after
    its gain. Draws are (mixture float32 (channels, length), the cache's rate in Hz, text).

    ``gain_db`` is the standard deviation of each stem's level in dB; ``polarity`` flips each stem's sign half of the
    time. Raises :class:`DataError` for a cache of fewer than two stems, and where no window has two that sound.
    """

    cache: Cache
    length: int
    describe: Describe = labels
    gain_db: float = 0.0
    polarity: bool = False

    def __post_init__(self) -> None:
        if len(self.cache.stems) < FEWEST:
            raise DataError(f"the cache holds only {', '.join(self.cache.stems)}, expected two or more stems to mix")

    @cached_property
    def spots(self) -> Spots:
        """Where windows can start."""
        return Spots.of(self.cache, self.length)

    def __call__(self, rng: np.random.Generator) -> Texted:
        """A mixture, its rate in Hz and its text."""
        silence = f"none of {TRIES} windows of {self.length} samples has two stems that sound; check the cache"
        return until(self._mixture, rng, silence)

    def _mixture(self, rng: np.random.Generator) -> Texted | None:
        track, start = self.spots.at(rng.random())
        audio = self.cache.read(track, start, self.length) * gains(rng, len(self.cache.stems), self.gain_db, self.polarity)
        sounding = np.flatnonzero(np.square(audio).mean(axis=(1, 2)) >= ACTIVE**2)
        if len(sounding) < FEWEST:
            return None
        chosen = subset(sounding, rng)
        text = self.describe(self.cache.tracks[track].id, [self.cache.stems[stem] for stem in chosen], rng)
        return torch.from_numpy(audio[chosen].sum(axis=0)), self.cache.rate, text


def subset(items: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Two or more of the ``items`` (n,), in order: a size first, every one equally likely, then which."""
    size = int(rng.integers(FEWEST, len(items) + 1))
    return np.sort(rng.choice(items, size, replace=False))
