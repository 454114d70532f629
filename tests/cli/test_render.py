"""``stemweave render``: what it writes, what it says, what it refuses."""

import json
import re

import pytest
import soundfile

from stemweave.band import midi, soundfont
from stemweave.cli.app import main

QUICK = ["--procedural", "--seconds", "2", "--rate", "11025", "-j", "1"]


def render(*arguments):
    return main(["render", *map(str, arguments)])


def refused(capsys, *arguments):
    """The one line of a mistake."""
    assert render(*arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    return said.err


@pytest.mark.slow
def test_renders_a_split_and_says_where(tmp_path, capsys):
    assert render(*QUICK, "--split", "mine", "--songs", 2, "--seed", 4, "-o", tmp_path / "set") == 0
    said = capsys.readouterr()
    assert re.search(r"2 songs of 2 s in .*mine, described in .*manifest\.json", said.out)
    assert re.search(r"\d+\.\d s of four-stem music per CPU-second", said.out)
    manifest = json.loads((tmp_path / "set" / "manifest.json").read_text())["splits"]["mine"]
    assert manifest["songs"] == 2
    assert manifest["command"].startswith(
        "stemweave render --split mine --songs 2 --seconds 2 --seed 4 --rate 11025 --procedural"
    )
    for track in ("Track00001", "Track00002"):
        for path in (tmp_path / "set" / "mine" / track).glob("*.flac"):
            assert soundfile.info(path).frames == 22050
    assert render(*QUICK, "--split", "mine", "--songs", 2, "--seed", 4, "-o", tmp_path / "set") == 0
    assert "CPU-second" not in capsys.readouterr().out  # all was there
    assert "holds another song" in refused(capsys, *QUICK, "--split", "mine", "--songs", 2, "-o", tmp_path / "set")


@pytest.mark.slow
def test_a_preset_sets_split_and_programs(tmp_path, capsys):
    assert render("--preset", "test-b", "--songs", 1, *QUICK, "-o", tmp_path) == 0
    track = json.loads((tmp_path / "test-b" / "Track00001" / "track.json").read_text())
    assert track["recipe"]["programs"]["piano"] == [3, 5]
    assert track["recipe"]["kinds"]["drums"] == ["FM drums"]
    assert "--preset test-b" in json.loads((tmp_path / "manifest.json").read_text())["splits"]["test-b"]["command"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--songs", "0"], "songs is 0; give a number from 1"),
        (["--songs", "-3"], "songs is -3"),
        (["--seconds", "0"], "seconds is 0.0"),
        (["--seconds", "nan"], "seconds is nan"),
        (["--seconds", "1e12"], "give a number from 1.0 to 600.0"),
        (["--seed", "-1"], "seed is -1"),
        (["--rate", "3"], "rate is 3"),
        (["--workers", "0"], "workers is 0; give 1 or more"),
        (["--songs", "many"], "Invalid value for '--songs'"),
        (["--split", "../up"], "cannot name a folder"),
        (["--preset", "test-z"], "no preset 'test-z'; give one of train, valid, test-a"),
        (["--preset", "train", "--split", "mine"], "give --preset or --split, not both"),
        (["--soundfont", "x.sf2"], "--procedural needs no --soundfont"),
    ],
)
def test_mistakes_are_one_line(tmp_path, capsys, arguments, words):
    assert words in refused(capsys, "--procedural", *arguments, "-o", tmp_path / "out")
    assert not list((tmp_path / "out").glob("*/*"))


def test_output_is_required(capsys):
    assert "--output" in refused(capsys, "--procedural")


def test_a_missing_font_file(tmp_path, capsys):
    assert "none.sf2 cannot be read" in refused(capsys, "--soundfont", tmp_path / "none.sf2", "-o", tmp_path / "out")


def test_the_environments_font_is_used_and_checked(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("STEMWEAVE_SOUNDFONT", str(tmp_path / "mine.sf2"))
    assert "mine.sf2 cannot be read" in refused(capsys, "-o", tmp_path / "out")


def test_presets_do_not_take_the_environments_font(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("STEMWEAVE_SOUNDFONT", str(tmp_path / "mine.sf2"))
    monkeypatch.setattr(soundfont, "FOLDERS", ())
    assert "install the package timgm6mb-soundfont" in refused(capsys, "--preset", "test-c", "-o", tmp_path / "out")


def test_no_font_at_all(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("STEMWEAVE_SOUNDFONT", raising=False)
    monkeypatch.setattr(soundfont, "FOLDERS", ())
    assert "--procedural" in refused(capsys, "-o", tmp_path / "out")


def test_no_human_midi(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(midi, "FOLDERS", ())
    assert "install the packages freedoom" in refused(capsys, "--preset", "test-e", "--procedural", "-o", tmp_path / "out")


def test_a_file_in_the_way(tmp_path, capsys):
    (tmp_path / "out").write_text("mine")
    assert "cannot write to" in refused(capsys, *QUICK, "-o", tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"


def test_help_names_the_presets(capsys):
    assert render("--help") == 0
    said = capsys.readouterr().out
    assert "test-e" in said
    assert "--procedural" in said


@pytest.mark.slow
def test_styles_are_chosen(tmp_path, capsys):
    assert render(*QUICK, "--songs", 3, "--styles", "waltz,slow 12/8", "-o", tmp_path) == 0
    tracks = [json.loads(path.read_text()) for path in tmp_path.glob("train/*/track.json")]
    assert {track["style"] for track in tracks} <= {"waltz", "slow 12/8"}
    assert {track["recipe"]["notes"] for track in tracks} == {"composer 1: waltz, slow 12/8"}
    assert "--styles 'waltz,slow 12/8'" in json.loads((tmp_path / "manifest.json").read_text())["splits"]["train"]["command"]
    capsys.readouterr()
    assert "holds another song" in refused(capsys, *QUICK, "--songs", 3, "--styles", "rock", "-o", tmp_path)


def test_unknown_styles_are_refused(tmp_path, capsys):
    assert "expected one of rock, pop" in refused(capsys, *QUICK, "--styles", "polka", "-o", tmp_path)
    assert "leave out --styles" in refused(capsys, *QUICK, "--preset", "test-e", "--styles", "rock", "-o", tmp_path)
