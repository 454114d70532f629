import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from stemweave.evaluation.reports.plots import LEFT, RIGHT, plots, ticks
from stemweave.evaluation.reports.tables import Cell, Row, Table


def drawn(*cells, names=None):
    names = names or [f"row {k}" for k in range(len(cells))]
    table = Table("Rating <b>", ("mean",), tuple(Row(name, (cell,)) for name, cell in zip(names, cells, strict=True)))
    return [ElementTree.fromstring(plot) for plot in plots(table)]


def axis(picture):
    """(value at x) by the two outermost ticks."""
    labels = picture.findall("./svg/text")
    (x0, v0), (x1, v1) = ((float(text.get("x")), float(text.text)) for text in (labels[0], labels[-1]))
    return lambda x: v0 + (float(x) - x0) * (v1 - v0) / (x1 - x0)


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1.0), (-30.0, 12.3), (3.1, 3.2), (5.0, 5.0), (0.0, 0.0), (-2.0, -2.0), (1e-9, 3e-9), (0.0, 109.5)]
)
def test_ticks_are_few_round_and_take_in_the_range(low, high):
    made = ticks(low, high)
    steps = [b - a for a, b in pairwise(made)]
    assert made[0] <= low <= high <= made[-1]
    assert 3 <= len(made) <= 7
    assert steps == pytest.approx([steps[0]] * len(steps))
    assert re.match(r"[125]\.0+e", f"{steps[0]:.3e}")


def test_dots_and_bars_lie_at_their_values():
    (picture,) = drawn(Cell(2.5, 1.5, 4.0), Cell(-3.0))
    value = axis(picture)
    circles = picture.findall("./svg/g/circle")
    assert [value(circle.get("cx")) for circle in circles] == pytest.approx([2.5, -3.0], abs=0.05)
    (bar,) = picture.findall("./svg/g/line[@class='interval']")
    assert (value(bar.get("x1")), value(bar.get("x2"))) == pytest.approx((1.5, 4.0), abs=0.05)
    assert bar.get("y1") == bar.get("y2") == circles[0].get("cy")
    assert value(picture.find("./svg/line[@class='zero']").get("x1")) == pytest.approx(0.0, abs=0.05)
    assert all(LEFT <= float(circle.get("cx")) <= RIGHT for circle in circles)


def test_one_row_of_one_value_is_still_a_plot():
    (picture,) = drawn(Cell(5.0))
    assert axis(picture)(picture.find("./svg/g/circle").get("cx")) == pytest.approx(5.0, abs=0.05)


def test_the_figures_can_be_read_without_seeing_them():
    (picture,) = drawn(Cell(2.5, 1.5, 4.0), Cell(-3.0))
    label = "Rating <b>, mean: row 0 2.50 [1.50, 4.00]; row 1 -3.00"
    svg = picture.find("svg")
    assert (svg.get("role"), svg.get("aria-label"), svg.findtext("title")) == ("img", label, label)
    assert [g.findtext("title") for g in svg.findall("g")] == ["row 0 2.50 [1.50, 4.00]", "row 1 -3.00"]


def test_long_names_are_shortened_where_drawn_and_whole_where_said():
    (picture,) = drawn(Cell(1.0), names=["a name that goes on and on"])
    group = picture.find("./svg/g")
    assert group.findtext("text") == "a name that goes …"
    assert group.findtext("title") == "a name that goes on and on 1.00"


def test_only_columns_with_numbers_are_drawn():
    cells = (Cell("words"), Cell(None, status="skipped"), Cell(7.0, status="failed"), Cell(7.0))
    table = Table("t", ("words", "skipped", "failed", "number"), (Row("x", cells),))
    (plot,) = plots(table)
    assert ElementTree.fromstring(plot).findtext("figcaption") == "number"
    assert drawn(Cell("words"), Cell(1.0))[0].findtext("./svg/g/title") == "row 1 1.00"
