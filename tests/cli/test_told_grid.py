"""Grids of models that are told in words: guidance, negative prompts, the ensemble, and tables across a setting."""

import csv
import json
import sys

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from stemweave.cli.evaluate import app
from stemweave.errors import ModelError, OutputError, UsageError
from stemweave.model.checkpoint import save

STEMS = ("bass", "drums", "guitar", "piano")


@pytest.fixture
def run(text_model, tmp_path):
    for number in range(2):
        folder = tmp_path / "songs" / f"Track{number:05d}"
        folder.mkdir(parents=True)
        for stem, name in enumerate(STEMS):
            audio = np.random.default_rng((number, stem)).standard_normal(22050) * 0.05
            soundfile.write(folder / f"{name}.flac", audio, 22050)
    save(text_model, tmp_path / "texted")

    def call(*vary, model=tmp_path / "texted", more=()):
        words = ["grid", "--data", tmp_path / "songs", "--model", model, "--device", "cpu", "--rows", "masked"]
        words += ["--json", tmp_path / "grid.json", *(word for text in vary for word in ("--vary", text)), *more]
        return CliRunner().invoke(app, list(map(str, words)), catch_exceptions=False)

    return call


def means(tmp_path):
    table = json.loads((tmp_path / "grid.json").read_text())["tables"][0]
    return {row["name"]: [cell["value"] for cell in row["cells"][:5]] for row in table["rows"]}


def test_guidance_along_the_top_as_table_sheet_and_picture(run, tmp_path):
    vary = ("likelihood=dirac,extractor", "anchor=bass,drums", "guidance=1,3", "steps=1")
    result = run(*vary, more=("--across", "guidance", "--songs", 1))
    assert result.exit_code == 0
    table, crossed = json.loads((tmp_path / "grid.json").read_text())["tables"]
    found = {row["name"]: row["cells"][4] for row in table["rows"]}
    assert crossed["title"] == "Separation, masked, mean by guidance"
    assert crossed["columns"] == ["guidance 1", "guidance 3"]
    assert [row["name"] for row in crossed["rows"]] == ["dirac, bass, steps 1", "dirac, drums, steps 1", "extractor, steps 1"]
    with (tmp_path / "grid.csv").open(newline="") as file:
        sheet = list(csv.DictReader(file))
    assert len(sheet) == 6
    for row, line in zip([row for row in crossed["rows"] for _ in (0, 1)], sheet, strict=True):
        name = f"{row['name'].removesuffix(', steps 1')}, {line['column']}, steps 1"
        assert line["row"] == row["name"]
        assert float(line["value"]) == found[name]["value"]
        assert int(line["n"]) == 1
    assert (tmp_path / "grid.png").read_bytes().startswith(b"\x89PNG")
    assert len({round(cell["value"], 6) for cell in found.values()}) == 6
    assert "(n = 1 too small)" in result.stdout


def test_without_matplotlib_the_table_and_the_sheet_are_there(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    result = run("likelihood=dirac", "steps=1,2", more=("--across", "steps", "--songs", 1))
    assert result.exit_code == 0
    assert "no heat map: pictures need matplotlib: pip install 'stemweave[plot]'" in result.stderr
    assert (tmp_path / "grid.csv").is_file()
    assert not (tmp_path / "grid.png").exists()


def test_an_ensemble_extracts_the_models_own_stems_or_those_that_are_named(run, tmp_path):
    asked = {"own": (), "named": ("extracted=bass+piano",), "others": ("extracted=none,drums",)}
    found = {}
    for name, vary in asked.items():
        assert run("likelihood=ensemble", *vary, "steps=1", more=("--songs", 1, "--overwrite")).exit_code == 0
        found[name] = list(means(tmp_path).values())
    assert found["own"] == found["named"]
    first, second = found["others"]
    assert len({round(row[0], 6) for row in (first, second, *found["own"])}) == 3


def test_negatives_act_on_the_extractor_under_guidance(run, tmp_path):
    run("likelihood=extractor", "negatives=none,paper,own", "guidance=1,3", "steps=1", more=("--songs", 1))
    found = means(tmp_path)
    kinds = ("none", "paper", "own")
    plain, strong = ([found[f"extractor, negatives {one}, guidance {w}, steps 1"] for one in kinds] for w in (1, 3))
    assert plain[0] == plain[1] == plain[2]
    assert len({round(row[0], 6) for row in strong}) == 3


def test_refusals(run, tiny_folder, tmp_path):
    with pytest.raises(ModelError, match="tiny is not told in words"):
        run("guidance=1,2", model=tiny_folder)
    with pytest.raises(ModelError, match="tiny is not told in words"):
        run("likelihood=extractor", model=tiny_folder)
    with pytest.raises(UsageError, match="not all numbers"):
        run("guidance=strong")
    with pytest.raises(UsageError, match="--across is 'steps', expected one of the settings that --vary names"):
        run("guidance=1,2", more=("--across", "steps"))
    with pytest.raises(UsageError, match=r"--json is .*grid\.csv, which is where --across writes"):
        run("guidance=1,2", more=("--across", "guidance", "--json", tmp_path / "grid.csv"))
    (tmp_path / "grid.csv").write_text("mine")
    with pytest.raises(OutputError, match=r"grid\.csv exists already"):
        run("guidance=1,2", more=("--across", "guidance"))
    assert (tmp_path / "grid.csv").read_text() == "mine"
    assert not (tmp_path / "grid.json").exists()
