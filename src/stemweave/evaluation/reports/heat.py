"""Tables as one picture, each cell coloured by its number. Needs the extra ``plot``."""

import math
from collections.abc import Sequence
from typing import Any

from stemweave.audio.files import PathLike, arriving
from stemweave.audio.pictures import canvas
from stemweave.evaluation.reports.tables import Table


def heat_map(tables: Sequence[Table], path: PathLike, *, overwrite: bool = False) -> None:
    """Draw the tables one under another into a PNG, numbers in their cells; cells without a number stay empty.

    Raises MissingExtra without matplotlib, OutputError where ``path`` exists and ``overwrite`` is false, or cannot be written.
    """
    figure = _figure(tables)
    with arriving(path, overwrite=overwrite) as scratch:
        figure.savefig(scratch, format="png", dpi=110)


def _figure(tables: Sequence[Table]) -> Any:
    width = 3 + 1.1 * max(len(table.columns) for table in tables)
    heights = [1.2 + 0.45 * len(table.rows) for table in tables]
    figure = canvas(width, sum(heights))
    axes = figure.subplots(len(tables), 1, squeeze=False, height_ratios=heights)
    for axis, table in zip(axes.flat, tables, strict=True):
        figure.colorbar(_draw(axis, table), ax=axis)
    return figure


def _draw(axis: Any, table: Table) -> Any:
    numbers = [[math.nan if cell.number is None else cell.number for cell in row.cells] for row in table.rows]
    image = axis.imshow(numbers, aspect="auto", cmap="viridis")
    axis.set_title(table.title)
    axis.set_xticks(range(len(table.columns)), table.columns)
    axis.set_yticks(range(len(table.rows)), [row.name for row in table.rows])
    for y, row in enumerate(numbers):
        for x, number in enumerate(row):
            if math.isfinite(number):
                dark = image.norm(number) < 0.5
                axis.text(x, y, f"{number:.{table.digits}f}", ha="center", va="center", color="white" if dark else "black")
    return image
