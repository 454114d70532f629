"""A grid's means as in a paper's table: one setting along the top, all others down the side."""

from collections.abc import Mapping

from stemweave.evaluation.protocols.cells import SKIPPED
from stemweave.evaluation.reports.tables import Row, Table

MEAN = "mean"
"""The column of a grid's table that is shown."""


def across(table: Table, places: Mapping[str, tuple[str, str]]) -> Table:
    """The means of ``table`` where ``places`` has them: a row and a column by the name of each row of ``table``.

    What was not measured is skipped.
    """
    mean = table.columns.index(MEAN)
    found = {places[row.name]: row.cells[mean] for row in table.rows if row.name in places}
    columns = tuple(dict.fromkeys(column for _, column in found))
    names = dict.fromkeys(name for name, _ in found)
    rows = tuple(Row(name, tuple(found.get((name, column), SKIPPED) for column in columns)) for name in names)
    note = "Mean over stems of active-only SI-SDRi, dB, with 95 % intervals by song."
    return Table(f"{table.title}, mean by {columns[0].split()[0]}", columns, rows, note, table.digits, table.least_n)
