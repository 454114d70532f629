import sys

import numpy as np
import pytest

from stemweave.errors import MissingExtra, OutputError
from stemweave.evaluation.reports import heat
from stemweave.evaluation.reports.heat import heat_map
from stemweave.evaluation.reports.tables import Cell, Row, Table


def table(title, values):
    cells = [tuple(Cell(None, status="skipped") if v is None else Cell(v) for v in row) for row in values]
    return Table(title, ("guidance 1", "guidance 2"), tuple(Row(f"row {k}", row) for k, row in enumerate(cells)))


def test_each_cell_says_its_number_and_what_was_skipped_is_empty(monkeypatch, tmp_path):
    figures, real = [], heat.canvas
    monkeypatch.setattr(heat, "canvas", lambda *size: figures.append(real(*size)) or figures[0])
    heat_map([table("one", [[1.5, None], [-2.25, 3]]), table("two", [[0, 1]])], tmp_path / "heat.png")
    maps = [axis for axis in figures[0].axes if axis.get_title()]
    assert [axis.get_title() for axis in maps] == ["one", "two"]
    assert [label.get_text() for label in maps[0].get_yticklabels()] == ["row 0", "row 1"]
    assert [label.get_text() for label in maps[0].get_xticklabels()] == ["guidance 1", "guidance 2"]
    assert {(text.get_position(), text.get_text()) for text in maps[0].texts} == {
        ((0, 0), "1.50"), ((0, 1), "-2.25"), ((1, 1), "3.00"),
    }  # fmt: skip
    np.testing.assert_array_equal(np.ma.filled(maps[0].images[0].get_array(), np.nan), [[1.5, np.nan], [-2.25, 3]])
    assert (tmp_path / "heat.png").read_bytes().startswith(b"\x89PNG")


def test_a_table_in_which_nothing_was_measured_is_drawn_empty(tmp_path):
    heat_map([table("none", [[None, None]])], tmp_path / "heat.png")
    assert (tmp_path / "heat.png").stat().st_size > 0


def test_refusals(tmp_path, monkeypatch):
    (tmp_path / "heat.png").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        heat_map([table("one", [[1, 2]])], tmp_path / "heat.png")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra, match=r"pip install 'stemweave\[plot\]'"):
        heat_map([table("one", [[1, 2]])], tmp_path / "other.png")
    assert (tmp_path / "heat.png").read_text() == "mine"
