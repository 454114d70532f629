"""What the ensemble is frozen as is what a grid on validation songs says."""

import dataclasses
import json
import sys

import pytest

from stemweave.cli.factors import points
from stemweave.errors import DataError, ModelError
from stemweave.model.checkpoint import load, save
from stemweave.tasks.apart import Ensemble
from stemweave.tasks.likelihoods import own_likelihood
from tools.freeze_ensemble import choose, frozen, main

STEMS = ["bass", "drums", "guitar", "piano"]
VARY = {"likelihood": ["dirac", "extractor"], "anchor": ["bass", "drums"], "guidance": [1.0, 2.0]}
MEANS = {
    "dirac, bass, guidance 1": [8, 9, 1, 1],
    "dirac, drums, guidance 1": [7, 12, 3, 3],
    "dirac, drums, guidance 2": [2, 2, 2, 2],
    "extractor, guidance 1": [5, 5, 5, 5],
    "extractor, guidance 2": [8, 10, 3, 6],
}


def report(**changes):
    cells = {name: [*row, sum(row) / 4] for name, row in MEANS.items()} | changes
    rows = [
        {"name": name, "cells": [{"value": value} for value in cells.get(name, [None] * 5)] + [{"value": "0.1"}]}
        for name in points(VARY)
    ]
    table = {"title": "Separation, direct", "columns": [*STEMS, "mean", "p"], "rows": rows}
    return {"vary": VARY, "data": {"splits": ["validation"]}, "tables": [table]}


def test_the_best_of_each_kind_and_the_stems_that_the_extractor_does_better():
    choice = choose(report())
    assert choice.separator.name == "dirac, drums, guidance 1"
    assert choice.extractor.name == "extractor, guidance 2"
    assert choice.extracted == ("bass", "piano")  # guitar: 3 dB either way
    assert choice.text().splitlines()[1:] == [
        "bass: separator 7.00 dB, extractor 8.00 dB",
        "drums: separator 12.00 dB, extractor 10.00 dB",
        "guitar: separator 3.00 dB, extractor 3.00 dB",
        "piano: separator 3.00 dB, extractor 6.00 dB",
        "extracted: bass, piano",
    ]


@pytest.mark.parametrize(("gain", "guidance"), [(0.04, 1), (0.06, 2)])
def test_guidance_must_be_worth_its_cost(gain, guidance):
    plain = {"dirac, bass, guidance 1": [7, 7, 7, 7], "dirac, drums, guidance 1": [7, 7, 7, 7 + gain / 2]}
    choice = choose(
        report(**{name: [*row, sum(row) / 4] for name, row in plain.items()}, **{"dirac, drums, guidance 2": [7 + gain] * 5})
    )
    assert choice.separator.name == f"dirac, drums, guidance {guidance}"


def test_a_stem_that_was_not_measured_is_not_extracted():
    choice = choose(report(**{"extractor, guidance 2": [8, 10, None, None, 9]}))
    assert choice.extracted == ("bass",)


def test_the_choice_is_in_the_settings_and_the_rest_is_as_it_was(text_model):
    config = text_model.config
    made = frozen(config, choose(report()))
    assert own_likelihood(dataclasses.replace(made.settings, likelihood="ensemble")) == Ensemble(("bass", "piano"), "drums")
    assert (made.best.anchor, made.best.extracted) == ("drums", ("bass", "piano"))
    assert (made.text.separate.weight, made.text.extract.weight) == (1.0, 2.0)
    assert (made.text.generate, made.settings.generate) == (config.text.generate, config.settings.generate)


def test_without_guidance_and_anchor_these_stay_as_they_are(text_model):
    plain = report() | {"vary": {"likelihood": ["dirac", "extractor"]}}
    for row, name in zip(plain["tables"][0]["rows"], ("dirac", "extractor"), strict=False):
        row["name"] = name
    plain["tables"][0]["rows"] = plain["tables"][0]["rows"][:2]
    plain["tables"][0]["rows"][1]["cells"] = [{"value": 1.0}] * 6
    made = frozen(text_model.config, choose(plain))
    assert made.text == text_model.config.text
    assert made.settings.anchor == text_model.config.settings.anchor


def test_refuses_test_songs_other_reports_and_other_models(text_model, tiny_model):
    with pytest.raises(DataError, match="measured on test-a: choose on validation songs"):
        choose(report() | {"data": {"splits": ["test-a"]}})
    with pytest.raises(DataError, match="no report of a grid with rows 'masked'"):
        choose(report(), "masked")
    with pytest.raises(DataError, match="no report of a grid"):
        choose({"report": "separation"})
    with pytest.raises(DataError, match="no row of likelihood extractor"):
        choose(report(**{name: [None] * 5 for name in MEANS if "extractor" in name}))
    with pytest.raises(ModelError, match="tiny is not told in words"):
        frozen(tiny_model.config, choose(report()))
    with pytest.raises(ModelError, match="texted knows bass, drums, the grid has bass, drums, guitar, piano"):
        frozen(dataclasses.replace(text_model.config, stems=("bass", "drums")), choose(report()))


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the tool: (status, stdout, stderr)."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["freeze_ensemble.py", *map(str, arguments)])
        return main(), *capsys.readouterr()

    return call


def test_a_copy_is_frozen_and_the_model_is_left_alone(run, text_model, tmp_path):
    save(text_model, tmp_path / "texted")
    (tmp_path / "grid.json").write_text(json.dumps(report()))
    before = (tmp_path / "texted" / "config.json").read_bytes()
    status, out, _ = run(tmp_path / "grid.json", "-n", tmp_path / "texted", "-o", tmp_path / "chosen")
    assert status == 0
    assert out.endswith("extracted: bass, piano\n")
    assert (tmp_path / "texted" / "config.json").read_bytes() == before
    assert load(tmp_path / "chosen").config.settings.extracted == ("bass", "piano")


def test_another_model_is_not_replaced(run, text_model, tiny_folder, tmp_path):
    save(text_model, tmp_path / "texted")
    (tmp_path / "grid.json").write_text(json.dumps(report()))
    before = (tiny_folder / "config.json").read_bytes()
    status, _, err = run(tmp_path / "grid.json", "-n", tmp_path / "texted", "-o", tiny_folder)
    assert (status, err) == (2, f"freeze_ensemble: {tiny_folder} is there already, and not texted: choose another place\n")
    assert (tiny_folder / "config.json").read_bytes() == before


def test_what_cannot_be_frozen_ends_in_one_line(run, tiny_folder, tmp_path):
    status, out, err = run(tmp_path / "none.json", "-n", tiny_folder, "-o", tmp_path / "chosen")
    assert (status, out) == (2, "")
    assert err.startswith("freeze_ensemble: ")
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "chosen").exists()
