"""Single sounding stems of a cache: what codecs are trained on."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from stemweave.data.crops import Spots, gains
from stemweave.data.shards import ACTIVE, Cache
from stemweave.data.streams import TRIES, until
from stemweave.errors import DataError


@dataclass(frozen=True)
class Singles:
    """Draws one stem of a random window, float32 (channels, length), where it sounds: its RMS is at least -60 dBFS.

    Every start of every track is equally likely, and so is each of the ``stems`` (none: all of the cache's); windows in which
    the one that was drawn does not sound are drawn again. ``gain_db`` is the standard deviation of its level in dB;
    ``polarity`` flips its sign half of the time. Raises :class:`DataError` for a stem that the cache does not have, and where
    nothing sounds.

    The published codec hears windows whose Euclidean norm, divided by their number of samples N, is 1.5e-5 or more
    (2409.06190, its code): an RMS of 1.5e-5 √N, -53 dBFS in one second at 22050 Hz but -46 dBFS in five. Ours does not depend
    on the length.
    """

    cache: Cache
    length: int
    stems: tuple[str, ...] = ()
    gain_db: float = 0.0
    polarity: bool = False

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.stems) - set(self.cache.stems)):
            raise DataError(f"the cache holds {', '.join(self.cache.stems)}, not {', '.join(unknown)}")

    @cached_property
    def spots(self) -> Spots:
        """Where windows can start."""
        return Spots.of(self.cache, self.length)

    @cached_property
    def places(self) -> tuple[int, ...]:
        """Of the stems, among those of the cache."""
        return tuple(self.cache.stems.index(stem) for stem in self.stems or self.cache.stems)

    def __call__(self, rng: np.random.Generator) -> Tensor:
        """A stem that sounds."""
        names = ", ".join(self.stems or self.cache.stems)
        return until(self._drawn, rng, f"in none of {TRIES} windows of {self.length} samples sounds {names}; check the cache")

    def _drawn(self, rng: np.random.Generator) -> Tensor | None:
        track, start = self.spots.at(rng.random())
        sound = self.cache.read(track, start, self.length)[rng.choice(self.places)]
        (gain,) = gains(rng, 1, self.gain_db, self.polarity)
        return torch.from_numpy(sound * gain) if np.square(sound).mean() >= ACTIVE**2 else None
