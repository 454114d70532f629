"""Tables of the study: each factor, what was crossed, the official settings, and the choice."""

from collections.abc import Iterable, Mapping

import numpy as np

from bench.study import plan
from bench.study.scored import Choice, Found, Scored
from bench.study.setting import Setting
from stemweave.evaluation.comparison import LEAST
from stemweave.evaluation.protocols.cells import SKIPPED, cell
from stemweave.evaluation.reports.tables import LEAST_SONGS, Cell, Row, Table
from stemweave.evaluation.statistics import Floats

COLUMNS = ("evaluations", "SI-SDRi, dB", "over the first, dB", "SI-SDRi by stem, dB", "level by stem, dB", "s")
KINDS = ("reference", "cheapest", "affordable", "best")
MEANING = {"reference": "official", "cheapest": "cheapest", "affordable": f"best up to {plan.AFFORDABLE}", "best": "best"}


def factor_table(factor: plan.Factor, found: Found) -> Table:
    """The families of a factor, each row compared with the first of its family."""
    rows = []
    for family in factor.families:
        first = found.get(next(iter(family.settings.values())))
        rows += [
            _row(f"{family.name}: {value}", found.get(setting), first, index > 0)
            for index, (value, setting) in enumerate(family.settings.items())
        ]
    return Table(factor.title, COLUMNS, tuple(rows), least_n=LEAST_SONGS)


def crossed_table(found: Found, varied: Iterable[Setting]) -> Table:
    """What is no factor's, by likelihood, the best first; each compared with the best that varies in one factor alone."""
    single, rows = set(varied), list[Row]()
    for name in plan.LIKELIHOODS:
        own = sorted((one for one in found.values() if one.setting.likelihood == name), key=lambda one: -one.mean.value)
        leader = next((one for one in own if one.setting in single), None)
        pairs = [one for one in own if one.setting not in single]
        if leader and pairs:
            rows += [_row(f"{name}: {one.setting.name}", one, leader, one is not leader) for one in (leader, *pairs)]
    return Table("The best of each likelihood, crossed", COLUMNS, tuple(rows), least_n=LEAST_SONGS)


def fixed_table(title: str, settings: Mapping[str, Setting], found: Found) -> Table:
    """Settings by name, all compared with the first."""
    first = found.get(next(iter(settings.values())))
    rows = [_row(name, found.get(setting), first, index > 0) for index, (name, setting) in enumerate(settings.items())]
    return Table(title, COLUMNS, tuple(rows), least_n=LEAST_SONGS)


def choice_table(choices: Mapping[str, Choice]) -> Table:
    """What was chosen for each likelihood, each compared with the official setting."""
    rows = []
    for name, choice in choices.items():
        for kind in KINDS:
            one: Scored | None = getattr(choice, kind)
            if one is None and choice.reference:
                rows.append(Row(f"{name}, {MEANING[kind]}: none", (SKIPPED,) * (1 + len(COLUMNS))))
                continue
            whole = _row(f"{name}, {MEANING[kind]}", one, choice.reference, kind != "reference")
            said = Cell(f"{one.setting.likelihood}: {one.setting.name}") if one else SKIPPED
            rows.append(Row(whole.name, (said, *whole.cells)))
    columns = ("setting", *(column.replace("the first", "official") for column in COLUMNS))
    return Table("Chosen", columns, tuple(rows), least_n=LEAST_SONGS)


def by_stem(table: Floats) -> str:
    """Means over songs, dB; of (songs, stems)."""
    means = [float(np.nanmean(column)) if np.isfinite(column).any() else None for column in table.T]
    return " / ".join("–" if mean is None else f"{mean:.1f}" for mean in means)


def _row(name: str, one: Scored | None, first: Scored | None, compared: bool) -> Row:
    if one is None:
        return Row(f"{name}, not measured", (SKIPPED,) * len(COLUMNS))
    lost = f", {one.diverged} of {len(one.songs)} diverged" * (one.diverged > 0)
    difference = SKIPPED
    if compared and first and len(one.songs) >= LEAST:
        difference = cell(one.over(first).difference)
    figures = Cell(f"{one.evaluations:g}"), cell(one.mean), difference
    stems = Cell(by_stem(one.improvement)), Cell(by_stem(one.level))
    return Row(name + lost, (*figures, *stems, Cell(f"{one.took:.2f}")))
