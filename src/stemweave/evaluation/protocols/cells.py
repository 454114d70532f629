"""Cells of tables, as several protocols fill them."""

from collections.abc import Callable, Iterable

from stemweave.errors import DataError
from stemweave.evaluation.reports.report import entry
from stemweave.evaluation.reports.tables import Cell
from stemweave.evaluation.statistics import Figure

ENOUGH = 100
"""Songs below which a table says that they are too few (of evaluation of sets, after 2311.01616)."""
SKIPPED = Cell(None, status="skipped")


def cell(figure: Figure) -> Cell:
    """A measured figure; skipped where it has no value."""
    return Cell(**entry(figure))


def cells(found: Iterable[Figure]) -> tuple[Cell, ...]:
    """Several of them."""
    return tuple(map(cell, found))


def where_possible(measure: Callable[[], Cell]) -> Cell:
    """Skipped where there are too few songs, or rows, for this figure."""
    try:
        return measure()
    except DataError:
        return SKIPPED
