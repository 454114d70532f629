import dataclasses
import json
import shutil

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from stemweave.cli.evaluate import app
from stemweave.errors import DataError, UsageError
from stemweave.tasks.studio import Studio

STEMS = ("bass", "drums", "guitar", "piano")


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    root = tmp_path_factory.mktemp("accompaniment") / "songs"
    for number in range(9):
        folder = root / f"Track{number:05d}"
        folder.mkdir(parents=True)
        for stem, name in enumerate(STEMS):
            loud = 0.0 if (number, name) == (8, "drums") else 0.05
            audio = loud * np.random.default_rng((number, stem)).standard_normal(5 * 22050)
            soundfile.write(folder / f"{name}.flac", audio, 22050)
        (folder / "track.json").write_text(json.dumps({"style": "noise"}))
    return root


@pytest.fixture
def run(songs, tiny_folder, tmp_path):
    def call(*arguments):
        words = ["accompaniment", "--data", songs, "--made", tmp_path / "made", "--model", tiny_folder, "--device", "cpu"]
        words += ["--seconds", 4, "--steps", 1, "--solver", "euler", *arguments]
        return CliRunner().invoke(app, list(map(str, words)), catch_exceptions=False)

    return call


def rows(table):
    return {row["name"]: dict(zip(table["columns"], row["cells"], strict=True)) for row in table["rows"]}


@pytest.mark.slow
def test_each_choice_is_made_once_and_stands_beside_its_baselines(run, tmp_path, monkeypatch):
    place, calls, real = tmp_path / "report.json", [], Studio.accompany

    def counted(self, given, **options):
        calls.append(tuple(given))
        return real(self, given, **options)

    monkeypatch.setattr(Studio, "accompany", counted)
    result = run("--given", "drums", "--given", "bass,piano", "--json", place)
    assert result.exit_code == 0
    report = json.loads(place.read_text())
    distance, fit, silent, bonds, steady, together, style = report["tables"]
    assert list(rows(distance)) == ["drums", "bass + piano"]
    assert calls.count(("drums",)) == 8  # one song's drums are silent
    assert calls.count(("bass", "piano")) == 9
    assert {row["n"] for row in (cells["KAD, given + new"] for cells in rows(distance).values())} == {8, 9}
    assert rows(fit)["drums"]["onset, own"]["status"] == "ok"
    new = rows(silent)["drums: new"]
    assert new["drums"]["status"] == "skipped"
    assert new["bass"]["value"] == 0
    assert {cells["Fréchet, given alone"]["status"] for cells in rows(distance).values()} == {"skipped"}  # 9 songs, 256 numbers
    assert rows(bonds)["drums"]["waveforms alike, new"]["status"] == "ok"
    assert list(rows(steady)) == [f"{g}: {kind}" for g in ("drums", "bass + piano") for kind in ("given + new", "original")]
    assert rows(together)["drums: original"]["CBS"]["status"] == "skipped"  # steady noise has no beats
    assert (report["beats"], report["grid"]) == (["pulse (Ellis 2007, ours)"], 0.15)
    assert rows(style)["noise"]["songs"]["value"] == "9"
    assert rows(style)["noise"]["onset, own"]["n"] == 9
    shutil.rmtree(tmp_path / "made" / "drums" / "Track00003")
    calls.clear()
    assert run("--given", "drums", "--given", "bass,piano", "--json", place, "--overwrite").exit_code == 0
    assert calls == [("drums",)]


def test_the_loudest_of_several_takes_is_kept(run, tmp_path, monkeypatch):
    seeds, real = [], Studio.accompany

    def louder(self, given, **options):
        seeds.append(options["seed"])
        made = real(self, given, **options)
        return dataclasses.replace(made, audio=made.audio * (1 + options["seed"] % 3) / 10)  # far from clipping

    monkeypatch.setattr(Studio, "accompany", louder)
    assert run("--given", "bass,drums,guitar", "--takes", 3, "--json", tmp_path / "report.json", "--seed", 6).exit_code == 0
    assert seeds == list(range(6, 6 + 9 * 3))
    assert json.loads((tmp_path / "report.json").read_text())["takes"] == 3
    piano = tmp_path / "made" / "bass+drums+guitar" / "Track00000" / "piano.flac"
    loudest = level(piano)
    monkeypatch.setattr(Studio, "accompany", real)
    shutil.rmtree(tmp_path / "made")
    assert run("--given", "bass,drums,guitar", "--seed", 8).exit_code == 0
    assert loudest == pytest.approx(0.3 * level(piano), rel=0.01)
    with pytest.raises(UsageError, match="got 0 takes; expected 1 to 1000"):
        run("--given", "bass", "--takes", 0)


def level(path):
    return np.sqrt(np.square(soundfile.read(path)[0]).mean())


def test_refusals(run, tmp_path):
    with pytest.raises(UsageError, match="leaves nothing to make"):
        run("--given", "bass,drums,guitar,piano")
    with pytest.raises(UsageError, match="--beats is 'foot'"):
        run("--given", "bass", "--beats", "foot")
    with pytest.raises(UsageError, match="--grid is -1"):
        run("--given", "bass", "--grid", -1)
    with pytest.raises(UsageError, match="knows bass"):
        run("--given", "kazoo")
    with pytest.raises(DataError, match="sound in 3 excerpts, expected 8"):
        run("--given", "bass", "--songs", 3)
    (tmp_path / "made").mkdir(exist_ok=True)
    (tmp_path / "made" / "made.journal").write_text("{}\n")
    with pytest.raises(DataError, match="another run"):
        run("--given", "bass")
