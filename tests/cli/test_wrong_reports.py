"""Whatever is wrong with reports, clips, ratings or numbers, it is said in one line, and nothing is written."""

import json
import shutil

import numpy as np
import pytest
import soundfile

from stemweave.cli.app import main

RATE = 8000
CELLS = {"si_sdri_by_song": {f"song{k}": [float(k), 2.0] for k in range(8)}}
SEPARATION = {
    "report": "separation",
    "stems": ["bass", "drums"],
    "data": {"folder": "songs", "songs": 8, "sha256": "abc"},
    "rows": {"masked": CELLS},
}
HEADER = "rater,trial,item,label,rating,seconds,order\n"


def changed(**parts):
    return json.dumps(SEPARATION | parts)


def with_values(values):
    """The report, in which song3 has these."""
    return changed(rows={"masked": {"si_sdri_by_song": CELLS["si_sdri_by_song"] | {"song3": values}}})


def with_cells(*cells):
    return json.dumps({"report": "grid", "tables": [{"title": "t", "columns": ["a"], "rows": [{"name": "r", "cells": cells}]}]})


REPORTS = {
    "good.json": json.dumps(SEPARATION),
    "other songs.json": changed(data={"sha256": "xyz"}),
    "other stems.json": changed(stems=["bass", "piano"]),
    "few stems.json": changed(stems=["bass"]),
    "one song.json": changed(rows={"masked": {"si_sdri_by_song": {"song0": [1.0, 2.0]}}}),
    "hole.json": with_values([float("nan"), 2.0]),
    "infinite.json": with_values([float("inf"), 2.0]),
    "short.json": with_values([1.0]),
    "no rows.json": changed(rows={}),
    "grid.json": json.dumps({"report": "grid", "tables": []}),
    "nan.json": with_cells({"value": float("nan")}),
    "ragged.json": with_cells(),
    "no kind.json": "{}",
    "list.json": "[1, 2]",
    "empty.json": "",
    "text.json": "no report",
    "silent.json": '{"report": "grid", "tables": [], "audio": [{"title": "t", "files": [{"name": "a", "path": "gone.wav"}]}]}',
    "codes.json": json.dumps({"seed": 0, "codes": {"a1": "ours", "a2": "real", "a3": "shuffled"}}),
    "keyless.json": json.dumps({"seed": 0}),
    "ratings.csv": HEADER + "Anna,1,x,a1,3,1.0,1\n",
    "six.csv": HEADER + "Anna,1,x,a1,6,1.0,1\n",
    "nan.csv": HEADER + "Anna,1,x,a1,3,nan,1\n",
    "stranger.csv": HEADER + "Anna,1,x,zz,3,1.0,1\n",
    "narrow.csv": HEADER + "Anna,1,x\n",
    "none.csv": HEADER,
    "empty.csv": "",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Reports, ratings and folders of clips, good and bad."""
    root = tmp_path_factory.mktemp("reports")
    for name, text in REPORTS.items():
        (root / name).write_text(text)
    for number, system in enumerate(("ours", "real", "shuffled")):
        (root / system).mkdir()
        for item in ("x", "y"):
            audio = 0.1 * np.random.default_rng(number).standard_normal(RATE)
            soundfile.write(root / system / f"{item}.wav", audio, RATE, subtype="FLOAT")
    for name in ("fewer", "longer", "nan", "foreign", "twice"):
        shutil.copytree(root / "ours", root / name)
    (root / "fewer" / "y.wav").unlink()
    soundfile.write(root / "longer" / "y.wav", np.zeros(2 * RATE), RATE)
    soundfile.write(root / "nan" / "y.wav", np.full(RATE, np.nan), RATE, subtype="FLOAT")
    (root / "foreign" / "y.wav").write_text("no sound")
    soundfile.write(root / "twice" / "y.flac", np.zeros(RATE), RATE)
    (root / "empty").mkdir()
    return root


COMPARE = {
    "good.json gone.json": "gone.json cannot be read: No such file or directory; check the name",
    "good.json ours": "ours cannot be read: Is a directory; check the name",
    "good.json empty.json": "empty.json is not JSON: Expecting value",
    "good.json list.json": "list.json holds a JSON list, expected an object; give a file that an evaluation wrote",
    "good.json grid.json": "grid is a report of kind 'grid', expected what `evaluate separation --json` writes",
    "good.json no~kind.json": "no kind is a report of kind None, expected what",
    "good.json no~rows.json": "no rows has no row 'masked': give one of",
    "good.json short.json": "short is damaged or laid out otherwise",
    "few~stems.json good.json": "few stems is damaged or laid out otherwise",
    "good.json other~songs.json": "are on different songs or stems: measure both on the same --data, --split and --songs",
    "good.json other~stems.json": "are on different songs or stems",
    "good.json one~song.json": "only one of the two systems has song1, song2, song3, song4, song5 and 2 more",
    "good.json hole.json": "only one of the two systems has a value for song3, expected both or neither",
    "good.json infinite.json": "song3 has values inf, expected a finite number, or one for each seed",
    "good.json good.json": "good.json is given twice, expected two reports to compare",
    "good.json": "Missing argument 'second'",
    "": "Missing argument 'first'",
}
REPORT = {
    "gone.json": "gone.json cannot be read: No such file or directory; check the name",
    "ours": "ours cannot be read: Is a directory; check the name",
    "empty.json": "empty.json is not JSON: Expecting value",
    "text.json": "text.json is not JSON: Expecting value",
    "list.json": "list.json holds a JSON list, expected an object",
    "no~kind.json": "no kind: a report of kind '' without tables: expected tables, or one of separation, context",
    "no~rows.json": "no rows: the report of kind 'separation' is damaged or laid out otherwise",
    "nan.json": "nan: a cell holds nan, expected a finite number or null",
    "ragged.json": "ragged: row 'r' of 't' has 0 cells, expected 1, one per column",
    "silent.json": "gone.wav does not exist: check the name",
    "grid.json grid.json": "2 reports are called",
    "": "Missing argument 'reports'",
}
LISTEN = {
    "gone": "gone is not a folder: give a folder of clips",
    "ours/x.wav": "x.wav is not a folder: give a folder of clips",
    "empty": "empty holds no clips (no ",
    "fewer": "fewer lacks y, which another folder has: every folder needs every clip",
    "longer": "cut them to one length, or it tells them apart",
    "nan": "y.wav holds NaN or infinite samples (the first at 0.00 s): export it again",
    "foreign": "y.wav is not a sound file that stemweave reads",
    "twice": "twice holds y 2 times, in several formats: keep one",
    "real": "a system's folder is called real: give it as --real, or rename it",
    "": "Missing argument 'systems'",
}
RATINGS = {
    "gone.csv --key codes.json": "gone.csv cannot be read: No such file or directory; check the name",
    "ours --key codes.json": "ours cannot be read: Is a directory; check the name",
    "empty.csv --key codes.json": "empty.csv is not a table of rater, trial, item, label, rating, seconds, order",
    "narrow.csv --key codes.json": "narrow.csv is not a table of rater, trial",
    "none.csv --key codes.json": "none.csv: no rating in it, expected at least one",
    "six.csv --key codes.json": "line 2: rating 6 after 1 s, expected 1 to 5 after 0 s or more",
    "nan.csv --key codes.json": "line 2: rating 3 after nan s, expected 1 to 5",
    "stranger.csv --key codes.json": "line 2: the key does not hold 'zz'; give the key of the page that was rated",
    "ratings.csv ratings.csv --key codes.json": "Anna rated ours's x 2 times: give each file once",
    "ratings.csv --key gone.json": "gone.json cannot be read: No such file or directory",
    "ratings.csv --key empty.json": "empty.json is not JSON",
    "ratings.csv --key keyless.json": "keyless.json holds no codes: give the key.json that was written beside",
    "ratings.csv": "Missing option '--key'",
    "--key codes.json": "Missing argument 'files'",
}
EFFICIENCY = {
    "-n nobody": "unknown model 'nobody': expected one of",
    "-n ours": "ours holds no config.json; a model is a folder with",
    "--minutes nan": "--minutes names nan, expected more than 0 and at most 1440",
    "--minutes 0": "--minutes names 0, expected more than 0 and at most 1440",
    "--minutes long": "--minutes is 'long', expected numbers with commas between, such as 1,4",
    "--steps 0": "--steps names 0, expected more than 0 and at most 10000",
    "--seconds -1": "got -1.0 seconds",
    "--seconds nan": "got nan seconds",
}
CODEC = {
    "--codec nobody": "unknown model 'nobody': expected one of",
    "--codec ours": "ours holds no config.json; a model is a folder with",
    "--codec band": "band is a model of sound itself, expected a codec",
    "--codecs opus": "--codecs 'opus' has no number after the colon, such as opus:24",
    "--codecs tape:3": "--codecs is 'tape', expected one of opus, mp3, vorbis",
}
CASES = {
    "compare": (COMPARE, "--json new"),
    "report": (REPORT, "-o new.html"),
    "listen": (LISTEN, "--real real --shuffled shuffled -o new.html"),
    "ratings": (RATINGS, "--json new"),
    "efficiency": (EFFICIENCY, "--json new"),
    "codec": (CODEC, "--data ours --json new"),
}


@pytest.mark.parametrize(
    ("command", "words", "message"),
    [(command, f"{words} {more}", said) for command, (cases, more) in CASES.items() for words, said in cases.items()],
)
def test_it_is_said_in_one_line(place, capsys, monkeypatch, command, words, message):
    monkeypatch.chdir(place)
    before = sorted(place.rglob("*"))
    assert main(["evaluate", command, *(word.replace("~", " ") for word in words.split())]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("stemweave: ")
    assert err.count("\n") == 1
    assert message in err
    assert sorted(place.rglob("*")) == before
