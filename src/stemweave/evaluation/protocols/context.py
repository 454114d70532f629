"""Does the accompaniment hear its context? One seed, two contexts: what was made for a song's own stem must fit that stem
better than what was made, with the same seed, for another song's.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from stemweave.data.tracks import Track
from stemweave.errors import DataError
from stemweave.evaluation.measures.coherence import chroma_correlation, onset_correlation
from stemweave.evaluation.measures.separation import ACTIVE, decibels
from stemweave.evaluation.reports.report import Report, entry
from stemweave.evaluation.statistics import RESAMPLES, Figure, sign_test, song_means

Accompanist = Callable[[Tensor, int, int], Tensor]
"""(given stem (channels, samples), rate in Hz, seed) → the sum of what was made for it, of the same shape."""

MEASURES: Mapping[str, Callable[[Tensor, Tensor, int], float]] = {
    "onset": onset_correlation,
    "chroma": chroma_correlation,
}


@dataclass(frozen=True)
class Pair:
    """Correlations between a song's stem and what was made for it (own) and for another song's stem (swapped)."""

    song: str
    other: str
    seed: int
    own: Mapping[str, float]
    swapped: Mapping[str, float]


@dataclass(frozen=True)
class Verdict:
    """Means over pairs, their difference, and the sign test's p-value that own is no better than swapped."""

    own: Figure
    swapped: Figure
    difference: Figure
    better: int
    p: float


def pairs(
    tracks: Sequence[Track], stem: str, accompany: Accompanist, rate: int, count: int, seconds: float, seed: int
) -> Iterator[Pair]:
    """``count`` pairs of songs, drawn by ``seed``; pair k makes both accompaniments with seed ``seed`` + k.

    A song's context is its loudest ``seconds`` of ``stem``, mono at ``rate`` Hz.
    Raises :class:`DataError` when fewer than two songs have one.
    """
    contexts = [(track, clip) for track in tracks if (clip := loudest(track, stem, rate, seconds)) is not None]
    if len(contexts) < 2:
        raise DataError(f"{len(contexts)} of {len(tracks)} songs have {seconds:g} s with {stem}, expected at least 2")
    for k, (one, other) in enumerate(_drawn(len(contexts), count, seed)):
        (track, own), (stranger, foreign) = contexts[one], contexts[other]
        made = {name: accompany(clip, rate, seed + k) for name, clip in (("own", own), ("swapped", foreign))}
        fits = {name: {m: f(own, sound, rate) for m, f in MEASURES.items()} for name, sound in made.items()}
        yield Pair(track.id, stranger.id, seed + k, fits["own"], fits["swapped"])


def loudest(track: Track, stem: str, rate: int, seconds: float) -> Tensor | None:
    """The loudest ``seconds`` of a stem, (1, samples) at ``rate`` Hz, among those that start on a multiple of half of it.

    None where the stem is unknown, silent (under -60 dBFS) or shorter.
    """
    audio = track.read([stem], rate, 1)[0]
    samples = round(seconds * rate)
    clips = [audio[:, start : start + samples] for start in range(0, audio.shape[1] - samples + 1, max(samples // 2, 1))]
    best = max(clips, key=lambda clip: float(decibels(clip.flatten())), default=None)
    return best if best is not None and decibels(best.flatten()) >= ACTIVE else None


def verdicts(made: Sequence[Pair], seed: int = 0) -> dict[str, Verdict]:
    """One for each measure."""
    return {measure: _verdict(made, measure, seed) for measure in MEASURES}


def _verdict(made: Sequence[Pair], measure: str, seed: int) -> Verdict:
    own, swapped = ([pair.own[measure] for pair in made], [pair.swapped[measure] for pair in made])
    differences = [a - b for a, b in zip(own, swapped, strict=True)]
    means = (song_means([[value] for value in values], seed)[0] for values in (own, swapped, differences))
    return Verdict(next(means), next(means), next(means), sum(d > 0 for d in differences), sign_test(differences))


def _drawn(songs: int, count: int, seed: int) -> Iterator[tuple[int, int]]:
    """Every song once before any twice, each with another song."""
    rng = np.random.default_rng(seed)
    for k in range(count):
        if k % songs == 0:
            order = rng.permutation(songs)
        yield int(order[k % songs]), int(order[(k + 1) % songs])


def findings(made: Sequence[Pair]) -> Report:
    """The verdicts and the pairs they rest on, for a report."""
    return {
        "bootstrap": {"unit": "pair", "resamples": RESAMPLES, "seed": 0, "interval": 0.95},
        "verdicts": {measure: _entries(verdict) for measure, verdict in verdicts(made).items()},
        "pairs": [dict(vars(pair)) for pair in made],
    }


def _entries(verdict: Verdict) -> Report:
    return {key: entry(value) if isinstance(value, Figure) else value for key, value in vars(verdict).items()}
