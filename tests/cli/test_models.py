import json

from stemweave.cli import models
from stemweave.cli.app import main


def test_list_and_info_of_a_model(tiny_folder, monkeypatch, capsys):
    monkeypatch.setattr(models, "embedded", lambda: {"tiny": tiny_folder})
    assert main(["models", "list"]) == 0
    assert "bass, drums, guitar, piano  22050 Hz" in capsys.readouterr().out
    assert main(["models", "list", "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["name"], listed["stems"], listed["rate"]) == ("tiny", ["bass", "drums", "guitar", "piano"], 22050)
    assert main(["models", "info", str(tiny_folder), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["separate"]["steps"] == 2
    assert len(facts["sha256"]) == 64
    assert main(["models", "info", str(tiny_folder)]) == 0
    assert "sigma_max 2.0" in capsys.readouterr().out


def test_no_models_and_unknown_ones(monkeypatch, capsys):
    monkeypatch.setattr(models, "embedded", dict)
    assert main(["models", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert main(["models", "info", "nothing-of-the-kind"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
