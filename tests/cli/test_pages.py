import csv
import json
import re

import numpy as np
import pytest
import soundfile
import typer
from typer.testing import CliRunner

from stemweave.cli import pages
from stemweave.errors import AudioError, DataError, OutputError, UsageError

SYSTEMS = ("ours", "theirs", "real", "shuffled")
REPORT = {
    "report": "generation",
    "command": "stemweave evaluate generation",
    "tables": [{"title": "KAD", "columns": ["mixture"], "rows": [{"name": "band", "cells": [{"value": 1.25}]}]}],
    "audio": [{"title": "song 3", "files": [{"name": "band", "path": "sound/band.wav"}]}],
}


@pytest.fixture
def run():
    app = typer.Typer()
    for command in (pages.report, pages.listen, pages.ratings):
        app.command()(command)

    def call(*arguments):
        return CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)

    return call


@pytest.fixture
def report(tmp_path):
    (tmp_path / "sound").mkdir()
    soundfile.write(tmp_path / "sound" / "band.wav", np.zeros(8000) + 0.1, 8000)
    path = tmp_path / "figures.json"
    path.write_text(json.dumps(REPORT))
    return path


@pytest.fixture
def clips(tmp_path):
    for number, system in enumerate(SYSTEMS):
        (tmp_path / system).mkdir()
        for k in range(3):
            audio = np.random.default_rng((number, k)).standard_normal(800) * 0.1
            soundfile.write(tmp_path / system / f"item{k}.wav", audio, 8000)
    return tmp_path


@pytest.fixture
def listen(run, clips):
    """The command with its folders, and a page in a folder of its own."""
    folders = (clips / "ours", clips / "theirs", "--real", clips / "real", "--shuffled", clips / "shuffled")
    return lambda *more: run("listen", *folders, "-o", clips / "test" / "page.html", *more)


def test_reports_become_one_page(run, report, tmp_path):
    other = tmp_path / "other.json"
    other.write_text(json.dumps({key: REPORT[key] for key in ("report", "tables")}))
    place = tmp_path / "new" / "page.html"
    result = run("report", report, other, "-o", place)
    assert result.stdout == f"{place}: figures, other\n"
    text = place.read_text()
    assert re.findall(r"<h2>(.*?)</h2>", text) == ["figures", "other"]
    assert text.count("1.25") > 3
    assert text.count('src="data:audio/ogg;base64,') == 1
    assert [path.name for path in place.parent.iterdir()] == ["page.html"]


def test_reports_become_one_page_of_markdown(run, report, tmp_path):
    other, place = tmp_path / "other.json", tmp_path / "new" / "page.md"
    other.write_text(json.dumps({key: REPORT[key] for key in ("report", "tables")}))
    (tmp_path / "sound" / "band.wav").unlink()  # sounds are not for Markdown
    result = run("report", other, report, "-o", place)
    assert result.stdout == f"{place}: other, figures\n"
    text = place.read_text()
    assert re.findall("^## (.*)$", text, re.MULTILINE) == ["other: generation", "figures: generation"]
    assert text.count("| band | 1.25 |") == 2
    assert text.count("\n    stemweave evaluate generation\n") == 1
    run("report", other, report, "-o", place, "--overwrite")
    assert place.read_text() == text


def test_reports_of_one_name_are_told_apart_by_their_folders(run, report, tmp_path):
    quick, place = tmp_path / "quick" / "figures.json", tmp_path / "page.html"
    quick.parent.mkdir()
    quick.write_text(json.dumps({key: REPORT[key] for key in ("report", "tables")}))
    (tmp_path / "other.json").write_text(quick.read_text())
    run("report", report, quick, tmp_path / "other.json", "-o", place)
    assert re.findall(r"<h2>(.*?)</h2>", place.read_text()) == [f"{tmp_path.name}/figures", "quick/figures", "other"]
    with pytest.raises(UsageError, match="2 reports are called 'quick/figures'"):
        run("report", quick, quick, "-o", tmp_path / "second.html")


def test_sound_can_be_packed_as_flac(run, report, tmp_path):
    run("report", report, "-o", tmp_path / "page.html", "--format", "flac")
    assert 'src="data:audio/flac;base64,' in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (["--format", "mp3"], UsageError, "--format is 'mp3', expected one of ogg, flac"),
        (["--limit", "0"], UsageError, "--limit is 0, expected more than 0 MB"),
        (["--limit", "0.0001"], DataError, r"larger than 0\.0001 MB"),
        (["-o", "page.txt"], UsageError, r"--output is page\.txt, expected a name that ends in \.html or \.md"),
        (["-o", "page"], UsageError, "expected a name that ends in"),
        (["gone.json"], DataError, "gone.json cannot be read"),
    ],
)
def test_mistakes_leave_no_page(run, report, tmp_path, options, error, message):
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(error, match=message):
        run("report", report, "-o", tmp_path / "page.html", *options)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_report_without_its_sounds_is_refused(run, report, tmp_path):
    (tmp_path / "sound" / "band.wav").unlink()
    with pytest.raises(AudioError, match=r"band\.wav does not exist"):
        run("report", report, "-o", tmp_path / "page.html")


def test_a_page_is_not_overwritten_unasked(run, report, tmp_path):
    place = tmp_path / "page.html"
    place.write_text("mine")
    with pytest.raises(OutputError, match=r"page\.html exists already"):
        run("report", report, "-o", place)
    assert place.read_text() == "mine"
    run("report", report, "-o", place, "--overwrite")
    assert "<h2>figures</h2>" in place.read_text()


def test_a_listening_page_comes_with_its_key(listen, clips):
    result = listen("--seed", 7, "--question", "How does it groove?")
    assert "3 trials of 4 clips, seed 7; keep " in result.stdout
    assert sorted(path.name for path in (clips / "test").iterdir()) == ["key.json", "page.html"]
    secret, text = (json.loads((clips / "test" / "key.json").read_text()), (clips / "test" / "page.html").read_text())
    assert secret["seed"] == 7
    assert sorted(secret["codes"].values()) == sorted(SYSTEMS * 3)
    assert all(text.count(code) == 1 for code in secret["codes"])
    assert "How does it groove?" in text
    assert text.count("data:audio/flac;base64,") == 12


def test_a_seed_is_drawn_and_noted(listen, clips):
    told = re.search(r"seed (\d+)", listen("--format", "ogg").stdout)[1]
    assert json.loads((clips / "test" / "key.json").read_text())["seed"] == int(told)
    assert (clips / "test" / "page.html").read_text().count("data:audio/ogg;base64,") == 12


def test_levels_can_be_kept(listen, clips):
    listen("--seed", 1)
    even = (clips / "test" / "page.html").read_bytes()
    listen("--seed", 1, "--overwrite")
    assert (clips / "test" / "page.html").read_bytes() == even
    listen("--seed", 1, "--overwrite", "--keep-levels")
    assert (clips / "test" / "page.html").read_bytes() != even


def test_a_key_is_never_lost(listen, clips):
    listen()
    secret = (clips / "test" / "key.json").read_bytes()
    with pytest.raises(OutputError, match=r"page\.html exists already"):
        listen()
    with pytest.raises(OutputError, match=r"key\.json is the key of another page"):
        listen("-o", clips / "test" / "second.html", "--overwrite")
    with pytest.raises(UsageError, match="the name of the key"):
        listen("-o", clips / "new" / "key.json")
    (clips / "test" / "page.html").rename(clips / "test" / "kept.html")
    (clips / "test" / "page.html").write_text("x")
    with pytest.raises(OutputError, match=r"page\.html exists already"):
        listen()
    assert (clips / "test" / "key.json").read_bytes() == secret


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ours"], "2 systems are called 'ours'"),
        (["real"], "a system's folder is called real: give it as --real"),
        (["theirs", "--seed", "-1"], "seed"),
    ],
)
def test_listening_mistakes_are_named(run, clips, arguments, message):
    anchors = ("--real", clips / "real", "--shuffled", clips / "shuffled", "-o", clips / "test" / "page.html")
    with pytest.raises(UsageError, match=message):
        run("listen", clips / "ours", clips / arguments[0], *anchors, *arguments[1:])
    assert not (clips / "test").exists()


def test_ratings_are_read_with_the_key(listen, run, clips):
    listen("--seed", 3)
    codes = json.loads((clips / "test" / "key.json").read_text())["codes"]
    data = json.loads(re.search(r'id="test">(.*?)</script>', (clips / "test" / "page.html").read_text(), re.DOTALL)[1])
    items = {clip["code"]: trial["item"] for trial in data["trials"] for clip in trial["clips"]}
    marks = {
        "Anna": {"real": 5, "ours": 4, "theirs": 3, "shuffled": 1},
        "Ben": {"real": 1, "ours": 4, "theirs": 2, "shuffled": 5},
    }
    for rater, given in marks.items():
        with (clips / f"{rater}.csv").open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["rater", "trial", "item", "label", "rating", "seconds", "order"])
            table.writerows([rater, 1, items[code], code, given[system], 2.0, 1] for code, system in codes.items())
    place = clips / "ratings.json"
    result = run("ratings", clips / "Anna.csv", clips / "Ben.csv", "--key", clips / "test" / "key.json", "--json", place)
    assert "| real | 3.00 [1.00, 5.00] | 2.00 |" in result.stdout
    assert "| ours | 4.00 [4.00, 4.00] | 2.00 |" in result.stdout
    assert result.stderr == "stemweave: flagged, for they rate shuffled above real: Ben\n"
    written = json.loads(place.read_text())
    assert written["command"] == "stemweave evaluate ratings Anna.csv Ben.csv --key key.json --seed 0"
    run("report", place, "-o", clips / "ratings.html")
    assert "flagged: shuffled above real" in (clips / "ratings.html").read_text()
    with pytest.raises(OutputError, match="--overwrite"):
        run("ratings", clips / "Anna.csv", "--key", clips / "test" / "key.json", "--json", place)


def test_every_command_explains_itself(run):
    for command in ("report", "listen", "ratings"):
        result = run(command, "--help")
        assert result.exit_code == 0
        assert "--overwrite" in result.stdout
