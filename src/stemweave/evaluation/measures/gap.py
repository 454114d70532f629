"""Coherence gap: how far generated stems belong together, on a scale from strangers (0) to real songs (1).

Two stems of one song should resemble each other in harmony or in onsets, and stems of different songs should not. The
gap is (matched - shuffled) of generated songs divided by the same of real ones (ours; no paper). Copies resemble each
other most of all, so a gap counts only beside the guard of `bleed`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from stemweave.audio.stems import Stems
from stemweave.errors import DataError, UsageError
from stemweave.evaluation.checks import Floats
from stemweave.evaluation.measures.coherence import chroma, onsets, standardised
from stemweave.evaluation.measures.strangers import alike, strangers
from stemweave.evaluation.statistics import RESAMPLES, Figure, song_means

ROUNDING = 1e-12
"""Sums of correlations that differ by less are the same."""

Feature = Callable[[Tensor, int], Tensor]
"""(sound (channels, samples), rate in Hz) → what is correlated, of any shape that is the same for sounds of one length."""


@dataclass(frozen=True)
class Pairing:
    """Two stems, and the feature in which those of one song resemble each other."""

    feature: Feature
    one: str
    other: str


CHROMA = (Pairing(chroma, "guitar", "piano"), Pairing(chroma, "bass", "piano"))
ONSET = (Pairing(onsets, "drums", "bass"), Pairing(onsets, "drums", "guitar"))


@dataclass(frozen=True)
class Coupling:
    """How alike the paired stems of a set of songs are: Pearson correlations, means over pairings, then over songs.

    ``matched`` pairs stems of one song, ``shuffled`` those of different ones. ``p`` is one-sided: that songs which swap
    their stems at random are as alike. ``skipped`` counts a song and pairing in which a stem is silent; ``by_song`` holds
    the difference of every song that is left.
    """

    matched: Figure
    shuffled: Figure
    difference: Figure
    p: float
    skipped: int
    by_song: tuple[float, ...]


def coupling(songs: Sequence[Stems], pairings: Sequence[Pairing], draws: int = 10, seed: int = 0) -> Coupling:
    """Compare the stems of ``songs``, one excerpt each, in ``pairings``; ``draws`` derangements of songs are averaged.

    A stem is silent under -60 dBFS. A pairing is shuffled among the songs in which both of its stems sound. Intervals
    resample songs, and p permutes them, 10 000 times. Raises :class:`DataError` for songs of different rates or lengths,
    without a stem, with NaN, or with fewer than two in which a pairing sounds; UsageError for no pairing or no draw.
    """
    if not pairings or draws < 1:
        raise UsageError(f"{len(pairings)} pairings and {draws} draws, expected at least one of each")
    alike(songs, sorted({name for pairing in pairings for name in (pairing.one, pairing.other)}))
    rng = np.random.default_rng(seed)
    tables = [_table(songs, pairing) for pairing in pairings]
    matched = np.column_stack([table.diagonal() for table in tables])
    shuffled = np.column_stack([_shuffled(table, draws, rng) for table in tables])
    sounding = np.isfinite(matched)
    heard = sounding.any(1)
    own, foreign = (np.nanmean(values[heard], axis=1) for values in (matched, shuffled))
    matched_mean, shuffled_mean, difference, _ = song_means(np.column_stack([own, foreign, own - foreign]), seed)
    weights = 1 / np.maximum(sounding.sum(1), 1) / heard.sum()
    totals = np.sum([_permuted(table, weights, rng) for table in tables], axis=0)
    p = float(np.mean(totals >= totals[0] - ROUNDING))
    skipped = int((~sounding).sum())
    return Coupling(matched_mean, shuffled_mean, difference, p, skipped, tuple((own - foreign).tolist()))


def gap(made: Coupling, real: Coupling, seed: int = 0) -> Figure:
    """The coherence gap: 0 where generated stems are as strangers, 1 where they are as alike as real ones.

    Its interval resamples the songs of both. Raises :class:`DataError` when the real songs give no scale, because the
    interval of their own difference reaches 0.
    """
    scale = real.difference
    if not scale.low > 0:
        raise DataError(
            f"the real songs' stems are hardly more alike than strangers' ({scale.value:.3f}, interval from {scale.low:.3f}),"
            " expected an interval above 0; give more or longer real songs"
        )
    rng = np.random.default_rng(seed)
    above, below = (_resampled(np.array(side.by_song), rng) for side in (made, real))
    low, high = np.quantile(above / below, (0.025, 0.975))
    return Figure(made.difference.value / scale.value, float(low), float(high), made.difference.n)


def _table(songs: Sequence[Stems], pairing: Pairing) -> Floats:
    """Correlations of every song's one stem (rows) with every song's other stem (columns); NaN where either is silent."""
    kept = [k for k, song in enumerate(songs) if song.presence[pairing.one] and song.presence[pairing.other]]
    if len(kept) < 2:
        raise DataError(
            f"{pairing.one} and {pairing.other} both sound in {len(kept)} of {len(songs)} songs, expected at least 2;"
            " give more songs, or leave this pairing out"
        )
    rows, columns = (
        np.stack([standardised(pairing.feature(songs[k][name], songs[k].rate)).numpy() for k in kept])
        for name in (pairing.one, pairing.other)
    )
    table = np.full((len(songs), len(songs)), np.nan)
    table[np.ix_(kept, kept)] = rows @ columns.T
    return table


def _kept(table: Floats) -> Floats:
    kept = np.isfinite(table.diagonal())
    return table[np.ix_(kept, kept)]


def _shuffled(table: Floats, draws: int, rng: np.random.Generator) -> Floats:
    """Each song's correlation with strangers, mean over draws; NaN where a stem is silent."""
    inside = _kept(table)
    songs = np.arange(len(inside))
    shuffled = np.full(len(table), np.nan)
    drawn = [inside[songs, strangers(range(len(songs)), rng)] for _ in range(draws)]
    shuffled[np.isfinite(table.diagonal())] = np.mean(drawn, axis=0)
    return shuffled


def _permuted(table: Floats, weights: Floats, rng: np.random.Generator) -> Floats:
    """Weighted sums over songs whose stems are permuted at random; the first is as the songs are."""
    inside = _kept(table)
    songs = np.arange(len(inside))
    orders = rng.permuted(np.tile(songs, (RESAMPLES + 1, 1)), axis=1)
    orders[0] = songs
    return (inside[songs, orders] * weights[np.isfinite(table.diagonal())]).sum(1)


def _resampled(values: Floats, rng: np.random.Generator) -> Floats:
    songs = len(values)
    return rng.multinomial(songs, np.full(songs, 1 / songs), size=RESAMPLES) @ values / songs
