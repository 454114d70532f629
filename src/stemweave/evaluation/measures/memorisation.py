"""Was it copied from the training data? How near generations come to it, against how near songs come that were held out.

Embeddings are of windows of 4 s every 1 s (`logmel.LogMelPicture`, or CLAP's with these lengths), one array (windows, d)
per clip or song. Distances mean nothing without the held-out ones beside them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from stemweave.errors import DataError
from stemweave.evaluation.checks import Floats, check_audio, check_points
from stemweave.evaluation.measures.separation import ACTIVE
from stemweave.evaluation.measures.sets import blocks

SECONDS, HOP, REACH = 4.0, 1.0, 2.0
"""Seconds: of a window, between windows, and by which two are slid against each other."""
QUANTILES = (0.001, 0.01, 0.05, 0.5)
"""Of the distances, for the report."""
TAIL = 0.01
"""The quantile that is compared."""
ALARM = 0.01
"""p below which generations are alarmingly near."""
FEWEST = 5
"""Clips of either kind, with which p can fall below `ALARM`."""
PERMUTATIONS = 2000
CLOSEST = 50
"""Pairs of windows that are compared by ear and by `match`."""
COPY = 0.5
"""Waveform correlation from which a window is a copy."""


@dataclass(frozen=True, eq=False)
class Nearest:
    """For each window of a clip, (windows,): cosine distance to the nearest training window, its song and its index there."""

    distance: Floats
    song: NDArray[np.intp]
    window: NDArray[np.intp]


@dataclass(frozen=True)
class Verdict:
    """Quantiles (`QUANTILES`) of the distances of both kinds, and p that the generated are no nearer than the held-out."""

    generated: tuple[float, ...]
    held_out: tuple[float, ...]
    p: float

    @property
    def alarm(self) -> bool:
        """Whether the generated 1 % quantile is below the held-out one beyond chance."""
        return self.p < ALARM


@dataclass(frozen=True)
class Pair:
    """A window of a clip and its nearest training window, by index."""

    distance: float
    clip: int
    window: int
    song: int
    training_window: int


@dataclass(frozen=True)
class Peak:
    """The largest absolute correlation, and the sample of the song at which it is found."""

    correlation: float
    start: int


@dataclass(frozen=True)
class Match:
    """Peak correlations of a pair: of each stem, and last of the mixture; ``seconds`` is where in the song the largest is."""

    pair: Pair
    correlations: tuple[float, ...]
    seconds: float

    @property
    def copied(self) -> bool:
        """Whether any of them is a copy's."""
        return max(self.correlations) >= COPY


def nearest(clip: Floats, training: Iterable[Floats]) -> Nearest:
    """The nearest training window of each of a clip's; training songs are looked at one by one.

    A window of zeros (silence) is at distance 1 from everything. Raises :class:`DataError` for no training song, NaN, or
    dimensions that differ.
    """
    check_points(clip, 1, "the clip")
    rows = _unit(clip)
    best = np.full(len(rows), np.inf)
    song, window = np.zeros((2, len(rows)), np.intp)
    for number, points in enumerate(training):
        check_points(points, 1, f"training song {number}")
        if points.shape[1] != rows.shape[1]:
            raise DataError(f"training song {number} has {points.shape[1]} dimensions, the clip {rows.shape[1]}: embed alike")
        for cut in blocks(len(points), len(rows)):
            distances = 1 - rows @ _unit(points[cut]).T
            near = distances.argmin(1)
            found = distances[np.arange(len(rows)), near]
            nearer = found < best
            best[nearer], song[nearer], window[nearer] = found[nearer], number, near[nearer] + cut.start
    if not np.isfinite(best).all():
        raise DataError("no training songs to compare with: give at least one")
    return Nearest(best, song, window)


def verdict(generated: Sequence[Floats], held_out: Sequence[Floats], seed: int = 0) -> Verdict:
    """Compare distances to the nearest training window, one array per clip.

    p is one-sided, of the difference of the two 1 % quantiles when clips swap their labels, 2000 times by ``seed``. It
    tells many near clips from few; a single copy does not move it, but is listed among the `closest`. Raises
    :class:`DataError` for fewer than five clips of either kind, or NaN.
    """
    for clips, kind in ((generated, "generated"), (held_out, "held-out")):
        if len(clips) < FEWEST or not all(len(clip) and np.isfinite(clip).all() for clip in clips):
            raise DataError(f"{len(clips)} {kind} clips, expected at least {FEWEST}, each with finite distances: give more")
    quantiles = (tuple(map(float, np.quantile(np.concatenate(clips), QUANTILES))) for clips in (generated, held_out))
    return Verdict(next(quantiles), next(quantiles), _permuted(generated, held_out, seed))


def closest(found: Sequence[Nearest], count: int = CLOSEST) -> list[Pair]:
    """The pairs of windows at the smallest distances, nearest first, over all clips."""
    pairs = [
        Pair(float(distance), clip, window, int(song), int(training))
        for clip, near in enumerate(found)
        for window, (distance, song, training) in enumerate(zip(near.distance, near.song, near.window, strict=True))
    ]
    return sorted(pairs, key=lambda pair: pair.distance)[:count]


def match(pair: Pair, generated: Tensor, training: Tensor, rate: int, training_hop: float = HOP) -> Match:
    """Slide a pair's windows by ±2 s: the clip's and the song's stems, both (stems, channels, samples) at ``rate`` Hz.

    ``training_hop`` (seconds) is that of the training windows, where they lie closer than the clip's: a finer one finds
    shifted copies more surely. A held note or a loop correlates with itself too: look at held-out songs' closest pairs as
    well. Raises :class:`DataError` for stems or channels that differ, NaN, or a pair that lies outside.
    """
    for audio, what in ((generated, "the clip"), (training, "the training song")):
        check_audio(audio, 3, what)
    if generated.shape[:2] != training.shape[:2]:
        shapes = f"{tuple(generated.shape)} and {tuple(training.shape)}"
        raise DataError(f"clip and song have shapes {shapes}, expected the same stems and channels")
    at, start = round(pair.window * HOP * rate), round(pair.training_window * training_hop * rate)
    query = generated[..., at : at + round(SECONDS * rate)]
    rows = zip((*query, query.sum(0)), (*training, training.sum(0)), strict=True)
    peaks = [peak_correlation(one, song, start, round(REACH * rate)) for one, song in rows]
    best = max(peaks, key=lambda peak: peak.correlation)
    return Match(pair, tuple(peak.correlation for peak in peaks), best.start / rate)


def peak_correlation(query: Tensor, song: Tensor, start: int, reach: int) -> Peak:
    """The best place for ``query`` (channels, samples) in ``song`` (channels, longer), up to ``reach`` samples from ``start``.

    Correlations are absolute, normalised and without a mean removed; 0 where either is silent (under -60 dBFS). Beyond the
    song's ends there is silence. Raises :class:`DataError` for an empty query or a place outside the song.
    """
    channels, samples = query.shape
    if samples == 0 or not 0 <= start < song.shape[-1]:
        raise DataError(f"{samples} samples at {start} of {song.shape[-1]}, expected a place inside: embed and cut alike")
    segment = pad(song.double(), (reach, reach + samples))[:, start : start + samples + 2 * reach]
    size = 1 << (segment.shape[-1] - 1).bit_length()
    spectrum = torch.fft.rfft(segment, size) * torch.fft.rfft(query.double(), size).conj()
    product = torch.fft.irfft(spectrum, size)[:, : 2 * reach + 1].sum(0).abs()
    total = pad(segment.square().sum(0).cumsum(0), (1, 0))
    energy, own = total[samples:] - total[:-samples], query.double().square().sum()
    silent = 10 ** (ACTIVE / 10) * channels * samples
    correlation = torch.where((energy >= silent) & (own >= silent), product / (energy * own).sqrt().clamp_min(1e-30), 0.0)
    best = int(correlation.argmax())
    return Peak(float(correlation[best]), start - reach + best)


def _permuted(generated: Sequence[Floats], held_out: Sequence[Floats], seed: int) -> float:
    clips = [*generated, *held_out]
    distances, owner = np.concatenate(clips), np.repeat(np.arange(len(clips)), [len(clip) for clip in clips])
    rng = np.random.default_rng(seed)
    labels = np.arange(len(clips)) < len(generated)

    def gap(label: NDArray[np.bool_]) -> float:
        inside = label[owner]
        return float(np.quantile(distances[inside], TAIL) - np.quantile(distances[~inside], TAIL))

    observed = gap(labels)
    as_low = sum(gap(rng.permutation(labels)) <= observed for _ in range(PERMUTATIONS))
    return (1 + as_low) / (1 + PERMUTATIONS)


def _unit(points: Floats) -> Floats:
    """Rows of length one; rows of zeros stay."""
    return points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-30)
