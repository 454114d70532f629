import csv
import io
import json
from dataclasses import asdict

import pytest

from stemweave.errors import DataError
from stemweave.evaluation.reports.kinds import tables_of
from stemweave.evaluation.reports.report import entry
from stemweave.evaluation.reports.tables import Cell, Row, Table, markdown, spreadsheet
from stemweave.evaluation.statistics import Figure


@pytest.fixture
def table():
    first = (Cell(1.234, 1.0, 1.5, 1200), Cell(None, status="skipped"))
    return Table("KAD × 100", ("mi|x", "bass"), (Row("ours", first), Row("theirs", (Cell(-0.001), Cell("no\nbass")))))


def test_markdown_shows_intervals_dashes_and_words(table):
    assert markdown([table]) == (
        "### KAD × 100\n\n"
        "| row | mi\\|x | bass |\n"
        "|---|---|---|\n"
        "| ours | 1.23 [1.00, 1.50] | – |\n"
        "| theirs | 0.00 | no bass |\n"
    )


def test_a_note_stands_above_its_table_and_tables_apart(table):
    noted = Table("Other", ("a",), (Row("x", (Cell(2),)),), note="lower is nearer")
    assert markdown([table, noted]).endswith(
        "| theirs | 0.00 | no bass |\n\n### Other\n\nlower is nearer\n\n| row | a |\n|---|---|\n| x | 2.00 |\n"
    )


def test_digits_and_too_few_are_the_tables_business():
    table = Table("FAD", ("all",), (), digits=3, least_n=1000)
    assert table.text(Cell(1.23456, 1, 2, 999)) == "1.235 [1.000, 2.000] (n = 999 too small)"
    assert table.text(Cell(1.23456, 1, 2, 1000)) == "1.235 [1.000, 2.000]"
    assert table.text(Cell(1.23456)) == "1.235"
    assert Table("FAD", ("all",), (), digits=0).text(Cell(1.6)) == "2"


def test_skipped_and_failed_are_told_apart_and_never_a_number():
    table = Table("FAD", ("all",), ())
    assert table.text(Cell(None, status="skipped")) == "–"
    assert table.text(Cell(0.0, status="failed")) == "failed"
    assert Cell(0.0, status="failed").number is None
    assert Cell("words").number is None
    assert Cell(0.0).number == 0.0


def test_an_interval_needs_both_ends():
    assert Cell(1.0, 0.5, 2.0).interval == (0.5, 2.0)
    assert Cell(1.0, 0.0, 0.0).interval == (0.0, 0.0)
    assert Cell(1.0, None, 2.0).interval is None


def test_measured_is_what_holds_anything():
    nothing, something = Cell(None, status="skipped"), Cell("5 of 5")
    assert not Table("t", ("a",), (Row("x", (nothing,)),)).measured
    assert Table("t", ("a", "b"), (Row("x", (nothing, something)),)).measured


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"value": float("nan")}, "nan, expected a finite number"),
        ({"value": 1.0, "high": float("inf")}, "inf, expected a finite number"),
        ({"value": True}, "True, expected"),
        ({"value": [1]}, r"\[1\], expected"),
        ({"value": "words", "n": "many"}, "'many', expected"),
        ({"value": 1.0, "status": "good"}, "status is 'good', expected one of ok, skipped, failed"),
        ({"value": None}, "ok but holds no value"),
    ],
)
def test_cells_refuse_what_is_no_figure(fields, message):
    with pytest.raises(DataError, match=message):
        Cell(**fields)


def test_a_row_has_a_cell_for_every_column():
    with pytest.raises(DataError, match=r"row 'ours' of 'FAD' has 1 cells, expected 2"):
        Table("FAD", ("a", "b"), (Row("ours", (Cell(1.0),)),))


def test_a_table_comes_back_from_its_json(table):
    report = json.loads(json.dumps({"report": "generation", "tables": [asdict(table)]}))
    assert tables_of(report) == [table]


def test_a_measured_figure_is_a_cell():
    assert Cell(**entry(Figure(1.0, 0.5, 2.0, 7))) == Cell(1.0, 0.5, 2.0, 7)
    assert Cell(**entry(Figure(float("nan"), float("nan"), float("nan"), 0))) == Cell(None, n=0, status="skipped")


def test_a_spreadsheet_has_a_line_for_every_cell():
    cells = (Cell(1.25, 1.0, 1.5, 7), Cell(None, status="skipped"), Cell("6 of 7"))
    table = Table("Means, by guidance", ("one", "two", "better"), (Row('dirac, "bass"', cells),))
    lines = list(csv.reader(io.StringIO(spreadsheet([table, table]))))
    assert lines[0] == ["table", "row", "column", "value", "low", "high", "n", "status"]
    assert lines[1] == ["Means, by guidance", 'dirac, "bass"', "one", "1.25", "1.0", "1.5", "7", "ok"]
    assert lines[2][2:] == ["two", "", "", "", "", "skipped"]
    assert lines[3][2:4] == ["better", "6 of 7"]
    assert lines[4:] == lines[1:4]
