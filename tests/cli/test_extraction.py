import json

import numpy as np
import pytest
import soundfile
import typer
from typer.testing import CliRunner

from stemweave.cli.extraction import extraction
from stemweave.errors import DataError, OutputError, UsageError
from stemweave.evaluation.protocols import extraction as protocol

STEMS = ("bass", "drums", "guitar", "piano")


def write(folder, number, seconds, stems=STEMS):
    folder.mkdir(parents=True)
    for stem, name in enumerate(stems):
        loud = 0.0 if (number, name) == (1, "piano") else 0.05
        audio = loud * np.random.default_rng((number, stem)).standard_normal(round(seconds * 22050))
        soundfile.write(folder / f"{name}.flac", audio, 22050)


@pytest.fixture
def run(tiny_folder, tmp_path):
    for number in range(2):
        write(tmp_path / "songs" / f"Track{number:05d}", number, 3)
    app = typer.Typer()
    app.command()(extraction)

    def call(*arguments, data="songs"):
        words = ["--data", tmp_path / data, "--json", tmp_path / "extraction.json", "-n", tiny_folder, "--device", "cpu"]
        return CliRunner().invoke(app, list(map(str, [*words, *arguments])), catch_exceptions=False)

    return call


@pytest.fixture
def report(tmp_path):
    return lambda: json.loads((tmp_path / "extraction.json").read_text())


def rows(table):
    return {row["name"]: dict(zip(table["columns"], row["cells"], strict=True)) for row in table["rows"]}


def test_every_stem_is_a_prompt(run, report, tmp_path):
    result = run("--seeds", 2, "--seed", 5)
    assert result.exit_code == 0
    found = report()
    extracted, ghosts, steady = found["tables"]
    assert list(rows(extracted)) == [*STEMS, "mean"]
    assert [row["SI-SDRi"]["n"] for row in rows(extracted).values()] == [2, 2, 2, 1, 2]
    assert rows(ghosts)["piano"]["median"]["status"] == "ok"
    assert rows(ghosts)["bass"]["median"]["status"] == "skipped"
    assert rows(steady)["all"]["worst null test"]["value"] < -80
    assert {row["changed crops"]["status"] for row in rows(steady).values()} == {"skipped"}  # songs of 3 s
    assert (found["report"], found["prompts"], found["absent"], found["seeds"]) == ("extraction", list(STEMS), [], [5, 6])
    assert (found["likelihood"], found["sampling"]["steps"], found["data"]["songs"]) == ("learned", 2, 2)
    assert "### Ghosts in windows without the instrument" in result.stdout
    assert "2/2" in result.stderr
    assert not (tmp_path / "extraction.journal").exists()


def test_absent_songs_are_separated_without_the_stem(run, report):
    assert run("--absent", "--prompts", "drums,bass", "--steps", 1).exit_code == 0
    found = report()
    assert (found["prompts"], found["absent"], found["sampling"]["steps"]) == (["bass", "drums"], ["bass", "drums"], 1)
    assert [table["title"] for table in found["tables"]][2] == "Ghosts in songs without the instrument"
    _, windows, whole, _ = map(rows, found["tables"])
    assert {cell["status"] for cell in windows["all"].values()} == {"skipped"}
    assert [whole[name]["median"]["n"] for name in ("bass", "drums", "all")] == [2, 2, 2]
    assert whole["all"]["windows"]["value"] == "8"  # of 3 s: two each


def test_a_stopped_run_goes_on_where_it_was(run, report, monkeypatch, tmp_path):
    calls, real = [], protocol.separate

    def counted(model, song, how):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(model, song, how)

    run("--absent", "--prompts", "bass")
    whole = report()
    monkeypatch.setattr(protocol, "separate", counted)
    assert run("--absent", "--prompts", "bass", "--overwrite").exit_code == 130
    assert (tmp_path / "extraction.journal").is_file()
    run("--absent", "--prompts", "bass", "--overwrite")
    assert len(calls) == 3 + 2
    assert report() == whole
    (tmp_path / "extraction.journal").write_text("{}\n")
    with pytest.raises(DataError, match="another run"):
        run("--overwrite")


def test_what_cannot_be_measured_is_skipped(run, tmp_path):
    write(tmp_path / "short" / "Track00000", 0, 0.5)
    result = run(data="short")
    assert result.exit_code == 0
    assert "| mean | – | – |" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("--prompts", "kazoo"), UsageError, "--prompts names 'kazoo', but this model knows bass"),
        (("--prompts", "bass,bass"), UsageError, "names bass twice"),
        (("--prompts", ""), UsageError, "--prompts is '', expected names"),
        (("--likelihood", "hope"), UsageError, "--likelihood is 'hope'"),
        (("--seeds", 0), UsageError, "--seeds is 0"),
        (("--songs", 0), UsageError, "--songs is 0"),
        (("--steps", 0), UsageError, "--steps is 0"),
        (("--split", "test"), DataError, "no split 'test'"),
    ],
)
def test_mistakes_are_named(run, tmp_path, arguments, error, message):
    with pytest.raises(error, match=message):
        run(*arguments)
    assert not list(tmp_path.glob("extraction*"))


def test_songs_must_hold_all_stems(run, tmp_path):
    write(tmp_path / "few" / "song", 0, 3, ("bass", "drums"))
    with pytest.raises(DataError, match="holds bass, drums, expected all of bass, drums, guitar, piano"):
        run(data="few")
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="holds no tracks"):
        run(data="none")


def test_a_report_is_not_overwritten_unasked(run, tmp_path):
    (tmp_path / "extraction.json").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        run()
    assert (tmp_path / "extraction.json").read_text() == "mine"
