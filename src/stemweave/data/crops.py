"""Crops of a cache for training and validation: (audio, known) pairs.

``audio`` is float32 (stems, channels, samples); ``known`` is bool (stems,): a stem that is not known is zeros in
``audio`` and belongs in no loss, while a stem known to be silent is zeros and does. Of a cache of latents, channels and
samples are latents and frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from stemweave.data.augmentation import Augmentation, played
from stemweave.data.shards import ACTIVE
from stemweave.data.streams import Stream

TRIES = 8
"""Draws after which a crop with too few sounding stems is taken as it is."""

Item = tuple[Tensor, Tensor]


class Track(Protocol):
    """One track of a `Source`."""

    @property
    def frames(self) -> int:
        """Its length."""

    @property
    def known(self) -> tuple[bool, ...]:
        """Of which stems it says what they are."""


class Source(Protocol):
    """What crops are taken from: `stemweave.data.shards.Cache`, or one of latents."""

    @property
    def stems(self) -> tuple[str, ...]:
        """By name, in order."""

    @property
    def tracks(self) -> Sequence[Track]:
        """In the order of their numbers."""

    def read(self, track: int, start: int, length: int, /) -> NDArray[np.float32]:
        """``length`` samples of a track from ``start``: float32 (stems, channels, length), silence past the end."""


@dataclass(frozen=True)
class Spots:
    """Where crops of ``length`` samples can start: every start of every track is equally likely."""

    ends: NDArray[np.int64]

    @classmethod
    def of(cls, cache: Source, length: int) -> "Spots":
        """The starts of a cache; a track shorter than ``length`` has one, its beginning."""
        return cls(np.cumsum([max(entry.frames - length, 0) + 1 for entry in cache.tracks]))

    def at(self, share: float) -> tuple[int, int]:
        """(track, start) at a share in [0, 1) of all starts."""
        spot = int(share * int(self.ends[-1]))
        track = int(np.searchsorted(self.ends, spot, side="right"))
        return track, spot - (int(self.ends[track - 1]) if track else 0)


class RandomCrops(Stream[Item]):
    """An endless stream of random crops, the same for the same (seed, rank, worker, epoch) and no other.

    ``gain_db`` is the standard deviation of each stem's level in dB; ``polarity`` flips each stem's sign half of the
    time; ``remix`` is the probability of taking every stem from a song of its own (for independent priors only: a
    remixed crop has no coherence to learn); ``sounding`` is the number of stems that should sound, for which a few
    draws are made; ``augmentation`` changes the sounds; ``rank`` defaults to the process's rank in the running process
    group.
    """

    def __init__(
        self,
        cache: Source,
        length: int,
        seed: int,
        *,
        gain_db: float = 0.0,
        polarity: bool = False,
        remix: float = 0.0,
        sounding: int = 0,
        augmentation: Augmentation = Augmentation(),
        rank: int | None = None,
    ) -> None:
        super().__init__(self._item, seed, rank)
        self.cache, self.length = cache, length
        self.gain_db, self.polarity, self.remix, self.sounding = gain_db, polarity, remix, sounding
        self.augmentation = augmentation
        self.spots = Spots.of(cache, length)

    def _item(self, rng: np.random.Generator) -> Item:
        audio, known = self._sounding(rng)
        return torch.from_numpy(audio * gains(rng, len(audio), self.gain_db, self.polarity)), torch.from_numpy(known)

    def _sounding(self, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        for _ in range(TRIES):
            audio, known = self._remixed(rng) if rng.random() < self.remix else self._crop(rng)
            if self.sounding == 0 or (np.square(audio).mean(axis=(1, 2)) >= ACTIVE**2).sum() >= self.sounding:
                break
        return audio, known

    def _crop(self, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        track, start = self.spots.at(rng.random())
        change = self.augmentation.drawn(rng)
        speed = change.speed(rng)
        audio = played(self.cache.read(track, start, round(speed * self.length)), speed, self.length)
        return change.coloured(audio, rng), np.array(self.cache.tracks[track].known)

    def _remixed(self, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        crops = [self._crop(rng) for _ in self.cache.stems]
        audio, known = zip(*((a[stem], k[stem]) for stem, (a, k) in enumerate(crops)), strict=True)
        return np.stack(audio), np.array(known)


class FixedCrops(Dataset[Item]):
    """``count`` crops spread evenly over a cache: one place drawn by ``seed`` in each equal part."""

    def __init__(self, cache: Source, length: int, count: int, seed: int = 0) -> None:
        self.cache, self.length = cache, length
        shares = (np.arange(count) + np.random.default_rng(seed).random(count)) / count
        spots = Spots.of(cache, length)
        self.places = [spots.at(share) for share in shares]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> Item:
        """(audio, known) of crop ``index``."""
        track, start = self.places[index]
        known = torch.tensor(self.cache.tracks[track].known)
        return torch.from_numpy(self.cache.read(track, start, self.length)), known


def gains(rng: np.random.Generator, stems: int, gain_db: float, polarity: bool) -> NDArray[np.float32]:
    """A random gain for each stem, normal in dB, and with `polarity` a random sign. Shape: (stems, 1, 1)."""
    decibels, signs = rng.normal(0.0, gain_db, stems), rng.choice((-1.0, 1.0), stems)
    drawn = 10 ** (decibels / 20) * (signs if polarity else 1.0)
    return drawn.astype(np.float32)[:, None, None]
