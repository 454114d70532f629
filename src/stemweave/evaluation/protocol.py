"""Running separators over songs, and condensing their scores into figures with intervals by song."""

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from stemweave.data.shards import Recipe, fingerprint
from stemweave.data.tracks import Track
from stemweave.errors import DataError
from stemweave.evaluation import separation
from stemweave.evaluation.estimators import Estimator
from stemweave.evaluation.separation import Scores, lag, measure, msdm_chunks, msdm_scores, null_test
from stemweave.evaluation.statistics import Figure, figures, song_means

LOUDER = -47.0
"""dBFS: the second threshold of activity for which the headline is repeated."""


@dataclass(frozen=True)
class Result:
    """One song and one row of the report, over all seeds; see `Scores`.

    ``seconds`` is the song's length, ``took`` what its estimator took for all its rows.
    """

    song: str
    row: str
    seconds: float
    took: float
    scores: Scores
    louder: Scores
    means: Tensor
    """Active SI-SDRi of each seed and stem, dB: (seeds, stems)."""
    null: float
    lag: int
    msdm: Tensor


def run(
    tracks: Sequence[Track],
    names: Sequence[str],
    estimators: Sequence[Estimator],
    seeds: Sequence[int] = (0,),
    msdm: bool = True,
) -> Iterator[list[Result]]:
    """The results of every song, song by song.

    With ``msdm``, songs are separated once more in chunks as 2302.02257 does, at 22 050 Hz, mono. Raises
    :class:`DataError` for a song that does not say what each of the stems ``names`` is.
    """
    for track in tracks:
        if not all(track.known(names)):
            raise DataError(f"{track.id} holds {', '.join(track.stems)}, expected all of {', '.join(names)}")
        yield [result for estimator in estimators for result in _song(track, names, estimator, seeds, msdm)]


def _song(track: Track, names: Sequence[str], estimator: Estimator, seeds: Sequence[int], msdm: bool) -> list[Result]:
    references = track.read(names)
    chunked = track.read(names, separation.MSDM_RATE, 1) if msdm else references[..., :0]
    each: dict[str, list[Result]] = {}
    for seed in seeds:
        started = time.perf_counter()
        estimates = estimator(references, track.rate, seed)
        took = time.perf_counter() - started
        scores = _msdm(chunked, estimator, seed)
        for row, estimate in estimates.items():
            result = _scored(track, row, estimate, references, took)
            each.setdefault(row, []).append(replace(result, msdm=scores.get(row, result.msdm)))
    return [_joined(results) for results in each.values()]


def _scored(track: Track, row: str, estimate: Tensor, references: Tensor, took: float) -> Result:
    mixture = references.sum(0)
    levels = measure(estimate, references, track.rate)
    scores, louder = separation.scores(levels), separation.scores(levels, LOUDER)
    means = scores.improvement.nanmean(0, keepdim=True)
    null, late = null_test(estimate, mixture), lag(estimate, mixture)
    nothing = torch.empty(0, len(references))
    return Result(track.id, row, track.seconds, took, scores, louder, means, null, late, nothing)


def _msdm(stems: Tensor, estimator: Estimator, seed: int) -> dict[str, Tensor]:
    """Windows and stems as 2302.02257 scores them, by row. Shape: (stems, 1, samples) at 22 050 Hz."""
    chunks = [stems[..., cut] for cut in msdm_chunks(stems.shape[-1])]
    parts = [estimator(chunk, separation.MSDM_RATE, seed) for chunk in chunks]
    truth = torch.cat([chunk[:, 0] for chunk in chunks], -1) if chunks else stems[:, 0, :0]
    rows = parts[0] if parts else {}
    return {row: msdm_scores(torch.cat([part[row][:, 0] for part in parts], -1), truth) for row in rows}


def _joined(results: Sequence[Result]) -> Result:
    """One result of several seeds: windows of all, so that means are means over seeds too; the worst null test."""

    def cat(*parts: Tensor) -> Tensor:
        return torch.cat(parts)

    def scores(parts: Sequence[Scores]) -> Scores:
        return Scores(*(cat(*columns) for columns in zip(*(vars(part).values() for part in parts), strict=True)))

    return replace(
        results[0],
        took=sum(result.took for result in results) / len(results),
        scores=scores([result.scores for result in results]),
        louder=scores([result.louder for result in results]),
        means=cat(*(result.means for result in results)),
        null=max(result.null for result in results),
        lag=max((result.lag for result in results), key=abs),
        msdm=cat(*(result.msdm for result in results)),
    )


def summary(results: Sequence[Result], seed: int = 0) -> dict[str, tuple[Figure, ...]]:
    """The figures of one row: per stem and last their mean, by metric; intervals by song.

    SI-SDR and SI-SDRi in dB; rates as shares; ghosts in dB relative to the mixture.
    """
    scores = [result.scores for result in results]
    active = _counts([score.level for score in scores])
    silent = _counts([score.ghost for score in scores])
    return {
        "si_sdri": song_means(_means([score.improvement for score in scores]), seed),
        "si_sdr": song_means(_means([score.sdr for score in scores]), seed),
        "si_sdri_47": song_means(_means([result.louder.improvement for result in results]), seed),
        "msdm_si_sdri": figures(
            [result.msdm.nansum(0).tolist() for result in results], _counts([result.msdm for result in results]), seed
        ),
        "missed": figures(_sums([score.level <= separation.MISSED for score in scores]), active, seed),
        "ghost_rate": figures(_sums([score.ghost > separation.GHOST for score in scores]), silent, seed),
    }


def pooled(results: Sequence[Result]) -> dict[str, list[float]]:
    """What is said without intervals, per stem and last over all stems: medians over songs, quantiles of ghosts (dB)."""
    means = torch.tensor(_means([result.scores.improvement for result in results]))
    medians = means.nanquantile(0.5, dim=0)
    ghost = torch.cat([result.scores.ghost for result in results])
    return {
        "si_sdri_median": [*medians.tolist(), float(medians.nanmean())],
        "ghost_median": _quantile(ghost, 0.5),
        "ghost_p95": _quantile(ghost, 0.95),
    }


def whole(results: Sequence[Result]) -> dict[str, float]:
    """What is said of a row as a whole, over all songs; dB, samples, or a ratio."""
    errors = torch.cat([result.scores.error for result in results])
    means = torch.stack([result.means.nanmean(1) for result in results])
    return {
        "pass_through_error": float(errors.nanmean()),
        "between_seed_std": float(means.std(1).nanmean()) if means.shape[1] > 1 else float("nan"),
        "worst_null_test": max(result.null for result in results),
        "largest_lag": float(max((abs(result.lag) for result in results), default=0)),
        "times_real_time": sum(result.seconds for result in results) / sum(result.took for result in results),
    }


def corpus_hash(tracks: Sequence[Track], names: Sequence[str]) -> Iterator[str]:
    """SHA-256 of the songs so far, as each is added: over ids and contents of the stems' files, in order."""
    digest = hashlib.sha256()
    for track in tracks:
        digest.update(fingerprint(track, Recipe(tuple(names), track.rate, track.channels)).encode())
        yield digest.hexdigest()


def _means(tables: Sequence[Tensor]) -> list[list[float]]:
    return [table.nanmean(0).tolist() for table in tables]


def _sums(tables: Sequence[Tensor]) -> list[list[float]]:
    return [table.sum(0).tolist() for table in tables]


def _counts(tables: Sequence[Tensor]) -> list[list[float]]:
    return [table.isfinite().sum(0).tolist() for table in tables]


def _quantile(table: Tensor, share: float) -> list[float]:
    columns = [*table.T, table.flatten()]
    finite = [column[column.isfinite()] for column in columns]
    return [float(column.quantile(share)) if len(column) else float("nan") for column in finite]
