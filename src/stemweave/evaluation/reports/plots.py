"""Dot plots as inline SVG: one dot per row with its interval as a bar, on an axis of their own."""

import math
from collections.abc import Callable, Sequence

from stemweave.evaluation.reports.markup import Html, element
from stemweave.evaluation.reports.tables import Cell, Table

WIDTH, LEFT, RIGHT, LINE, TOP, AXIS = 380, 136, 344, 22, 8, 24  # px
LETTERS = 18  # of a name, beside its dot


def plots(table: Table) -> list[Html]:
    """A plot for every column that holds a number."""
    drawn = (_plot(table, column) for column in range(len(table.columns)))
    return [plot for plot in drawn if plot]


def ticks(low: float, high: float) -> list[float]:
    """A few round numbers at equal steps, from at most ``low`` to at least ``high``."""
    if low == high:
        low, high = low - (abs(low) or 1) / 2, high + (abs(high) or 1) / 2
    rough = (high - low) / 4
    power: float = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    return [step * k for k in range(math.floor(low / step), math.ceil(high / step) + 1)]


def _plot(table: Table, column: int) -> Html | None:
    cells = [(row.name, row.cells[column]) for row in table.rows if row.cells[column].number is not None]
    if not cells:
        return None
    ends = [end for _, cell in cells for end in (cell.number, *(cell.interval or ())) if end is not None]
    marks = ticks(min(ends), max(ends))
    height = TOP + LINE * len(cells)

    def across(value: float) -> float:
        return LEFT + (RIGHT - LEFT) * (value - marks[0]) / (marks[-1] - marks[0])

    said = [f"{name} {table.text(cell)}" for name, cell in cells]
    dots = [_row(k, name, cell, text, across) for k, ((name, cell), text) in enumerate(zip(cells, said, strict=True))]
    label = f"{table.title}, {table.columns[column]}: {'; '.join(said)}"
    box = {"viewBox": f"0 0 {WIDTH} {height + AXIS}", "role": "img", "aria-label": label}
    picture = element("svg", box, element("title", {}, label), *_axis(marks, height, across), *dots)
    return element("figure", {}, element("figcaption", {}, table.columns[column]), picture)


def _row(index: int, name: str, cell: Cell, said: str, across: Callable[[float], float]) -> Html:
    middle = TOP + LINE * index + LINE / 2
    short = name if len(name) <= LETTERS else name[: LETTERS - 1] + "…"
    parts = [element("title", {}, said), _text(LEFT - 10, middle + 4, "end", short)]
    if cell.interval:
        low, high = cell.interval
        parts.append(_line("interval", across(low), across(high), middle, middle))
    if cell.number is not None:
        parts.append(element("circle", {"cx": f"{across(cell.number):.1f}", "cy": f"{middle:.1f}", "r": 4}))
    return element("g", {}, *parts)


def _axis(marks: Sequence[float], height: float, across: Callable[[float], float]) -> list[Html]:
    lines = [_line("zero" if mark == 0 else "grid", across(mark), across(mark), TOP, height) for mark in marks]
    return [*lines, *(_text(across(mark), height + 16, "middle", f"{mark:.4g}") for mark in marks)]


def _line(kind: str, x1: float, x2: float, y1: float, y2: float) -> Html:
    ends = {"x1": x1, "x2": x2, "y1": y1, "y2": y2}
    return element("line", {"class": kind} | {key: f"{value:.1f}" for key, value in ends.items()})


def _text(x: float, y: float, anchor: str, text: str) -> Html:
    return element("text", {"x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": anchor}, text)
