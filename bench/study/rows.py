"""Figures in a CSV file, one row for each piece of work, written as soon as it is done, so that work goes on after a stop."""

import csv
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from stemweave.errors import DataError, OutputError

Row = dict[str, str]


class Rows:
    """Rows of text by the columns ``keys``; ``values`` are the other columns.

    A last line that was cut off is dropped, and its work done again. Raises :class:`DataError` for a file with other columns.
    """

    def __init__(self, path: Path, keys: Sequence[str], values: Sequence[str]) -> None:
        self.path, self.keys, self.columns = path, tuple(keys), (*keys, *values)
        self.rows: list[Row] = []
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        head, *lines = text.splitlines() or [""]
        if head and head != ",".join(self.columns):
            raise DataError(f"{path} has other columns than this study; give another folder, or remove the file to start again")
        if not text.endswith("\n"):
            lines = lines[:-1]
        self.rows = [dict(zip(self.columns, cells, strict=True)) for cells in csv.reader(lines)]
        self.known = {self._key(row) for row in self.rows}
        if text and not text.endswith("\n"):
            self._write("w", [self.columns, *map(self._cells, self.rows)])

    def __contains__(self, row: Mapping[str, str]) -> bool:
        return self._key(row) in self.known

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def add(self, row: Row) -> None:
        """Keep a row, on disk at once. Raises :class:`OutputError` where that cannot be."""
        self._write("a", [self._cells(row)] if self.path.is_file() else [self.columns, self._cells(row)])
        self.rows.append(row)
        self.known.add(self._key(row))

    def _key(self, row: Mapping[str, str]) -> tuple[str, ...]:
        return tuple(row[name] for name in self.keys)

    def _cells(self, row: Mapping[str, str]) -> tuple[str, ...]:
        return tuple(row[column] for column in self.columns)

    def _write(self, mode: str, lines: Iterable[Sequence[str]]) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open(mode, encoding="utf-8", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows(lines)
        except OSError as error:
            raise OutputError(f"{self.path} cannot be written: {error.strerror or error}") from error


def text(value: float | str | None) -> str:
    """As a row holds it; empty for what is not known."""
    if value is None or isinstance(value, str):
        return value or ""
    return f"{value:.6g}" if math.isfinite(value) else ""


def number(word: str) -> float:
    """Read back what `text` wrote; NaN for what is not known."""
    return float(word) if word else math.nan
