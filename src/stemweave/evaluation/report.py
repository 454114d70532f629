"""Reports: one JSON per run, and the Markdown that is printed from it."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from stemweave.audio.files import scratch_name
from stemweave.errors import OutputError
from stemweave.evaluation.protocol import Result, pooled, summary, whole
from stemweave.evaluation.statistics import RESAMPLES, Figure

Report = dict[str, Any]

TITLES = {
    "si_sdri": "Active-only SI-SDRi, dB",
    "si_sdr": "Active-only SI-SDR, dB",
    "si_sdri_47": "Active-only SI-SDRi, dB, active from -47 dBFS",
    "si_sdri_median": "Median song's active-only SI-SDRi, dB",
    "msdm_si_sdri": "SI-SDRi by the protocol of 2302.02257, dB (silent references count)",
    "missed": "Missed: share of active stem-windows 20 dB or more too quiet",
    "ghost_median": "Silent stems: median output, dB relative to the mixture",
    "ghost_p95": "Silent stems: 95th percentile of the output, dB relative to the mixture",
    "ghost_rate": "Silent stems: share above -40 dB relative to the mixture",
}
"""The tables of a separation report, in order; "All" is the mean of the stems, for ghosts the pool of them."""
WHOLE = {
    "pass_through_error": "error where one stem plays alone, dB",
    "between_seed_std": "SD between seeds, dB",
    "worst_null_test": "worst null test, dB",
    "largest_lag": "largest lag, samples",
    "times_real_time": "× real time",
}


def separation_report(
    names: Sequence[str], rows: Mapping[str, Sequence[Result]], about: Mapping[str, Any], seed: int = 0
) -> Report:
    """All figures of a run; ``about`` says what was measured, on what and how; ``seed`` is the bootstrap's."""
    results = next(iter(rows.values()))
    return {
        "report": "separation",
        **versions(),
        **about,
        "stems": list(names),
        "songs": len(results),
        "seconds": sum(result.seconds for result in results),
        "windows": {"active": _rows(results, "active"), "msdm": _rows(results, "msdm")},
        "bootstrap": {"unit": "song", "resamples": RESAMPLES, "seed": seed, "interval": 0.95},
        "rows": {row: _row(names, results, seed) for row, results in rows.items()},
    }


def versions() -> dict[str, str]:
    """Of the code that measured."""
    return {"stemweave": version("stemweave"), "torch": torch.__version__}


def entry(figure: Figure) -> dict[str, Any]:
    """A figure as JSON; without a value its status is "skipped"."""
    known = math.isfinite(figure.value)
    return {**{key: _plain(value) for key, value in vars(figure).items()}, "status": "ok" if known else "skipped"}


def free(path: Path | None, overwrite: bool) -> None:
    """Make sure that a report can be written to ``path``, before hours of work.

    Raises :class:`OutputError` if one is there already and may not be replaced, or the place cannot be written.
    """
    if path and path.exists() and not overwrite:
        raise OutputError(f"{path} exists already; give another name, or --overwrite")
    if path:
        with _scratch(path) as scratch:
            scratch.touch()


def write(path: Path | None, report: Report) -> None:
    """Write a report where one is wanted, whole or not at all; :class:`OutputError` where that cannot be."""
    if path:
        with _scratch(path) as scratch:
            scratch.write_text(json.dumps(report, indent=1, allow_nan=False) + "\n", encoding="utf-8")
            scratch.replace(path)


@contextmanager
def _scratch(path: Path) -> Iterator[Path]:
    scratch = path.with_name(scratch_name(path.name))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield scratch
        finally:
            scratch.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error


def markdown(report: Report) -> str:
    """The tables of a separation report."""
    stems = [*report["stems"], "All"]
    rows = report["rows"]
    tables = [_table(f"### {title}", stems, metric, rows) for metric, title in TITLES.items()]
    head = ["", "| row | " + " | ".join(WHOLE.values()) + " |", "|---|" + "---|" * len(WHOLE)]
    lines = [_line(row, [_number(figures["whole"][key]) for key in WHOLE]) for row, figures in rows.items()]
    songs = f"{report['songs']} songs, {report['seconds'] / 60:.1f} minutes; intervals: 95 %, by song."
    return "\n\n".join([songs, *(t for t in tables if t)]) + "\n" + "\n".join([*head, *lines]) + "\n"


def _table(title: str, stems: Sequence[str], metric: str, rows: Mapping[str, Any]) -> str:
    lines = [_line(row, [_cell(cell) for cell in figures["metrics"][metric].values()]) for row, figures in rows.items()]
    if all(cell["status"] != "ok" for figures in rows.values() for cell in figures["metrics"][metric].values()):
        return ""
    return "\n".join([title, "", _line("row", stems), "|---|" + "---|" * len(stems), *lines])


def _line(row: str, cells: Sequence[str]) -> str:
    return f"| {row} | " + " | ".join(cells) + " |"


def _cell(cell: Mapping[str, Any]) -> str:
    if cell["status"] != "ok":
        return "–"
    interval = f" [{_number(cell['low'])}, {_number(cell['high'])}]" if cell["low"] is not None else ""
    return _number(cell["value"]) + interval


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _row(names: Sequence[str], results: Sequence[Result], seed: int) -> Report:
    columns = [*names, "all"]
    metrics = {key: dict(zip(columns, map(entry, row), strict=True)) for key, row in summary(results, seed).items()}
    for key, values in pooled(results).items():
        cells = [entry(Figure(value, math.nan, math.nan, len(results))) for value in values]
        metrics[key] = dict(zip(columns, cells, strict=True))
    songs = {result.song: [_plain(value) for value in result.means.nanmean(0).tolist()] for result in results}
    return {
        "metrics": metrics,
        "whole": {key: _plain(value) for key, value in whole(results).items()},
        "si_sdri_by_song": songs,
    }


def _rows(results: Sequence[Result], protocol: str) -> int:
    tables = {"active": [result.scores.sdr for result in results], "msdm": [result.msdm for result in results]}
    return int(sum(table.isfinite().any(1).sum() for table in tables[protocol]))


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
