"""Means over songs with bootstrap intervals, and the sign test. The unit is always the song."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 10_000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Figure:
    """A measured value with its 95 % interval, and over how many songs; NaN where there was nothing to measure."""

    value: float
    low: float
    high: float
    n: int


def figures(sums: ArrayLike, counts: ArrayLike, seed: int = 0, resamples: int = RESAMPLES) -> tuple[Figure, ...]:
    """Each column's sum(sums) / sum(counts), and last the mean of all columns: percentile intervals by song.

    Shape: (songs, columns). Songs are resampled with replacement ``resamples`` times.
    """
    total, count = np.asarray(sums, float), np.asarray(counts, float)
    songs = len(total)
    weights = np.random.default_rng(seed).multinomial(songs, np.full(songs, 1 / songs), size=resamples)
    values = _with_mean(_ratio(total.sum(0), count.sum(0))[None])[0]
    drawn = _with_mean(_ratio(weights @ total, weights @ count))
    seen = np.append((count > 0).sum(0), (count > 0).any(1).sum())
    return tuple(Figure(float(v), *_interval(d), int(n)) for v, d, n in zip(values, drawn.T, seen, strict=True))


def song_means(values: ArrayLike, seed: int = 0, resamples: int = RESAMPLES) -> tuple[Figure, ...]:
    """`figures` of one value per song and column, every song equal; NaN where a song has no value."""
    table = np.asarray(values, float)
    return figures(np.nan_to_num(table, nan=0.0), np.isfinite(table), seed, resamples)


def sign_test(differences: Sequence[float]) -> float:
    """One-sided p-value that positive differences are no more common than negative ones; ties are left out."""
    positive = sum(d > 0 for d in differences)
    trials = positive + sum(d < 0 for d in differences)
    return sum(comb(trials, k) for k in range(positive, trials + 1)) / 2**trials


def _interval(drawn: Floats) -> tuple[float, float]:
    finite = drawn[np.isfinite(drawn)]
    return (float(np.quantile(finite, 0.025)), float(np.quantile(finite, 0.975))) if len(finite) else (np.nan, np.nan)


def _ratio(total: Floats, count: Floats) -> Floats:
    return np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0)


def _with_mean(columns: Floats) -> Floats:
    """Append the mean over the columns that have a value."""
    known = np.isfinite(columns)
    mean = _ratio(np.where(known, columns, 0.0).sum(1), known.sum(1).astype(float))
    return np.column_stack([columns, mean])
