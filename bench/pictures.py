"""The benchmark's plots, small."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.goals import COST, LENGTHS, SCORES, Reports, number, tables
from stemweave.evaluation.reports.tables import Table

DOTS, BLUE = 90, "#3366aa"
EVALUATIONS = ("evaluations", "One evaluation")


def draw(reports: Reports, folder: Path) -> Iterator[Path]:
    """Every plot whose figures were measured, as PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, made in (("evaluations", _evaluations(reports)), ("walks", _walks(reports)), ("lengths", _lengths(reports))):
        if made is not None:
            path = folder / f"{name}.png"
            made.savefig(path, dpi=DOTS)
            yield path


def _evaluations(reports: Reports) -> Figure | None:
    """Bars of seconds for each way of each network."""
    found = list(tables(reports, EVALUATIONS))
    if not found:
        return None
    figure, axes = _figure(len(found), [1 + len(_timed(table)) for table in found])
    for axis, table in zip(axes, found, strict=True):
        names, seconds = zip(*reversed(_timed(table)), strict=True)
        axis.barh(names, seconds, color=BLUE)
        axis.set(title=table.title, xlabel="s")
    return figure


def _timed(table: Table) -> list[tuple[str, float]]:
    return [(row.name, row.cells[0].number) for row in table.rows if row.cells[0].number is not None]


def _walks(reports: Reports) -> Figure | None:
    """Score against cost for each method."""
    rows = [row for table in tables(reports, SCORES) for row in table.rows]
    if not rows:
        return None
    figure, (axis,) = _figure(1, [5])
    for row in rows:
        seconds, mean = number(reports, COST, row.name, "seconds"), row.cells[_mean(reports)]
        if seconds is not None and mean.number is not None:
            low, high = mean.interval or (mean.number, mean.number)
            reach = [[max(mean.number - low, 0.0)], [max(high - mean.number, 0.0)]]
            axis.errorbar([seconds], [mean.number], yerr=reach, fmt="o", capsize=3, label=row.name)
    axis.set(xscale="log", xlabel="seconds for a minute of music", ylabel="active-only SI-SDRi, dB")
    axis.legend(fontsize="small")
    return figure


def _mean(reports: Reports) -> int:
    return next(tables(reports, SCORES)).columns.index("mean")


def _lengths(reports: Reports) -> Figure | None:
    """Time and memory against the song's length."""
    rows = [row for table in tables(reports, LENGTHS) for row in table.rows]
    if not rows:
        return None
    minutes = [float(row.name.split()[0]) for row in rows]
    figure, axes = _figure(2, [3, 3])
    for axis, column, label in zip(axes, (0, 2), ("time, s", "peak memory, MB"), strict=True):
        known = [(length, value) for length, row in zip(minutes, rows, strict=True) if (value := row.cells[column].number)]
        axis.plot([length for length, _ in known], [value for _, value in known], "o-", color=BLUE)
        most = max((value for _, value in known), default=1.0)
        axis.set(xlabel="length of the song, minutes", ylabel=label, ylim=(0, 1.1 * most), xlim=(0, 1.05 * max(minutes)))
    return figure


def _figure(rows: int, heights: Sequence[int]) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(7, 0.6 * rows + 0.6 * sum(heights)), layout="constrained")
    return figure, list(figure.subplots(rows, 1, squeeze=False, height_ratios=heights)[:, 0])
