"""Cards are written from configurations and reports of the very weights, and the embedded ones are up to date."""

import json
import re
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from stemweave.model.checkpoint import CARD, embedded, read_config, save
from stemweave.model.model import Model

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
import model_card

METRIC = {"value": 5.04, "low": 4.0, "high": 6.06, "n": 3, "status": "ok"}


@pytest.fixture(name="folder")
def make_folder(tiny_model: Model, tmp_path: Path) -> Path:
    save(tiny_model, tmp_path / "model")
    return tmp_path / "model"


def report(folder: Path, place: Path, split: str = "test-a", seconds: float = 60.0, **changed: object) -> None:
    figures = {"si_sdri": dict.fromkeys(("bass", "mean"), METRIC)}
    made = {
        "report": "separation", "model": {"sha256": model_card.digest(folder)}, "data": {"splits": [split]}, "seconds": seconds,
        "likelihood": "learned", "stems": ["bass"], "songs": 3, "rows": {"masked": {"metrics": figures}},
    }  # fmt: skip
    place.write_text(json.dumps(made | changed))


def test_figures_are_those_of_these_weights_and_of_the_longest_report(folder: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    results.mkdir()
    assert "Not measured yet." in model_card.card(folder, "Soon.", results)
    report(folder, results / "short.json", seconds=6.0, songs=1)
    report(folder, results / "long.json")
    report(folder, results / "other.json", "test-b")
    report(folder, results / "grid.json", "test-c", report="grid")
    report(folder, results / "stranger.json", "test-d", model={"sha256": "0"})
    text = model_card.card(folder, "Soon.", results)
    assert text.count("| test-a, learned, masked | 5.0 [4.0, 6.1] | 5.0 [4.0, 6.1] |") == 1
    assert "test-a: 3 songs, 1 minutes; test-b: 3 songs, 1 minutes; 95 %" in text
    assert "test-c" not in text
    assert "test-d" not in text
    assert "Soon." in text


def test_the_card_of_a_model_called_as_an_embedded_one_shows_its_own_figures(folder: Path, tmp_path: Path) -> None:
    """Trained anew, it has other weights than that; they are no earlier ones."""
    results = tmp_path / "results"
    results.mkdir()
    report(folder, results / "own.json", model={"name": "band", "sha256": model_card.digest(folder)})
    text = model_card.card(folder, "Soon.", results)
    assert "| test-a, learned, masked |" in text
    assert "earlier weights" not in text


def invented(folder: Path, place: Path, songs: int, value: float, **settings: object) -> None:
    """A report of whole bands, with one figure in each place of which the last is not there."""
    own = read_config(folder).settings
    by = {"coupling": own.coupling, **asdict(own.generate)} | settings
    cell = {"value": value, "low": None, "high": None, "n": 3, "status": "ok"}
    tables = [
        {"title": title, "columns": [column], "rows": [{"name": name, "cells": [cell]} for name in names]}
        for _, (title, column), names in model_card.BANDS
    ]
    tables[-1]["rows"][0]["cells"] = [cell | {"value": None, "status": "skipped"}]
    merged: dict[str, dict[str, object]] = {}
    for table in tables:
        there = merged.setdefault(table["title"], table)
        if there is not table:
            there["rows"] = there["rows"] + table["rows"]
    made = {
        "report": "generation", "made": {"songs": songs}, "data": {"songs": 9, "splits": ["test-a"]}, "seconds": 6.0,
        "made_by": [{"model": {"sha256": model_card.digest(folder)}, "settings": by}], "tables": list(merged.values()),
    }  # fmt: skip
    place.write_text(json.dumps(made))


def test_whole_bands_are_those_made_at_defaults_and_the_most_of_them(folder: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    results.mkdir()
    invented(folder, results / "few.json", 3, 1.0)
    invented(folder, results / "most.json", 50, 2.0)
    invented(folder, results / "otherwise.json", 90, 3.0, steps=99)
    (results / "old.json").write_text(json.dumps({"report": "generation", "made": {"songs": 99}}))
    text = model_card.card(folder, "Soon.", results)
    assert "| whole bands: 50 takes of 6 s | invented | real |" in text
    assert "| share of silent stems | 2.00 | 2.00 |" in text
    assert "| chroma alike, own stems less strangers' | – |" in text
    assert "Real: 9 songs of test-a" in text
    assert "Not measured" not in text


def test_guidance_and_negative_prompts_are_no_default(text_model: Model, tmp_path: Path) -> None:
    folder, results = tmp_path / "model", tmp_path / "results"
    results.mkdir()
    save(text_model, folder)
    own = read_config(folder).text
    assert own
    told = {"prompts": {"bass": "Bass"}, "guidance": {"weight": own.generate.weight, "low": 0.0}}
    negatives = dict(own.generate.negatives)
    invented(folder, results / "own.json", 3, 1.0, **told, negatives=negatives)
    invented(folder, results / "negative.json", 9, 1.0, **told, negatives={"bass": "Strings"})
    invented(folder, results / "guided.json", 9, 1.0, **told | {"guidance": {"weight": 9.0}}, negatives=negatives)
    assert "whole bands: 3 takes" in model_card.card(folder, "Soon.", results)


def test_a_card_says_what_kind_of_model_it_is_of(tiny_model: Model, text_model: Model) -> None:
    assert "2302.02257" in model_card.words(tiny_model.config)[0]
    assert "2403.11706" in model_card.words(text_model.config)[0]


@pytest.mark.parametrize("name", sorted(embedded()))
def test_the_embedded_cards_are_what_the_tool_writes(name: str) -> None:
    """Only the sentence on the hardware is not known to it."""
    kept = (embedded()[name] / CARD).read_text()
    hardware = re.search(rf"`recipes/{name}.yaml`, \d+ steps. (.*)\n", kept)
    assert hardware
    assert model_card.card(embedded()[name], hardware[1]) == kept
