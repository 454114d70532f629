import json
from pathlib import Path

import pytest

from stemweave.errors import DataError
from stemweave.evaluation import context, report
from stemweave.evaluation.kinds import OLDER, read, tables_of
from stemweave.evaluation.tables import Cell, markdown

RESULTS = Path(__file__).parents[2] / "docs" / "results"

GENERAL = {
    "report": "codec",
    "tables": [{"title": "SNR, dB", "columns": ["all"], "rows": [{"name": "ours", "cells": [{"value": 9.5}]}]}],
}


def published(kind):
    return next(content for path in sorted(RESULTS.glob("*.json")) if (content := read(path))["report"] == kind)


def cells_of(text):
    """All table lines of some Markdown, as tuples of words, without the names of columns and rulers."""
    lines = [tuple(word.strip() for word in line.strip("|").split("|")) for line in text.splitlines() if line.startswith("|")]
    return [line for line in lines if line[0] not in ("row", "correlation") and not set(line[0]) <= {"-"}]


def test_any_kind_with_tables_is_shown():
    (table,) = tables_of(GENERAL)
    assert (table.title, table.columns, table.rows[0].cells) == ("SNR, dB", ("all",), (Cell(9.5),))
    assert (table.note, table.digits, table.least_n) == ("", 2, 0)


def test_tables_in_which_nothing_was_measured_are_left_out():
    nothing = {"title": "FAD", "columns": ["all"], "rows": [{"name": "ours", "cells": [{"value": None, "status": "skipped"}]}]}
    assert [table.title for table in tables_of({"tables": [nothing, *GENERAL["tables"]]})] == ["SNR, dB"]


def test_separation_says_what_its_own_markdown_says():
    content = published("separation")
    made = tables_of(content)
    ours, theirs = (cells_of(text.replace("-0.00", "0.00")) for text in (markdown(made), report.markdown(content)))
    assert len(ours) > 20
    assert ours == theirs
    assert made[0].columns == (*content["stems"], "all")
    assert made[0].title == report.TITLES["si_sdri"]
    assert all(table.note.startswith(f"{content['songs']} songs, ") for table in made)


def test_context_says_what_its_own_markdown_says():
    content = published("context")
    (table,) = tables_of(content)
    ours, theirs = (cells_of(text.replace("-0.000", "0.000")) for text in (markdown([table]), context.markdown(content)))
    assert len(ours) == 2
    assert ours == theirs
    assert table.title.endswith(content["given"])


def test_speed_has_a_row_for_every_length():
    content = published("speed")
    (table,) = tables_of(content)
    assert [row.name for row in table.rows] == [f"{run['minutes']:g} minutes" for run in content["lengths"]]
    assert table.rows[0].cells[1].number == content["lengths"][0]["times_real_time"]


@pytest.mark.parametrize("content", [{"report": "horoscope"}, {"report": ["separation"]}, {}])
def test_an_unknown_kind_is_refused(content):
    with pytest.raises(DataError, match=f"expected tables, or one of {', '.join(OLDER)}"):
        tables_of(content)


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
        {"report": "speed", "lengths": [{"minutes": "three"}]},
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
