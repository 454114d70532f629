import json
from copy import copy
from dataclasses import replace

from stemweave.cli import models
from stemweave.cli.app import main
from stemweave.model.checkpoint import save


def test_list_and_info_of_a_model(tiny_folder, monkeypatch, capsys):
    monkeypatch.setattr(models, "embedded", lambda: {"tiny": tiny_folder})
    assert main(["models", "list"]) == 0
    assert "bass, drums, guitar, piano  22050 Hz" in capsys.readouterr().out
    assert main(["models", "list", "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["name"], listed["stems"], listed["rate"]) == ("tiny", ["bass", "drums", "guitar", "piano"], 22050)
    assert main(["models", "info", str(tiny_folder), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["settings"]["learned"]["steps"] == 2
    assert len(facts["sha256"]) == 64
    assert main(["models", "info", str(tiny_folder)]) == 0
    assert "sigma_max 2.0" in capsys.readouterr().out


def test_info_of_a_codec(latent_model, tmp_path, capsys):
    save(latent_model.codec, tmp_path / "codec")
    assert main(["models", "info", str(tmp_path / "codec"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert [facts[key] for key in ("name", "latents", "hop", "rate", "channels", "linear")] == [
        "tiny-codec", 3, 10, 22050, 1, False,
    ]  # fmt: skip
    assert len(facts["sha256"]) == 64
    assert facts["stems"] == [], "one VAE for all"


def test_many_numbers_are_counted_and_what_is_empty_left_out(latent_model, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(models, "MANY", 2)
    codec = copy(latent_model.codec)
    codec.config = replace(codec.config, std=(1.5, 2.5, 3.5), licence="mine")
    save(codec, tmp_path / "codec")
    assert main(["models", "info", str(tmp_path / "codec")]) == 0
    told = capsys.readouterr().out
    assert "(3 numbers)" in told
    assert "2.5" not in told


def test_no_models_and_unknown_ones(monkeypatch, capsys):
    monkeypatch.setattr(models, "embedded", dict)
    assert main(["models", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert main(["models", "info", "nothing-of-the-kind"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
