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
    return _figures(_ratio(total.sum(0), count.sum(0)), _ratio(weights @ total, weights @ count), count > 0)


def song_means(values: ArrayLike, seed: int = 0, resamples: int = RESAMPLES) -> tuple[Figure, ...]:
    """`figures` of one value per song and column, every song equal; NaN where a song has no value."""
    table = np.asarray(values, float)
    return figures(np.nan_to_num(table, nan=0.0), np.isfinite(table), seed, resamples)


def song_medians(values: ArrayLike, seed: int = 0, resamples: int = RESAMPLES) -> tuple[Figure, ...]:
    """Each column's median over songs, and last the mean of all columns' medians: percentile intervals by song.

    Shape: (songs, columns); NaN where a song has no value. Songs are resampled with replacement ``resamples`` times.
    """
    table = np.asarray(values, float)
    drawn = np.random.default_rng(seed).integers(len(table), size=(resamples, len(table)))
    medians = np.column_stack([_median(column[drawn]) for column in table.T])
    return _figures(_median(table.T), medians, ~np.isnan(table))


def sign_test(differences: Sequence[float]) -> float:
    """One-sided p-value that positive differences are no more common than negative ones; ties are left out."""
    positive = sum(d > 0 for d in differences)
    trials = positive + sum(d < 0 for d in differences)
    return sum(comb(trials, k) for k in range(positive, trials + 1)) / 2**trials


def _figures(values: Floats, drawn: Floats, known: NDArray[np.bool_]) -> tuple[Figure, ...]:
    """Of each column and their mean: values (columns,), those of resamples (resamples, columns), known (songs, columns)."""
    seen = np.append(known.sum(0), known.any(1).sum())
    rows = zip(_with_mean(values[None])[0], _with_mean(drawn).T, seen, strict=True)
    return tuple(Figure(float(value), *_interval(resampled), int(n)) for value, resampled, n in rows)


def _median(rows: Floats) -> Floats:
    """Of each row, without NaN; NaN where there is nothing else."""
    known = (~np.isnan(rows)).sum(1, keepdims=True)
    ordered = np.sort(rows, 1)  # NaN last
    below, above = (np.take_along_axis(ordered, np.maximum(k, 0), 1) for k in ((known - 1) // 2, known // 2))
    middle: Floats = ((below + above) / 2)[:, 0]
    return middle


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
