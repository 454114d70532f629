"""Sub-mixtures of a cache with a description of what sounds in them: a model of mixtures never hears one stem alone.

`Parts` goes on with a smaller sub-mixture of each, of two stems or more as well.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stemweave.data.crops import Spots, gains
from stemweave.data.shards import ACTIVE, Cache
from stemweave.data.streams import TRIES, Texted, until
from stemweave.errors import DataError
from stemweave.nets.prompts import label

FEWEST = 2
"""Stems that sound in a mixture."""

ABSENT = 0.5
"""How often a stem that is not in a mixture is named with a part of it."""

Places = NDArray[np.int64]
"""Places of stems among those of the cache, ascending."""


class Parted(NamedTuple):
    """As `Texted`, a part of the mixture with what is said of it, and the labels of what is absent, "" for nothing."""

    mixture: Tensor
    rate: int
    text: str
    part: Tensor
    said: str
    absent: str


Describe = Callable[[str, Sequence[str], np.random.Generator], str]
"""(track id, the stems that sound, generator) to text."""


def labels(_track: str, stems: Sequence[str], _rng: np.random.Generator) -> str:
    """The prompt of 2403.11706: the joined labels, "Bass, Drums"."""
    return ", ".join(map(label, stems))


@dataclass(frozen=True)
class Mixtures:
    """Draws the sum of two or more sounding stems of a random window, and its description.

    Every start of every track is equally likely. Of the n stems that sound all are summed, as often as ``whole`` says, or
    k of them: every k from 2 to n is equally likely, and so is every choice of k. A stem sounds where its RMS over the
    window is at least -60 dBFS, after its gain. Draws are (mixture float32 (channels, length), the cache's rate in Hz,
    text).

    ``gain_db`` is the standard deviation of each stem's level in dB; ``polarity`` flips each stem's sign half of the
    time. Raises :class:`DataError` for a cache of fewer than two stems, and where no window has two that sound.
    """

    cache: Cache
    length: int
    describe: Describe = labels
    gain_db: float = 0.0
    polarity: bool = False
    whole: float = 0.0

    def __post_init__(self) -> None:
        if len(self.cache.stems) < FEWEST:
            raise DataError(f"the cache holds only {', '.join(self.cache.stems)}, expected two or more stems to mix")

    @cached_property
    def spots(self) -> Spots:
        """Where windows can start."""
        return Spots.of(self.cache, self.length)

    def __call__(self, rng: np.random.Generator) -> Texted:
        """A mixture, its rate in Hz and its text."""
        chosen = self.chosen(rng)
        return chosen.summed(chosen.stems), self.cache.rate, self.told(chosen.track, chosen.stems, rng)

    def chosen(self, rng: np.random.Generator) -> "Chosen":
        """Stems that sound together."""
        silence = f"none of {TRIES} windows of {self.length} samples has two stems that sound; check the cache"
        return until(self._chosen, rng, silence)

    def told(self, track: str, stems: Places, rng: np.random.Generator) -> str:
        """The description of these stems of a track."""
        return self.describe(track, [self.cache.stems[stem] for stem in stems], rng)

    def _chosen(self, rng: np.random.Generator) -> "Chosen | None":
        track, start = self.spots.at(rng.random())
        audio = self.cache.read(track, start, self.length) * gains(rng, len(self.cache.stems), self.gain_db, self.polarity)
        sounding = np.flatnonzero(np.square(audio).mean(axis=(1, 2)) >= ACTIVE**2)
        if len(sounding) < FEWEST:
            return None
        stems = sounding if rng.random() < self.whole else subset(sounding, rng)
        return Chosen(self.cache.tracks[track].id, audio, stems)


@dataclass(frozen=True, eq=False)
class Chosen:
    """All stems of a window of a track, (stems, channels, length), and which of them were chosen."""

    track: str
    audio: NDArray[np.float32]
    stems: Places

    def summed(self, stems: Places) -> Tensor:
        """The sum of these stems, (channels, length)."""
        return torch.from_numpy(self.audio[stems].sum(axis=0))


@dataclass(frozen=True)
class Parts:
    """Draws a mixture and its text as ``mixtures`` does, and goes on with a part of it and the part's text.

    The part is of two stems or more of the mixture, any choice as likely as in `Mixtures`. Its text also names, by their
    labels, half of the cache's stems that are not in the mixture: they bring nothing. Last come the labels of all of these.
    """

    mixtures: Mixtures

    def __call__(self, rng: np.random.Generator) -> Parted:
        """A mixture, its rate in Hz and its text, a part, its text, and what is absent; "" for nothing."""
        draw, cache = self.mixtures, self.mixtures.cache
        whole = draw.chosen(rng)
        part, text = subset(whole.stems, rng), draw.told(whole.track, whole.stems, rng)
        absent = [cache.stems[stem] for stem in np.setdiff1d(np.arange(len(cache.stems)), whole.stems)]
        some = labels(whole.track, [stem for stem in absent if rng.random() < ABSENT], rng)
        said = ", ".join(filter(None, (draw.told(whole.track, part, rng), some)))
        sums = whole.summed(whole.stems), whole.summed(part)
        return Parted(sums[0], cache.rate, text, sums[1], said, labels(whole.track, absent, rng))


def subset(items: Places, rng: np.random.Generator) -> Places:
    """Two or more of the ``items`` (n,), in order: a size first, every one equally likely, then which."""
    size = int(rng.integers(FEWEST, len(items) + 1))
    return np.sort(rng.choice(items, size, replace=False))
