"""What the results of songs come to: figures with intervals by song."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from stemweave.evaluation.measures import separation
from stemweave.evaluation.protocols import wholesongs
from stemweave.evaluation.protocols.separation import Result
from stemweave.evaluation.reports.report import Report, entry, plain
from stemweave.evaluation.statistics import RESAMPLES, Figure, figures, song_means


def findings(names: Sequence[str], rows: Mapping[str, Sequence[Result]], seed: int = 0) -> Report:
    """All figures of a run, for its report; ``seed`` is the bootstrap's."""
    results = next(iter(rows.values()))
    return {
        "stems": list(names),
        "songs": len(results),
        "seconds": sum(result.seconds for result in results),
        "windows": {"active": _rows(results, "active"), "msdm": _rows(results, "msdm")},
        "bootstrap": {"unit": "song", "resamples": RESAMPLES, "seed": seed, "interval": 0.95},
        "rows": {row: _row(names, results, seed) for row, results in rows.items()},
    }


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
        "worst_null_test": max((result.null for result in results if not math.isnan(result.null)), default=math.nan),
        "largest_lag": float(max((abs(result.lag) for result in results), default=0)),
        "times_real_time": sum(result.seconds for result in results) / sum(result.took for result in results),
    }


def _row(names: Sequence[str], results: Sequence[Result], seed: int) -> Report:
    columns = [*names, "all"]
    found = summary(results, seed) | wholesongs.figures([result.whole for result in results], seed)
    metrics = {key: dict(zip(columns, map(entry, row), strict=True)) for key, row in found.items()}
    for key, values in pooled(results).items():
        cells = [entry(Figure(value, math.nan, math.nan, len(results))) for value in values]
        metrics[key] = dict(zip(columns, cells, strict=True))
    songs = {result.song: [plain(value) for value in result.means.nanmean(0).tolist()] for result in results}
    return {
        "metrics": metrics,
        "whole": {key: plain(value) for key, value in whole(results).items()},
        "si_sdri_by_song": songs,
    }


def _rows(results: Sequence[Result], protocol: str) -> int:
    tables = {"active": [result.scores.sdr for result in results], "msdm": [result.msdm for result in results]}
    return int(sum(table.isfinite().any(1).sum() for table in tables[protocol]))


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
