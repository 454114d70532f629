"""What the rows of generation come to: a table, and the choice."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.study.making import GAPS, KEYS, OFFICIAL
from bench.study.plan import AFFORDABLE
from bench.study.rows import Row as Text
from bench.study.rows import number
from bench.study.setting import Setting
from stemweave.evaluation.protocols.cells import ENOUGH
from stemweave.evaluation.reports.tables import Cell, Row, Table


@dataclass(frozen=True)
class Made:
    """A setting and its figures, NaN where there is none."""

    setting: Setting
    figures: Mapping[str, float]
    count: int

    @property
    def evaluations(self) -> float:
        """Per window of music."""
        return self.figures["evaluations"]

    @property
    def distance(self) -> float:
        """KAD × 100."""
        return self.figures["kad"]

    def cell(self, name: str) -> Cell:
        """A figure with its interval where it has one."""
        value, low, high = (_known(self.figures.get(name + end)) for end in ("", "_low", "_high"))
        return Cell(value, low, high, self.count if low is not None else None, "skipped" if value is None else "ok")


def made(rows: Iterable[Text], about: Mapping[str, Any]) -> dict[Setting, Made]:
    """The settings of the run that ``about`` describes."""
    own = [row for row in rows if all(row[name] == value for name, value in about.items() if name in KEYS)]
    figures = {Setting.of(row): {name: _number(word) for name, word in row.items()} for row in own}
    return {setting: Made(setting, by, int(about["bands"])) for setting, by in figures.items()}


def choose(found: Mapping[Setting, Made]) -> dict[str, Made | None]:
    """The official setting; the cheapest that is no farther than the official's interval reaches; the nearest of all."""
    official = found.get(OFFICIAL)
    cheap = [one for one in found.values() if one.evaluations <= AFFORDABLE]
    good = [one for one in cheap if official and one.distance <= official.figures["kad_high"]]
    return {
        "reference": official,
        "cheapest": min(good, key=lambda one: (one.evaluations, one.distance), default=None),
        "affordable": min(cheap, key=lambda one: one.distance, default=None),
        "best": min(found.values(), key=lambda one: one.distance, default=None),
    }


def table(found: Iterable[Made], stems: Sequence[str]) -> Table:
    """A row for each setting."""
    gaps, loudness = (f"{name} gap" for name in GAPS), (f"{name}, dB" for name in stems)
    columns = ("evaluations", "KAD × 100", *gaps, "silent stems", "alike", *loudness, "s")
    names = ("kad", *GAPS, "silent", "alike", *(f"level_{name}" for name in stems), "took_s")
    rows = [
        Row(one.setting.name, (Cell(f"{one.evaluations:g}"), *map(one.cell, names)))
        for one in sorted(found, key=lambda one: one.evaluations)
    ]
    note = (
        "KAD: lower is nearer to real songs. A gap is 0 where stems belong together no more than strangers, and 1 where as "
        "much as in real songs; do not believe one where stems are more alike as waveforms than real ones. Levels: over the "
        "real songs', silent bands included. s: for each band."
    )
    return Table("Bands by setting", columns, tuple(rows), note, least_n=ENOUGH)


def _number(word: str) -> float:
    try:
        return number(word)
    except ValueError:
        return float("nan")


def _known(value: float | None) -> float | None:
    return value if value is not None and value == value else None
