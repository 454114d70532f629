import json

import numpy as np
import pytest
import soundfile
import torch
from typer.testing import CliRunner

from stemweave.cli.evaluate import app
from stemweave.errors import DataError, ModelError, UsageError
from stemweave.model.checkpoint import digest, save
from stemweave.model.codec import joined

STEMS = ("bass", "piano")


@pytest.fixture
def run(tmp_path):
    for number in range(2):
        folder = tmp_path / "songs" / f"Track{number:05d}"
        folder.mkdir(parents=True)
        for stem, name in enumerate(STEMS):
            loud = 0.0 if (number, name) == (1, "bass") else 0.1
            time = np.arange(2 * 22050) / 22050
            audio = loud * np.sin(2 * np.pi * 220 * (stem + 1) * time) * np.exp(-3 * (time % 0.5))
            soundfile.write(folder / f"{name}.flac", audio, 22050)

    def call(*arguments):
        words = ["codec", "--data", tmp_path / "songs", "--stems", ",".join(STEMS), "--seconds", 1.5, *arguments]
        return CliRunner().invoke(app, list(map(str, words)), catch_exceptions=False)

    return call


def test_more_bits_keep_more(run, tmp_path):
    place = tmp_path / "codec.json"
    result = run("--codecs", "opus:12,opus:64", "--json", place)
    assert result.exit_code == 0
    fidelity, mel, rate = (
        {row["name"]: dict(zip(table["columns"], row["cells"], strict=True)) for row in table["rows"]}
        for table in json.loads(place.read_text())["tables"]
    )
    low, high = "Opus 12 kbit/s", "Opus 64 kbit/s"
    assert fidelity[high]["mean"]["value"] > fidelity[low]["mean"]["value"]
    assert mel[high]["mean"]["value"] < mel[low]["mean"]["value"]
    assert rate[high]["mean"]["value"] > rate[low]["mean"]["value"]
    assert (fidelity[low]["bass"]["n"], fidelity[low]["piano"]["n"]) == (1, 2)  # one bass is silent
    assert "n = 1 too small" in result.stdout


def test_a_trained_codec_beside_them(run, latent_model, tmp_path):
    save(latent_model.codec, tmp_path / "mine", precision=torch.float32)
    place = tmp_path / "codec.json"
    result = run("--codecs", "opus:24", "--codec", tmp_path / "mine", "--json", place)
    assert result.exit_code == 0
    report = json.loads(place.read_text())
    rates = {row["name"]: row["cells"][-1]["value"] for row in report["tables"][2]["rows"]}
    assert rates["tiny-codec (float32 latents)"] == pytest.approx(3 * 32 * 2205 / 1000, rel=0.01)
    assert list(rates) == ["Opus 24 kbit/s", "tiny-codec (float32 latents)"]
    assert report["codecs"] == {"mine": digest(tmp_path / "mine")}


def test_a_codec_with_a_vae_for_each_stem_codes_each_by_its_own(run, latent_model, tmp_path):
    save(joined("each", dict.fromkeys(STEMS, latent_model.codec)), tmp_path / "each", precision=torch.float32)
    save(latent_model.codec, tmp_path / "one", precision=torch.float32)
    place = tmp_path / "codec.json"
    assert run("--codec", tmp_path / "each", "--codec", tmp_path / "one", "--json", place).exit_code == 0
    for table in json.loads(place.read_text())["tables"]:
        *_, each, one = ([cell["value"] for cell in row["cells"]] for row in table["rows"])
        assert each == one, "both are the same network"
    with pytest.raises(ModelError, match="and none for 'vocals'"):
        run("--codec", tmp_path / "each", "--stems", "bass,vocals")


def test_refuses_what_is_no_trained_codec(run, tiny_folder, tmp_path):
    with pytest.raises(ModelError, match="is a model of sound itself, expected a codec"):
        run("--codec", tiny_folder)
    with pytest.raises(ModelError, match="unknown model"):
        run("--codec", tmp_path / "none")


@pytest.mark.parametrize(("codecs", "message"), [("tape:3", "--codecs"), ("opus", "no number"), ("opus:1", "Opus")])
def test_refuses_what_is_no_codec(run, codecs, message):
    with pytest.raises(UsageError, match=message):
        run("--codecs", codecs)


def test_refuses_songs_that_are_too_short(run):
    with pytest.raises(DataError, match="expected at least 9 s"):
        run("--seconds", 9)
