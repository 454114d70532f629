"""Shuffled controls: what is laid over what, when nothing may meet anything of its own song."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from stemweave.audio.stems import Stems
from stemweave.errors import DataError
from stemweave.evaluation.checks import check_audio


def strangers(songs: Sequence[Hashable], rng: np.random.Generator) -> NDArray[np.int64]:
    """For every excerpt the index of one of another song, each excerpt taken once: a random derangement by song.

    ``songs`` says which song each excerpt is from. Raises :class:`DataError` where that cannot be: when there is
    nothing, or one song holds more than half of the excerpts.
    """
    counts = Counter(songs)
    largest = max(counts.values(), default=1)
    if 2 * largest > len(songs):
        raise DataError(f"one song holds {largest} of {len(songs)} excerpts, expected at most half; give more songs")
    rank = dict(zip(counts, rng.permutation(len(counts)).tolist(), strict=True))
    order = sorted(rng.permutation(len(songs)).tolist(), key=lambda excerpt: rank[songs[excerpt]])
    partner = np.empty(len(songs), np.int64)
    partner[order] = np.roll(order, largest)
    return partner


def dealt(songs: Sequence[Hashable], stems: int, rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """Shuffled bands: for each of so many stems, from which excerpt every band takes it. The first stem stays where it is,
    each other one goes to `strangers`. Raises as `strangers` does.
    """
    return [np.arange(len(songs)), *(strangers(songs, rng) for _ in range(stems - 1))]


def alike(songs: Sequence[Stems], names: Iterable[str]) -> None:
    """Raise :class:`DataError` unless any stem ``names`` of one song can be laid over any other's.

    That takes at least two songs, one rate (Hz) and length (samples), and samples that are finite.
    """
    if len(songs) < 2:
        raise DataError(f"{len(songs)} songs, expected at least 2: a shuffled control needs stems of other songs")
    names, first = list(names), songs[0]
    for number, song in enumerate(songs):
        if missing := [name for name in names if name not in song]:
            raise DataError(f"song {number} holds {', '.join(song)}, expected also {', '.join(missing)}")
        shape, expected = (song.rate, song.audio.shape[-1]), (first.rate, first.audio.shape[-1])
        if shape != expected:
            raise DataError(f"song {number} has (Hz, samples) {shape}, the first {expected}; cut excerpts of one length")
        check_audio(song.audio, 3, f"song {number}")
