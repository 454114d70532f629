"""Is one system better than another? Paired differences on the same songs, a permutation test, and several tests at once.

The unit is the song; values of several seeds are averaged inside it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import ArrayLike

from stemweave.errors import DataError
from stemweave.evaluation.checks import Floats
from stemweave.evaluation.statistics import RESAMPLES, Figure, song_means

LEAST = 6
"""Songs: of fewer, all signs alike still come up in more than 5 % of all ways to flip them."""


@dataclass(frozen=True)
class Comparison:
    """One system minus another: the mean over songs with its interval, and `sign_flip_test`'s p-value."""

    difference: Figure
    p: float

    @property
    def better(self) -> bool:
        """Whether the whole interval is above 0."""
        return self.difference.low > 0

    @property
    def worse(self) -> bool:
        """Whether the whole interval is below 0."""
        return self.difference.high < 0


def paired(one: Mapping[str, ArrayLike], other: Mapping[str, ArrayLike]) -> Floats:
    """One minus other, song by song in the order of ``one``: (songs,).

    Each holds a value by song, or one for every seed, which are averaged first; both need not have the same seeds. Songs
    with a NaN in both are left out. Raises :class:`DataError` where a song, or its value, is there in one alone, or a
    value is infinite.
    """
    if alone := one.keys() ^ other.keys():
        raise DataError(f"only one of the two systems has {_listed(alone)}; compare them on the same songs")
    values = np.array([[_mean(song, system[song]) for song in one] for system in (one, other)]).reshape(2, -1)
    known = ~np.isnan(values)
    if uneven := [song for song, (a, b) in zip(one, known.T, strict=True) if a != b]:
        raise DataError(f"only one of the two systems has a value for {_listed(uneven)}, expected both or neither")
    return (values[0] - values[1])[known[0]]


def compare(differences: ArrayLike, seed: int = 0, resamples: int = RESAMPLES) -> Comparison:
    """The mean of paired differences (songs,) with a percentile bootstrap interval by song (95 %), and a p-value.

    Raises :class:`DataError` for fewer than `LEAST` songs: their verdict would be chance.
    """
    values = _row(differences)
    if len(values) < LEAST:
        raise DataError(f"{len(values)} songs, expected at least {LEAST}: fewer cannot tell two systems apart")
    return Comparison(song_means(values[:, None], seed, resamples)[0], sign_flip_test(values, seed, resamples))


def sign_flip_test(differences: ArrayLike, seed: int = 0, resamples: int = RESAMPLES) -> float:
    """Two-sided p-value of the mean of paired differences (songs,) if each could as well have the other sign.

    Exact, over all 2^songs ways to flip signs, where these are no more than ``resamples``; else from as many random
    ones, the observed one included.
    """
    values = _row(differences)
    exact = 2 ** len(values) <= resamples
    signs = _all_signs(len(values)) if exact else _random_signs((resamples, len(values)), seed)
    rounding = 1e-12 * np.abs(values).sum()
    extreme = int((np.abs(signs @ values) >= abs(values.sum()) - rounding).sum())
    return extreme / len(signs) if exact else (extreme + 1) / (resamples + 1)


def holm(p: ArrayLike) -> Floats:
    """P-values of several comparisons, adjusted by Holm's step-down rule (Scand. J. Statist. 6, 1979), in their order.

    Those of at most 0.05 stand together: the risk that any of them is chance is 5 %. Raises :class:`DataError` for
    anything outside 0 to 1.
    """
    values = np.asarray(p, float)
    if values.ndim != 1 or not ((values >= 0) & (values <= 1)).all():
        raise DataError(f"{values.tolist()} are not p-values, expected a row of numbers from 0 to 1")
    order = np.argsort(values)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)), 1)
    return adjusted


def _row(differences: ArrayLike) -> Floats:
    values = np.asarray(differences, float)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise DataError(f"differences of shape {values.shape}, expected one finite number per song (see `paired`)")
    return values


def _mean(song: str, values: ArrayLike) -> float:
    seeds = np.asarray(values, float)
    if seeds.ndim > 1 or seeds.size == 0 or np.isinf(seeds).any():
        raise DataError(f"{song} has values {seeds.tolist()}, expected a finite number, or one for each seed")
    return float(seeds.mean())


def _all_signs(songs: int) -> Floats:
    return np.array(list(product((-1.0, 1.0), repeat=songs)))


def _random_signs(shape: tuple[int, int], seed: int) -> Floats:
    return 1.0 - 2.0 * np.random.default_rng(seed).integers(0, 2, shape, np.int8)


def _listed(songs: Iterable[str]) -> str:
    names = sorted(songs)
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
