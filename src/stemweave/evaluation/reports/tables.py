"""Tables between a report's JSON and what is shown of it: Markdown, HTML and plots are all made from the same cells.

A report of a new kind is one JSON object in this layout::

    {"report": "generation",
     …what was measured, on what and how: versions, model, data, device, seeds…,
     "command": "stemweave evaluate generation --data songs",
     "tables": [{"title": "KAD × 100", "note": "lower is nearer", "columns": ["mixture", "bass"], "digits": 2, "least_n": 1000,
                 "rows": [{"name": "band",
                           "cells": [{"value": 1.31, "low": 1.12, "high": 1.56, "n": 1200, "status": "ok"},
                                     {"value": null, "status": "skipped"}]}]}],
     "audio": [{"title": "song 3", "files": [{"name": "band", "path": "song3/band.flac"}]}]}

A cell's ``value`` is a number, a few words, or null where there is nothing; its ``status`` is ok, skipped or failed.
``low`` and ``high`` bound its 95 % interval and ``n`` is how many it rests on. ``digits`` are decimals. A cell with ``n``
below ``least_n`` is marked as resting on too few. Paths are relative to the JSON's folder. ``note``, ``digits``,
``least_n``, ``low``, ``high``, ``n``, ``status``, ``command`` and ``audio`` may be left out.
`dataclasses.asdict` of a `Table` is this layout, and ``Cell(**entry(figure))`` the cell of a measured figure.
"""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

from stemweave.errors import DataError

STATUSES = ("ok", "skipped", "failed")
LEAST_SONGS = 20
"""Songs below which a table of means says that they are too few."""


@dataclass(frozen=True)
class Cell:
    """A number with its 95 % interval and how many it rests on, or a few words.

    Raises :class:`DataError` for a number that is not finite, an unknown status, and an ok cell without a value.
    """

    value: float | str | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    status: str = "ok"

    def __post_init__(self) -> None:
        numbers = (self.low, self.high, self.n) if isinstance(self.value, str) else (self.value, self.low, self.high, self.n)
        for number in numbers:
            if number is not None and not _finite(number):
                raise DataError(f"a cell holds {number!r}, expected a finite number or null")
        if self.status not in STATUSES:
            raise DataError(f"a cell's status is {self.status!r}, expected one of {', '.join(STATUSES)}")
        if self.status == "ok" and self.value is None:
            raise DataError("a cell is ok but holds no value: give one, or the status skipped")

    @property
    def number(self) -> float | None:
        """The value where one was measured and is a number."""
        return None if self.status != "ok" or isinstance(self.value, str) else self.value

    @property
    def interval(self) -> tuple[float, float] | None:
        """Both ends of the interval, where it has them."""
        return None if self.low is None or self.high is None else (self.low, self.high)


@dataclass(frozen=True)
class Row:
    """A system, or whatever else is compared, with one cell per column."""

    name: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """What is shown together under one title; see the module. Raises :class:`DataError` where cells and columns differ."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str = ""
    digits: int = 2
    least_n: int = 0

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.cells) != len(self.columns):
                cells, columns = len(row.cells), len(self.columns)
                raise DataError(f"row {row.name!r} of {self.title!r} has {cells} cells, expected {columns}, one per column")

    @property
    def measured(self) -> bool:
        """Whether any cell holds something."""
        return any(cell.status == "ok" for row in self.rows for cell in row.cells)

    def text(self, cell: Cell) -> str:
        """A cell as it is read: – where it was skipped, the interval in brackets, and whether it rests on too few."""
        if cell.status != "ok" or cell.value is None:
            return "failed" if cell.status == "failed" else "–"
        if isinstance(cell.value, str):
            return cell.value
        interval = f" [{', '.join(map(self._decimal, cell.interval))}]" if cell.interval else ""
        few = f" (n = {cell.n} too small)" if cell.n is not None and cell.n < self.least_n else ""
        return self._decimal(cell.value) + interval + few

    def _decimal(self, number: float) -> str:
        return f"{round(number, self.digits) + 0.0:.{self.digits}f}"  # + 0.0 makes -0.0 plain


def spreadsheet(tables: Sequence[Table]) -> str:
    """The tables' cells one after another as CSV with a head; nothing stands where nothing was measured."""
    text = io.StringIO()
    sheet = csv.writer(text, lineterminator="\n")
    sheet.writerow(("table", "row", "column", "value", "low", "high", "n", "status"))
    for table in tables:
        for row in table.rows:
            for column, cell in zip(table.columns, row.cells, strict=True):
                sheet.writerow((table.title, row.name, column, cell.value, cell.low, cell.high, cell.n, cell.status))
    return text.getvalue()


def markdown(tables: Sequence[Table]) -> str:
    """The tables for a terminal or a README."""
    return "\n".join(map(_markdown, tables))


def _markdown(table: Table) -> str:
    note = [table.note, ""] if table.note else []
    head = [_line("row", table.columns), "|---|" + "---|" * len(table.columns)]
    rows = [_line(row.name, [table.text(cell) for cell in row.cells]) for row in table.rows]
    return "\n".join([f"### {table.title}", "", *note, *head, *rows]) + "\n"


def _line(name: str, cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(text.replace("|", "\\|").split()) for text in (name, *cells)) + " |"


def _finite(number: object) -> bool:
    return isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number)
