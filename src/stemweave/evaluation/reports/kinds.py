"""The tables of every kind of report: the layout that `tables` describes, and two kinds with figures of their own beside it."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from stemweave.errors import DataError
from stemweave.evaluation.reports.report import Report
from stemweave.evaluation.reports.tables import LEAST_SONGS, Cell, Row, Table

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


def read(path: Path) -> dict[str, Any]:
    """The JSON object in a file. Raises :class:`DataError` where it is missing, not JSON or not an object."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}; check the name") from error
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}; give a file that an evaluation wrote") from error
    if not isinstance(content, dict):
        raise DataError(
            f"{path} holds a JSON {type(content).__name__}, expected an object; give a file that an evaluation wrote"
        )
    return content


def tables_of(report: Report) -> list[Table]:
    """The tables of a report, without those in which nothing was measured.

    Raises :class:`DataError` for a kind that is not known and for a report that is not laid out as its kind is.
    """
    kind = str(report.get("report", ""))
    if "tables" not in report and kind not in OLDER:
        raise DataError(f"a report of kind {kind!r} without tables: expected tables, or one of {', '.join(OLDER)}")
    convert = _general if "tables" in report else OLDER[kind]
    try:
        return [table for table in convert(report) if table.measured]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"the report of kind {kind!r} is damaged or laid out otherwise: {error!r}; measure again") from error


def named_tables(name: str, report: Report) -> list[Table]:
    """`tables_of`, whose error says which report it was."""
    try:
        return tables_of(report)
    except DataError as error:
        raise DataError(f"{name}: {error}") from error


def _general(report: Report) -> list[Table]:
    return [_table(table) for table in report["tables"]]


def _table(raw: Mapping[str, Any]) -> Table:
    rows = (Row(str(row["name"]), tuple(Cell(**cell) for cell in row["cells"])) for row in raw["rows"])
    columns, note = tuple(map(str, raw["columns"])), str(raw.get("note", ""))
    return Table(str(raw["title"]), columns, tuple(rows), note, int(raw.get("digits", 2)), int(raw.get("least_n", 0)))


def _separation(report: Report) -> list[Table]:
    rows: Mapping[str, Any] = report["rows"]
    stems = (*report["stems"], "all")
    note = extent(report)

    def by_stem(metric: str) -> tuple[Row, ...]:
        cells = {name: figures["metrics"][metric] for name, figures in rows.items()}
        return tuple(Row(name, tuple(Cell(**row[stem]) for stem in stems)) for name, row in cells.items())

    whole = tuple(Row(name, tuple(_known(figures["whole"][key]) for key in WHOLE)) for name, figures in rows.items())
    metrics = [Table(title, stems, by_stem(metric), note, least_n=LEAST_SONGS) for metric, title in TITLES.items()]
    return [*metrics, Table("Over all stems", tuple(WHOLE.values()), whole, note)]


def extent(report: Report) -> str:
    """How much a separation report rests on."""
    return f"{report['songs']} songs, {report['seconds'] / 60:.1f} minutes; intervals: 95 %, by song."


def _context(report: Report) -> list[Table]:
    def cells(verdict: Mapping[str, Any]) -> tuple[Cell, ...]:
        means = (Cell(**verdict[name]) for name in ("own", "swapped", "difference"))
        return (*means, Cell(f"{verdict['better']} of {len(report['pairs'])}"), Cell(f"{verdict['p']:.2g}"))

    columns = ("own", "swapped", "difference", "own is better", "sign test, p")
    rows = tuple(Row(measure, cells(verdict)) for measure, verdict in report["verdicts"].items())
    note = f"{len(report['pairs'])} pairs; intervals: 95 %, by pair."
    return [Table(f"Correlation of what was made with {report['given']}", columns, rows, note, digits=3, least_n=LEAST_SONGS)]


def _known(value: float | None) -> Cell:
    return Cell(value, status="skipped" if value is None else "ok")


OLDER: Mapping[str, Callable[[Report], list[Table]]] = {"separation": _separation, "context": _context}
"""Kinds that say the same in a layout of their own, of which their tables are made."""
