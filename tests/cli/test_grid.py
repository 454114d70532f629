import json

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from stemweave.cli.evaluate import app
from stemweave.errors import DataError, OutputError, UsageError

STEMS = ("bass", "drums", "guitar", "piano")


@pytest.fixture
def run(tiny_folder, tmp_path):
    for number in range(7):
        folder = tmp_path / "songs" / f"Track{number:05d}"
        folder.mkdir(parents=True)
        for stem, name in enumerate(STEMS):
            audio = np.random.default_rng((number, stem)).standard_normal(22050) * 0.05
            soundfile.write(folder / f"{name}.flac", audio, 22050)

    def call(*arguments):
        words = ["grid", "--data", tmp_path / "songs", "--model", tiny_folder, "--device", "cpu", *arguments]
        return CliRunner().invoke(app, list(map(str, words)), catch_exceptions=False)

    return call


def test_every_combination_is_a_row_and_is_compared_with_the_first(run, tmp_path):
    place = tmp_path / "grid.json"
    result = run("--vary", "likelihood=learned,even", "--vary", "steps=1,2", "--json", place, "--rows", "direct")
    assert result.exit_code == 0
    (table,) = json.loads(place.read_text())["tables"]
    names = [row["name"] for row in table["rows"]]
    assert names == ["learned, steps 1", "learned, steps 2", "even, steps 1", "even, steps 2"]
    assert table["columns"] == [*STEMS, "mean", "over learned, steps 1", "p", "speed"]
    first, *others = (dict(zip(table["columns"], row["cells"], strict=True)) for row in table["rows"])
    assert first["p"]["status"] == "skipped"
    for row in others:
        difference = row["mean"]["value"] - first["mean"]["value"]
        assert row["over learned, steps 1"]["value"] == pytest.approx(difference, abs=1e-6)
        assert 0 < float(row["p"]["value"]) <= 1
    assert "too small" in result.stdout  # seven songs
    assert not place.with_suffix(".journal").exists()


def test_an_anchor_is_for_dirac_alone(run, tmp_path):
    place = tmp_path / "grid.json"
    run("--vary", "likelihood=even,dirac", "--vary", "anchor=drums,loudest", "--json", place, "--songs", 1, "--rows", "masked")
    (table,) = json.loads(place.read_text())["tables"]
    assert [row["name"] for row in table["rows"]] == ["even", "dirac, drums", "dirac, loudest"]


def test_a_harmed_song_is_separated_and_scored_against_the_true_stems(run, tmp_path):
    place = tmp_path / "grid.json"
    run("--vary", "harm=none,noise:20", "--json", place, "--songs", 1, "--rows", "masked")
    (table,) = json.loads(place.read_text())["tables"]
    clear, noisy = (row["cells"][table["columns"].index("mean")]["value"] for row in table["rows"])
    assert noisy < clear - 10


def test_a_stopped_run_goes_on_where_it_was(run, tmp_path, monkeypatch):
    from stemweave.evaluation.protocols import grid

    whole, place, real = tmp_path / "whole.json", tmp_path / "grid.json", grid.run
    asked = ("--vary", "steps=1,2", "--rows", "direct")
    run(*asked, "--json", whole)
    calls = []

    def counted(tracks, *others, **options):
        calls.append(tracks[0].id)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return real(tracks, *others, **options)

    monkeypatch.setattr(grid, "run", counted)
    assert run(*asked, "--json", place).exit_code == 130
    assert not place.exists()
    with place.with_suffix(".journal").open("a") as file:
        file.write('{"key": "cut o')
    calls.extend([""] * 10)
    assert run(*asked, "--json", place).exit_code == 0
    assert len(calls) == 5 + 10 + (14 - 4)
    one, two = (json.loads(path.read_text()) for path in (whole, place))
    for report in (one, two):
        for row in report["tables"][0]["rows"]:
            row["cells"].pop()  # speed
    assert one == two


def test_another_runs_journal_is_left_alone(run, tmp_path):
    place = tmp_path / "grid.json"
    place.with_suffix(".journal").write_text("{}\n")
    with pytest.raises(DataError, match="another run"):
        run("--vary", "steps=1", "--json", place)
    assert place.with_suffix(".journal").read_text() == "{}\n"


@pytest.mark.parametrize(
    ("vary", "message"),
    [
        ("speed=3", "expected one of likelihood"),
        ("steps=two", "not all numbers"),
        ("steps=0", "expected 1 to"),
        ("steps", "expected names"),
        ("solver=best", "expected one of"),
        ("likelihood=hope", "expected one of learned"),
        ("harm=rust:3", "is no degradation"),
        ("harm=mp3:high", "has no number"),
        ("harm=noise:900", "no good"),
    ],
)
def test_refuses_what_is_no_setting(run, tmp_path, vary, message):
    with pytest.raises(UsageError, match=message):
        run("--vary", vary, "--json", tmp_path / "grid.json")
    assert not list(tmp_path.glob("grid*"))


def test_refuses_a_setting_twice_and_a_report_that_is_there(run, tmp_path):
    with pytest.raises(UsageError, match="names steps twice"):
        run("--vary", "steps=1", "--vary", "steps=2", "--json", tmp_path / "grid.json")
    (tmp_path / "grid.json").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        run("--vary", "steps=1", "--json", tmp_path / "grid.json")
    assert (tmp_path / "grid.json").read_text() == "mine"
