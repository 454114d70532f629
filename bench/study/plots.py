"""Figures of the study: what is gained by more evaluations, by solver, and how loud the estimates are."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.study.bands import Made
from bench.study.making import BASE, GAPS, OFFICIAL
from bench.study.scored import TOLERATED, Found, Scored
from bench.study.setting import CALLS, Setting
from stemweave.errors import MissingExtra
from stemweave.evaluation.statistics import song_means

COLOURS = dict(zip(CALLS, ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"), strict=True))
LOWEST = -8.0
"""dB: SI-SDRi below this is left out of the picture."""
LOUDEST = 12.0
"""dB to either side: level beyond this is left out."""
SPAN = (0.8, 400.0)
"""Evaluations, from less than one to more than the official 300."""
Point = tuple[float, float, float, float]
"""Evaluations, a value, and the ends of its interval."""


def separation_plot(path: Path, base: Setting, found: Found, reference: Scored | None) -> None:
    """SI-SDRi and level against evaluations for one likelihood: a line for each solver, a dot for everything else."""
    figure, (gain, level) = _axes(2)
    own = {setting: one for setting, one in found.items() if setting.likelihood == base.likelihood}
    for axis, point in ((gain, _gain), (level, _level)):
        others = [
            point(one) for setting, one in own.items() if replace(setting, steps=1, solver="euler") != replace(base, steps=1)
        ]
        _dots(axis, others)
        for solver in CALLS:
            line = [one for setting, one in own.items() if setting == replace(base, solver=solver, steps=setting.steps)]
            _line(axis, solver, map(point, line))
    if reference:
        _official(gain, _gain(reference), TOLERATED)
        _official(level, _level(reference), 0.0)
    shown = [one.mean.value for one in (*own.values(), *([reference] if reference else []))]
    gain.set_ylim(min((value for value in shown if value > LOWEST), default=LOWEST) - 0.5)
    level.set_ylim(-LOUDEST, LOUDEST)
    gain.set(title=f"{base.likelihood}: separation", ylabel="active-only SI-SDRi, dB")
    level.set(title="level of the estimates over the truth", ylabel="dB, mean over stems")
    _save(figure, gain, path)


def generation_plot(path: Path, found: Mapping[Setting, Made]) -> None:
    """KAD and coherence gaps against evaluations: a line for each solver."""
    figure, axes = _axes(1 + len(GAPS))
    for axis, name in zip(axes, ("kad", *GAPS), strict=True):
        for solver in CALLS:
            line = [one for setting, one in found.items() if setting == replace(BASE, solver=solver, steps=setting.steps)]
            _line(axis, solver, (_made(one, name) for one in line))
        _dots(axis, [_made(one, name) for setting, one in found.items() if setting.gamma and setting != OFFICIAL])
        if OFFICIAL in found:
            _official(axis, _made(found[OFFICIAL], name), 0.0)
        axis.set(title="KAD × 100" if name == "kad" else f"coherence gap, {name}")
    _save(figure, axes[0], path)


def _gain(one: Scored) -> Point:
    return one.evaluations, one.mean.value, one.mean.low, one.mean.high


def _level(one: Scored) -> Point:
    figure = song_means(one.level)[-1]
    return one.evaluations, figure.value, figure.low, figure.high


def _made(one: Made, name: str) -> Point:
    value, low, high = (one.figures[name + end] for end in ("", "_low", "_high"))
    return one.evaluations, value, low, high


def _axes(count: int) -> tuple[Any, Sequence[Any]]:
    try:
        from matplotlib.figure import Figure as Canvas
    except ImportError as error:
        raise MissingExtra("the plots need matplotlib: pip install 'stemweave[plot]'") from error
    figure = Canvas(figsize=(5.2 * count, 3.8), layout="constrained")
    axes = figure.subplots(1, count)
    for axis in axes:
        axis.set_xscale("log")
        axis.set_xlim(*SPAN)
        axis.set_xlabel("evaluations of the network per window")
        axis.grid(alpha=0.3)
    return figure, axes


def _dots(axis: Any, points: Sequence[Point]) -> None:
    if points:
        axis.plot([point[0] for point in points], [point[1] for point in points], "o", ms=3, color="#bbbbbb", zorder=1)


def _line(axis: Any, name: str, points: Iterable[Point]) -> None:
    ordered = np.array(sorted(points)).reshape(-1, 4)
    if len(ordered):
        x, value, low, high = ordered.T
        ends = np.nan_to_num(np.maximum([value - low, high - value], 0))
        axis.errorbar(x, value, ends, fmt="o-", ms=4, lw=1.4, elinewidth=0.7, color=COLOURS[name], label=name)


def _official(axis: Any, point: Point, tolerated: float) -> None:
    axis.plot(point[0], point[1], "k*", ms=10, label="official")
    axis.axhline(point[1] + tolerated, color="k", ls=":", lw=1)


def _save(figure: Any, first: Any, path: Path) -> None:
    first.legend(fontsize=8) if first.get_legend_handles_labels()[0] else None
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90, metadata={"Software": None})
