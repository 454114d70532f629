import json
import sys

import numpy as np
import pytest
import soundfile
import torch
from typer.testing import CliRunner

from stemweave.cli import separation
from stemweave.cli.evaluate import app
from stemweave.errors import DataError, OutputError, UsageError
from stemweave.evaluation.measures.bsseval import Frames
from stemweave.evaluation.protocols import wholesongs
from stemweave.evaluation.reports.kinds import TITLES, tables_of
from stemweave.evaluation.reports.tables import markdown

STEMS = ("bass", "drums", "guitar", "piano")


@pytest.fixture
def songs(tmp_path):
    for number in range(3):
        folder = tmp_path / "songs" / "test-a" / f"Track{number:05d}"
        folder.mkdir(parents=True)
        for stem, name in enumerate(STEMS):
            audio = np.random.default_rng((number, stem)).standard_normal(3 * 22050) * 0.05
            soundfile.write(folder / f"{name}.flac", audio, 22050)
    return tmp_path / "songs"


@pytest.fixture
def run(songs, tiny_folder):
    def call(verb, *arguments):
        words = [verb, "--data", songs, "--model", tiny_folder, "--device", "cpu", *arguments]
        return CliRunner().invoke(app, list(map(str, words)), catch_exceptions=False)

    return call


def test_separation_prints_tables_and_writes_one_report(run, tmp_path):
    place = tmp_path / "report.json"
    result = run("separation", "--songs", 2, "--seeds", 2, "--seed", 5, "--json", place)
    assert result.exit_code == 0
    report = json.loads(place.read_text())
    assert list(report["rows"]) == ["direct", "masked", "oracle", "silence", "mixture"]
    assert (report["songs"], report["seeds"], report["stems"]) == (2, [5, 6], list(STEMS))
    assert (report["device"], report["precision"], report["likelihood"]) == ("cpu", "float32", "learned")
    assert report["sampling"]["steps"] == 2
    assert report["data"]["splits"] == ["test-a"]
    assert len(report["data"]["sha256"]) == len(report["model"]["sha256"]) == len(report["model"]["config_sha256"]) == 64
    assert "| direct |" in result.stdout
    assert "2/2" in result.stderr
    assert "2/2" not in result.stdout


def test_the_same_run_gives_the_same_figures(run, tmp_path):
    for name in ("one", "two"):
        run("separation", "--songs", 1, "--protocol", "active", "--rows", "direct", "--json", tmp_path / name)
    one, two = (json.loads((tmp_path / name).read_text()) for name in ("one", "two"))
    for report in (one, two):
        report["rows"]["direct"]["whole"].pop("times_real_time")
        report["tables"][-1]["rows"][0]["cells"].pop()
    assert one == two


def test_a_separation_that_was_stopped_goes_on_and_ends_the_same(run, tmp_path, monkeypatch):
    words = ("separation", "--seeds", 2, "--protocol", "active,msdm,global", "--json")
    run(*words, tmp_path / "straight.json")
    measure, seen = separation.run, []

    def stopping(tracks, **settings):
        if len(seen) == 2:
            raise KeyboardInterrupt
        seen.extend(track.id for track in tracks)
        return measure(tracks, **settings)

    monkeypatch.setattr(separation, "run", stopping)
    run(*words, tmp_path / "report.json")
    assert not (tmp_path / "report.json").exists()
    seen[:] = []
    run(*words, tmp_path / "report.json")
    assert seen == ["Track00002"]
    assert not (tmp_path / "report.journal").exists()
    straight, report = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("straight", "report"))
    for found in (straight, report):
        for row in found["rows"].values():
            row["whole"].pop("times_real_time")
    assert report["rows"] == straight["rows"]


def test_a_song_that_lacks_a_stem_is_found_before_any_is_measured(run, songs, monkeypatch):
    (songs / "test-a" / "Track00002").rename(songs / "test-a" / "mine")
    (songs / "test-a" / "mine" / "piano.flac").unlink()
    monkeypatch.setattr(separation, "run", None)
    message = r"mine holds bass, drums, guitar, expected all of bass, drums, guitar, piano: add piano beside .*mine/bass\.flac"
    with pytest.raises(DataError, match=message):
        run("separation")


def test_rows_protocols_and_rules_can_be_chosen(run, tmp_path):
    place = tmp_path / "report.json"
    options = ("--rows", "masked", "--protocol", "active", "--likelihood", "dirac", "--anchor", "drums", "--steps", 4)
    result = run("separation", "--split", "test-a", "--songs", 1, "--json", place, *options)
    report = json.loads(place.read_text())
    assert list(report["rows"]) == ["masked"]
    assert report["windows"]["msdm"] == 0
    assert (report["likelihood"], report["anchor"], report["sampling"]["steps"]) == ("dirac", "drums", 4)
    assert "2302.02257" not in result.stdout


def test_the_tables_are_in_the_report_with_the_command_that_made_them(run, tmp_path, monkeypatch):
    for verb, options in (("separation", ("--songs", 1, "--rows", "trivial")), ("context", ("--pairs", 2, "--seconds", 1))):
        place = tmp_path / f"{verb}.json"
        monkeypatch.setattr(sys, "argv", ["stemweave", "evaluate", verb, "--json", "a b.json"])
        result = run(verb, *options, "--json", place)
        report = json.loads(place.read_text())
        assert report["command"] == f"stemweave evaluate {verb} --json 'a b.json'"
        assert markdown(tables_of(report)) + "\n" == result.stdout
        older = {key: value for key, value in report.items() if key not in ("tables", "command")}
        assert [table.title for table in tables_of(older)] == [table["title"] for table in report["tables"]]


def test_whole_songs_and_parts_of_songs_are_further_tables_of_the_same_separation(run, tmp_path, monkeypatch):
    monkeypatch.setattr(wholesongs, "museval_metrics", lambda: None)
    monkeypatch.setattr(wholesongs, "bss_eval", lambda estimates, *_: Frames(*torch.full((4, 3, len(estimates)), 7.5)))
    place = tmp_path / "report.json"
    result = run(
        "separation", "--rows", "direct,masked", "--protocol", "active,bsseval,global", "--json", place,
        "--by", "style,minute,sources",
    )  # fmt: skip
    report = json.loads(place.read_text())
    assert (report["protocols"], report["skipped"]) == (["active", "bsseval", "global"], {})
    metrics = report["rows"]["masked"]["metrics"]
    assert metrics["bsseval_sir"]["drums"] == {"value": 7.5, "low": 7.5, "high": 7.5, "n": 3, "status": "ok"}
    assert metrics["global_sdr"]["all"]["status"] == "ok"
    columns = {table["title"]: table["columns"] for table in report["tables"] if table["title"] not in TITLES.values()}
    assert list(columns) == [
        "Over all stems", "BSSEval v4, SDR, dB", "BSSEval v4, ISR, dB", "BSSEval v4, SIR, dB", "BSSEval v4, SAR, dB",
        "Global SDR of whole songs, dB", "Active-only SI-SDRi, dB, by style",
        "Active-only SI-SDRi, dB, by minute of the song in which the window starts",
        "Active-only SI-SDRi, dB, by number of sources that sound in the window",
    ]  # fmt: skip
    assert list(columns.values())[-3:] == [["unknown"], ["1"], ["4"]]
    for table in report["tables"][-3:]:
        for row in table["rows"]:
            whole = report["rows"][row["name"]]["metrics"]["si_sdri"]["all"]
            assert row["cells"][0] == pytest.approx(whole)
    assert "| masked | 7.50 [7.50, 7.50] (n = 3 too small) |" in result.stdout


def test_bsseval_without_museval_is_skipped_and_the_report_says_why(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "museval", None)
    place = tmp_path / "report.json"
    result = run("separation", "--songs", 1, "--rows", "trivial", "--protocol", "active,bsseval", "--json", place)
    assert result.exit_code == 0
    report = json.loads(place.read_text())
    assert report["skipped"] == {"bsseval": "BSSEval needs museval: pip install 'stemweave[bsseval]'"}
    assert "bsseval_sdr" not in report["rows"]["silence"]["metrics"]
    assert "skipped bsseval: BSSEval needs museval" in result.stderr
    assert "BSSEval" not in result.stdout


def test_context_prints_a_verdict_and_writes_its_pairs(run, tmp_path):
    place = tmp_path / "report.json"
    result = run("context", "--pairs", 4, "--seconds", 1, "--json", place, "--given", "bass", "--seed", 3)
    assert result.exit_code == 0
    report = json.loads(place.read_text())
    assert [pair["seed"] for pair in report["pairs"]] == [3, 4, 5, 6]
    assert (report["given"], report["seconds"], report["method"]) == ("bass", 1.0, "learned")
    assert set(report["verdicts"]) == {"onset", "chroma"}
    assert "| chroma |" in result.stdout
    assert "4/4" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("separation", "--rows", "best"), UsageError, "--rows is 'best', expected one of direct, masked, oracle, trivial"),
        (
            ("separation", "--protocol", "kind"),
            UsageError,
            "--protocol is 'kind', expected one of active, msdm, bsseval, global",
        ),
        (("separation", "--by", "key"), UsageError, "--by is 'key', expected one of style, minute, sources"),
        (("separation", "--by", "style,style"), UsageError, "--by names style twice"),
        (("separation", "--likelihood", "magic"), UsageError, "--likelihood is 'magic'"),
        (("separation", "--seeds", 0), UsageError, "--seeds is 0"),
        (("separation", "--seed", -1), UsageError, "--seed is -1"),
        (("separation", "--songs", 0), UsageError, "--songs is 0"),
        (("separation", "--steps", 0), UsageError, "--steps is 0"),
        (("separation", "--split", "test-b"), DataError, "no split 'test-b', it has 'test-a'"),
        (("context", "--pairs", 0), UsageError, "--pairs is 0"),
        (("context", "--seconds", "nan"), UsageError, "--seconds is nan"),
        (("context", "--given", "kazoo"), UsageError, "--given is 'kazoo', but this model knows bass"),
        (("context", "--method", "guess"), UsageError, "--method is 'guess'"),
        (("context", "--seconds", 60), DataError, "0 of 3 songs have 60 s with drums"),
    ],
)
def test_mistakes_are_named(run, arguments, error, message):
    with pytest.raises(error, match=message):
        run(*arguments)


def test_a_report_is_not_overwritten_unasked(run, tmp_path):
    place = tmp_path / "report.json"
    place.write_text("mine")
    for verb in ("separation", "context"):
        with pytest.raises(OutputError, match="--overwrite"):
            run(verb, "--json", place)
    assert place.read_text() == "mine"
    run("separation", "--songs", 1, "--rows", "trivial", "--protocol", "active", "--json", place, "--overwrite")
    assert json.loads(place.read_text())["report"] == "separation"


def test_an_empty_folder_is_refused(tiny_folder, tmp_path):
    with pytest.raises(DataError, match="holds no tracks"):
        CliRunner().invoke(app, ["separation", "--data", str(tmp_path), "--model", str(tiny_folder)], catch_exceptions=False)
