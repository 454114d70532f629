import json
from pathlib import Path

import pytest

from stemweave.errors import DataError
from stemweave.evaluation.reports.kinds import OLDER, TITLES, named_tables, read, tables_of
from stemweave.evaluation.reports.tables import Cell

RESULTS = Path(__file__).parents[3] / "docs" / "results"

GENERAL = {
    "report": "codec",
    "tables": [{"title": "SNR, dB", "columns": ["all"], "rows": [{"name": "ours", "cells": [{"value": 9.5}]}]}],
}


def published(kind):
    return next(content for path in sorted(RESULTS.glob("*.json")) if (content := read(path))["report"] == kind)


def test_any_kind_with_tables_is_shown():
    (table,) = tables_of(GENERAL)
    assert (table.title, table.columns, table.rows[0].cells) == ("SNR, dB", ("all",), (Cell(9.5),))
    assert (table.note, table.digits, table.least_n) == ("", 2, 0)


def test_tables_in_which_nothing_was_measured_are_left_out():
    nothing = {"title": "FAD", "columns": ["all"], "rows": [{"name": "ours", "cells": [{"value": None, "status": "skipped"}]}]}
    assert [table.title for table in tables_of({"tables": [nothing, *GENERAL["tables"]]})] == ["SNR, dB"]


def test_separation_has_a_table_for_every_metric_and_a_cell_for_every_stem():
    content = published("separation")
    made = {table.title: table for table in tables_of(content)}
    assert next(iter(made)) == TITLES["si_sdri"]
    for metric, title in TITLES.items():
        if title in made:
            assert made[title].columns == (*content["stems"], "all")
            values = [[cell.number for cell in row.cells] for row in made[title].rows]
            assert values == [[cell["value"] for cell in row["metrics"][metric].values()] for row in content["rows"].values()]
            assert made[title].note.startswith(f"{content['songs']} songs, ")
    assert [row.name for row in made["Over all stems"].rows] == list(content["rows"])


def test_context_has_a_row_for_every_measure():
    content = published("context")
    (table,) = tables_of(content)
    onset = content["verdicts"]["onset"]
    assert [row.name for row in table.rows] == list(content["verdicts"])
    assert [cell.value for cell in table.rows[0].cells[:3]] == [
        onset[name]["value"] for name in ("own", "swapped", "difference")
    ]
    assert table.rows[0].cells[3].value == f"{onset['better']} of {len(content['pairs'])}"
    assert table.title.endswith(content["given"])


@pytest.mark.parametrize("content", [{"report": "horoscope"}, {"report": ["separation"]}, {}])
def test_an_unknown_kind_is_refused(content):
    with pytest.raises(DataError, match=f"expected tables, or one of {', '.join(OLDER)}"):
        tables_of(content)


def test_an_error_can_say_which_report_it_was():
    assert named_tables("codecs", GENERAL) == tables_of(GENERAL)
    with pytest.raises(DataError, match=r"^sky: a report of kind 'horoscope'"):
        named_tables("sky", {"report": "horoscope"})


@pytest.mark.parametrize(
    "content",
    [
        {"tables": None},
        {"tables": [1]},
        {"tables": [{"title": "x"}]},
        {"tables": [{"title": "x", "columns": ["a"], "rows": [{"name": "r", "cells": [{"value": 1, "colour": "red"}]}]}]},
        {"tables": [{"title": "x", "columns": ["a"], "digits": "few", "rows": []}]},
        {"report": "separation", "rows": {}},
        {"report": "context", "verdicts": [], "pairs": [], "given": "drums"},
    ],
)
def test_a_damaged_report_is_refused(content):
    with pytest.raises(DataError, match="damaged or laid out otherwise"):
        tables_of(content)


def test_a_report_is_read_from_its_file(tmp_path):
    path = tmp_path / "report.json"
    path.write_text(json.dumps(GENERAL))
    assert read(path) == GENERAL


@pytest.mark.parametrize(
    ("content", "message"), [(b"{", "is not JSON"), (b"\xff\xfe", "is not JSON"), (b"[1]", "holds a JSON list")]
)
def test_what_is_no_report_is_refused(tmp_path, content, message):
    path = tmp_path / "report.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read(path)


def test_a_missing_report_is_named(tmp_path):
    with pytest.raises(DataError, match=r"gone\.json cannot be read: No such file"):
        read(tmp_path / "gone.json")
