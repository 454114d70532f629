import pytest

from stemweave.errors import DataError
from stemweave.evaluation.reports.markdown import page

TABLE = {"title": "KAD", "note": "lower is nearer", "columns": ["mix"], "rows": [{"name": "ours", "cells": [{"value": 1.25}]}]}
REPORT = {
    "report": "generation",
    "data": {"folder": "songs", "splits": ["test-a"], "songs": 9},
    "seed": 0,
    "command": "stemweave evaluate generation --data songs",
    "tables": [TABLE],
}


def test_a_page_is_all_tables_with_what_made_them():
    assert page({"later": REPORT, "first": REPORT | {"data": {"folder": "others"}}}) == (
        "# Evaluation: later, first\n\n"
        "Written by `stemweave evaluate report` from the JSON of each run: no number was typed by hand.\n\n"
        "## later: generation, data songs (test-a), 9 songs, seed 0\n\n"
        "    stemweave evaluate generation --data songs\n\n"
        "### KAD\n\nlower is nearer\n\n| row | mix |\n|---|---|\n| ours | 1.25 |\n\n"
        "## first: generation, data others, seed 0\n\n"
        "    stemweave evaluate generation --data songs\n\n"
        "### KAD\n\nlower is nearer\n\n| row | mix |\n|---|---|\n| ours | 1.25 |\n"
    )


def test_a_report_without_a_command_has_none():
    text = page({"old": {"report": "efficiency", "tables": [TABLE]}})
    assert "\n## old: efficiency\n\n### KAD\n\n" in text


def test_a_report_of_nothing_says_so():
    text = page({"empty": {"report": "codec", "tables": []}})
    assert text.endswith("## empty: codec\n\nNothing could be measured.\n")


def test_headings_and_commands_stay_what_they_are():
    text = page({"a\nb": REPORT | {"command": "one\ntwo"}})
    assert "\n## a b: generation" in text
    assert "\n    one\n    two\n" in text


def test_a_report_that_cannot_be_shown_is_named():
    with pytest.raises(DataError, match="sky: a report of kind 'horoscope'"):
        page({"sky": {"report": "horoscope"}})
