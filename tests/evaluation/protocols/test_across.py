from stemweave.evaluation.protocols.across import across
from stemweave.evaluation.reports.tables import Cell, Row, Table

MEANS = {"a, g 1": 1.0, "a, g 2": 2.0, "b, g 2": 3.0, "c": 4.0}
PLACES = {"a, g 1": ("a", "g 1"), "a, g 2": ("a", "g 2"), "b, g 2": ("b", "g 2")}


def test_means_stand_where_their_places_are():
    rows = tuple(Row(name, (Cell(9.0), Cell(mean, mean - 1, mean + 1, 7), Cell("p"))) for name, mean in MEANS.items())
    found = across(Table("Separation, direct", ("bass", "mean", "p"), rows, digits=1, least_n=20), PLACES)
    assert (found.title, found.columns) == ("Separation, direct, mean by g", ("g 1", "g 2"))
    assert {row.name: [cell.value for cell in row.cells] for row in found.rows} == {"a": [1.0, 2.0], "b": [None, 3.0]}
    assert found.rows[0].cells[1] == Cell(2.0, 1.0, 3.0, 7)
    assert found.rows[1].cells[0].status == "skipped"
    assert (found.digits, found.least_n) == (1, 20)
