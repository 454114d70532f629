"""What was asked of speed, and what the reports of the benchmark found."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from stemweave.evaluation.reports.kinds import tables_of
from stemweave.evaluation.reports.report import Report
from stemweave.evaluation.reports.tables import Cell, Row, Table

Reports = Mapping[str, Report]
"""By part: evaluations, walks, speed; those that were made."""

Answer = tuple[str, str]
"""A figure in words, and whether it is enough: yes, no, or – where that cannot be said."""

NOT_YET: Answer = ("not measured yet", "–")
FULL, STEMS = ("evaluations", "One evaluation: MSDM"), ("walks", "One evaluation by number")
COST, SCORES = ("walks", "Separation end to end"), ("walks", "Separation, direct")
LENGTHS = ("speed", "Separation by length")
"""Part, and how the table's title begins."""


@dataclass(frozen=True)
class Goal:
    """What was asked of ``name``, and how the answer is found."""

    name: str
    asked: str
    answer: Callable[[Reports], Answer]


def goals(reports: Reports) -> Table:
    """A row for each goal."""
    rows = [Row(goal.name, tuple(map(Cell, (goal.asked, *goal.answer(reports))))) for goal in GOALS]
    return Table("Asked and found", ("asked", "found", "reached"), tuple(rows))


def tables(reports: Reports, place: tuple[str, str]) -> Iterator[Table]:
    """The tables of a part whose titles begin so."""
    part, title = place
    if part in reports:
        yield from (table for table in tables_of(reports[part]) if table.title.startswith(title))


def cell(reports: Reports, place: tuple[str, str], row: str, column: str) -> Cell | None:
    """The first cell of a row and a column that begin so."""
    for table in tables(reports, place):
        for line in table.rows:
            for name, found in zip(table.columns, line.cells, strict=True):
                if line.name.startswith(row) and name.startswith(column):
                    return found
    return None


def number(reports: Reports, place: tuple[str, str], row: str, column: str) -> float | None:
    """`cell`, where it holds a number."""
    found = cell(reports, place, row, column)
    return None if found is None else found.number


def reached(enough: bool) -> str:
    """In a word."""
    return "yes" if enough else "no"


def _float32(reports: Reports) -> Answer:
    if "evaluations" not in reports:
        return NOT_YET
    if number(reports, FULL, "official", "×") is None:
        return "the official package was not there to compare with", "–"
    times = number(reports, FULL, "ours, float32", "×") or 0.0
    return f"{times:.2f} ×", reached(times >= 1)


def _bfloat16(reports: Reports) -> Answer:
    times, error = cell(reports, FULL, "ours, bfloat16", "×"), cell(reports, FULL, "ours, bfloat16", "worst")
    if times is None or error is None:
        return NOT_YET
    if times.number is None:
        return "this processor has no bfloat16 products", "–"
    return f"{times.number:.2f} ×, error {error.value}", reached(times.number >= 4 and float(str(error.value)) <= 2e-2)


def _on_gpu(reports: Reports) -> Answer:
    if "evaluations" not in reports:
        return NOT_YET
    if not str(reports["evaluations"]["machine"]["device"]).startswith("cuda"):
        return "no GPU in this run", "–"
    found = [(row.cells[1].number or 0.0, row.name) for table in tables(reports, FULL) for row in table.rows]
    times, name = max(found)
    return f"{times:.2f} × ({name})", reached(times >= 3)


def _same_rule(reports: Reports) -> Answer:
    times, worse = number(reports, COST, "ours, dirac", "×"), cell(reports, SCORES, "ours, dirac", "over")
    if times is None:
        return NOT_YET
    if worse is None or worse.number is None or worse.interval is None:
        return f"{times:.1f} ×; too few songs to compare scores", "–"
    low, high = worse.interval
    return f"{times:.1f} ×, {worse.number:+.2f} dB [{low:+.2f}, {high:+.2f}]", reached(times >= 20 and low > -0.2)


def _linear(reports: Reports) -> Answer:
    cells = [row.cells for table in tables(reports, LENGTHS) for row in table.rows]
    known = [(each[1].number, each[2].number) for each in cells if each[1].number and each[2].number]
    if not known:
        return NOT_YET
    speeds, peaks = zip(*known, strict=True)
    told = f"{speeds[0]:.1f} to {speeds[-1]:.1f} × real time, peak memory × {max(peaks) / min(peaks):.2f}"
    return told, reached(speeds[-1] >= 0.9 * max(speeds) and max(peaks) <= 1.25 * min(peaks))


def _each_stem(reports: Reports) -> Answer:
    cells = [row.cells for table in tables(reports, STEMS) for row in table.rows]
    if not cells:
        return NOT_YET
    pairs = [(cells[0][column].number or 0.0, cells[-1][column].number or 0.0) for column in (1, 3)]
    told = "; ".join(f"{first:.3f} to {last:.3f} s" for first, last in pairs)
    return told, reached(all(last < first for first, last in pairs))


GOALS = (
    Goal("one evaluation, float32", "no slower than the official package", _float32),
    Goal("one evaluation, bfloat16, on a processor that has it", "≥ 4 ×, error ≤ 2e-2", _bfloat16),
    Goal("one evaluation on a GPU, where there is one", "≥ 3 × the official package's float32", _on_gpu),
    Goal("`separate` by the official likelihood", "≥ 20 × the official loop, at most 0.2 dB worse", _same_rule),
    Goal("a song ten times as long", "ten times the time, the same memory", _linear),
    Goal("a stem more, independent priors", "less time per stem: of one window; of a segment", _each_stem),
)
