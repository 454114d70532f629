import dataclasses
import json

import numpy as np
import pytest
import soundfile
import torch
from typer.testing import CliRunner

from stemweave.cli.evaluate import app
from stemweave.errors import DataError, ModelError, UsageError
from stemweave.evaluation.reports.journal import Journal
from stemweave.model.checkpoint import save
from stemweave.model.model import Model

STEMS = ("bass", "drums", "guitar", "piano")


@pytest.fixture
def run(tmp_path):
    for number in range(6):
        folder = tmp_path / "songs" / f"Track{number:05d}"
        folder.mkdir(parents=True)
        for stem, name in enumerate(STEMS):
            audio = np.random.default_rng((number, stem)).standard_normal(22050) * 0.05
            soundfile.write(folder / f"{name}.flac", audio, 22050)

    def call(*arguments):
        words = ["ablation", "--data", tmp_path / "songs", "--device", "cpu", "--rows", "direct", *arguments]
        return CliRunner().invoke(app, list(map(str, words)), catch_exceptions=False)

    return call


@pytest.fixture
def other(tiny_model, tmp_path):
    def make(**changes):
        torch.manual_seed(1)
        model = Model(dataclasses.replace(tiny_model.config, **changes))
        save(model, tmp_path / "other")
        return tmp_path / "other"

    return make


def test_each_model_is_compared_with_the_first(run, tiny_folder, other, tmp_path):
    place, rival = tmp_path / "ablation.json", other(name="other")
    result = run(tiny_folder, rival, "--json", place, "--steps", 1)
    assert result.exit_code == 0
    report = json.loads(place.read_text())
    assert [found["name"] for found in report["models"].values()] == ["tiny", "other"]
    assert "model" not in report
    assert (set(report["likelihoods"].values()), report["steps"], report["solver"]) == ({"learned"}, 1, None)
    (table,) = report["tables"]
    first, second = (dict(zip(table["columns"], row["cells"], strict=True)) for row in table["rows"])
    difference = second["mean"]["value"] - first["mean"]["value"]
    assert second[f"over {tiny_folder}"]["value"] == pytest.approx(difference, abs=1e-6)
    assert first["p"]["status"] == "skipped"


def test_products_hear_all_their_models_whichever_comes_first(run, tiny_folder, other, tmp_path):
    place, rival = tmp_path / "ablation.json", other(name="other")
    models = [f"{tiny_folder}*{rival}", f"{rival}*{tiny_folder}", str(rival)]
    run(*models, "--json", place, "--steps", 2, "--songs", 1)
    report = json.loads(place.read_text())
    assert [found["name"] for found in report["models"].values()] == ["tiny*other", "other*tiny", "other"]
    parts = [report["models"][model]["parts"] for model in models[:2]]
    assert parts[0] == parts[1][::-1]
    assert report["models"][str(rival)] in parts[0]
    both, turned, alone = ([cell["value"] for cell in row["cells"][:5]] for row in report["tables"][0]["rows"])
    assert both == turned != alone


def test_a_run_with_other_settings_does_not_go_on_in_the_same_journal(run, tiny_folder, other, tmp_path, monkeypatch):
    monkeypatch.setattr(Journal, "close", lambda journal: None)
    place, models = tmp_path / "ablation.json", (tiny_folder, other(name="other"))
    run(*models, "--json", place, "--songs", 1, "--steps", 1)
    with pytest.raises(DataError, match="another run"):
        run(*models, "--json", place, "--songs", 1, "--steps", 2, "--overwrite")


def test_refuses_a_single_model_and_models_of_different_stems(run, tiny_folder, other, tmp_path):
    with pytest.raises(UsageError, match="expected at least two"):
        run(tiny_folder, "--json", tmp_path / "a.json")
    with pytest.raises(UsageError, match="expected at least two"):
        run(tiny_folder, tiny_folder, "--json", tmp_path / "a.json")
    strange = other(stems=("bass", "drums", "guitar", "kazoo"))
    with pytest.raises(UsageError, match="different stems"):
        run(tiny_folder, strange, "--json", tmp_path / "a.json")
    with pytest.raises(ModelError, match=r"tiny\*tiny differ in stems .*kazoo\): blend models of the same stems"):
        run(tiny_folder, f"{tiny_folder}*{strange}", "--json", tmp_path / "a.json")
    assert not list(tmp_path.glob("a.*"))
