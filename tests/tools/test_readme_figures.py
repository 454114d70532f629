"""The README's figures are those of the reports."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
from figures.reports import ROOT, dated, of, share, short, weights
from readme_figures import BEGIN, END, PAGE, main_figures, page


def test_the_readme_shows_what_the_reports_say():
    shown = (ROOT / "README.md").read_text().split(BEGIN)[1].split(END)[0].strip()
    assert shown == main_figures().strip(), "python tools/readme_figures.py writes them"
    assert PAGE.read_text() == page(), "python tools/readme_figures.py writes them"


def test_every_figure_that_was_measured_is_shown():
    assert "Not measured yet." not in main_figures()


def test_figures_of_earlier_weights_say_so():
    (name, now), *_ = weights().items()
    assert dated("a", {"model": {"name": name, "sha256": now}}) == "a"
    assert dated("a", {"model": {"name": name, "sha256": "0"}}) == "a (earlier weights)"
    assert dated("a", {"made_by": [{"model": {"name": name, "sha256": "0"}}]}) == "a (earlier weights)"
    assert dated("a", {"model": {"name": "theirs", "sha256": "0"}}) == "a"
    assert dated("a", {"model": None}) == dated("a", {}) == "a"


def test_what_was_not_measured_is_a_dash():
    report = {"tables": [{"title": "a", "columns": ["b"], "rows": [{"name": "c", "cells": [{"value": 0.5, "status": "ok"}]}]}]}
    assert short(of(report, "a", "c", "b")) == "0.50"
    assert share(of(report, "a", "c", "b")) == "50 %"
    assert [short(of(report, *place)) for place in (("x", "c", "b"), ("a", "x", "b"), ("a", "c", "x"))] == ["–"] * 3
    assert share(of(report, "a", "c", "x")) == "–"
