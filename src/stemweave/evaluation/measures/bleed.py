"""Bleed: how alike the stems of a song are as waveforms, which no feature that they share excuses.

Copies and bleed raise every correlation of features, so a coherence gap is believed only if its songs bleed no more than
real ones do.
"""

from collections.abc import Sequence
from itertools import combinations

from stemweave.audio.stems import Stems
from stemweave.evaluation.measures.memorisation import peak_correlation
from stemweave.evaluation.measures.strangers import alike
from stemweave.evaluation.statistics import Figure, song_means

LAG = 0.1
"""Seconds by which one stem may lag the other: a copy may be delayed."""


def bleed(songs: Sequence[Stems], seed: int = 0) -> Figure:
    """Mean over songs of the mean absolute peak correlation, at lags up to ±0.1 s, of all pairs of stems that sound.

    A stem sounds from -60 dBFS on; a song with fewer than two such stems does not count. Short sounds correlate more by
    chance: compare figures of songs of one length. Raises :class:`DataError` for fewer than two songs, for different
    rates, lengths or stems, or for NaN.
    """
    alike(songs, songs[0] if songs else ())
    return song_means([[_mean_peak(song)] for song in songs], seed)[0]


def suspicious(made: Figure, real: Figure) -> bool:
    """Whether generated songs bleed more than real ones: their mean lies above the real songs' interval."""
    return made.value > real.high


def _mean_peak(song: Stems) -> float:
    sounding = [song[name] for name, present in song.presence.items() if present]
    reach = round(LAG * song.rate)
    peaks = [peak_correlation(one, other, 0, reach).correlation for one, other in combinations(sounding, 2)]
    return sum(peaks) / len(peaks) if peaks else float("nan")
