import json
import sys
from dataclasses import replace

import pytest
import torch
import typer
from typer.testing import CliRunner

from stemweave.cli.efficiency import efficiency
from stemweave.errors import ModelError, OutputError, UsageError
from stemweave.evaluation.measures.process import Cost
from stemweave.evaluation.protocols import efficiency as costs
from stemweave.model.checkpoint import save
from stemweave.model.model import Model

QUICK = ("--minutes", "0.05", "--steps", "1", "--seconds", "0.5")


@pytest.fixture
def run(tiny_folder):
    app = typer.Typer()
    app.command()(efficiency)

    def call(*arguments, model=tiny_folder):
        words = ["-n", model, "--device", "cpu", *arguments]
        return CliRunner().invoke(app, list(map(str, words)), catch_exceptions=False)

    return call


@pytest.fixture
def commands(monkeypatch):
    """The commands asked for, none of which is run: each takes 2 s and 100 MB more than the one before."""
    asked = []

    def cost(command):
        asked.append(command)
        return Cost(2.0, 100.0 * len(asked))

    monkeypatch.setattr(costs, "cost", cost)
    monkeypatch.setattr("stemweave.cli.efficiency.matmul_rate", lambda device: 17.5)
    return asked


def rows(table):
    return {row["name"]: dict(zip(table["columns"], row["cells"], strict=True)) for row in table["rows"]}


def test_every_length_and_every_number_of_steps_is_a_command(run, commands, tiny_folder, tmp_path):
    place = tmp_path / "speed.json"
    result = run("--minutes", "0.1,0.05", "--steps", "4,1", "--seconds", 0.5, "--json", place)
    assert result.exit_code == 0
    own = ["-n", str(tiny_folder), "-d", "cpu", "--seed", "0", "--int24"]
    assert [command[:4] for command in commands] == [[sys.executable, "-m", "stemweave", "separate"]] * 4
    assert [command[7:] for command in commands] == [own, own, [*own, "--steps", "1"], [*own, "--steps", "4"]]
    report = json.loads(place.read_text())
    lengths, steps, music = report["tables"]
    assert [(name, row["× real time"]["value"]) for name, row in rows(lengths).items()] == [("0.05 min", 1.5), ("0.1 min", 3)]
    assert [(name, row["peak memory, MB"]["value"]) for name, row in rows(steps).items()] == [
        ("steps 1", 300),
        ("steps 4", 400),
    ]
    assert list(rows(music)) == ["generate", "accompany bass"]
    assert all(row["s for each s of music"]["value"] > 0 for row in rows(music).values())
    assert rows(lengths)["0.1 min"]["peak memory of the device, MB"]["status"] == "skipped"
    assert (report["report"], report["minutes"], report["steps"]) == ("efficiency", [0.05, 0.1], [1, 4])
    assert (report["matmul_gflops_float32"], report["memory_ratio_longest_to_shortest"]) == (17.5, 2.0)
    assert report["machine"]["threads"] == torch.get_num_threads()
    assert (report["model"]["name"], report["device"], report["torch"]) == ("tiny", "cpu", torch.__version__)
    assert "| accompany bass |" in result.stdout
    assert "6/6" in result.stderr


@pytest.mark.slow
def test_the_last_line_of_a_failed_command_is_told(run, monkeypatch):
    def broken(song, seconds):
        song.write_text("no sound")

    monkeypatch.setattr(costs, "write_song", broken)
    with pytest.raises(OutputError, match=r"separate .*song\.wav .* ended with status .*song\.wav"):
        run(*QUICK)


@pytest.mark.slow
def test_the_real_command_is_measured(run, tmp_path):
    place = tmp_path / "speed.json"
    assert run(*QUICK, "--json", place).exit_code == 0
    report = json.loads(place.read_text())
    (length,) = rows(report["tables"][0]).values()
    assert 0.5 < length["time, s"]["value"] < 100
    assert 100 < length["peak memory, MB"]["value"] < 2000
    assert report["matmul_gflops_float32"] > 0.1
    assert report["memory_ratio_longest_to_shortest"] == 1


def test_a_model_over_latents_that_do_not_add_up_is_not_asked_to_take_songs_apart(run, commands, tmp_path, monkeypatch):
    monkeypatch.setattr("stemweave.cli.efficiency.additive", lambda model: False)
    place = tmp_path / "speed.json"
    assert run(*QUICK, "--json", place).exit_code == 0
    assert not commands
    lengths, steps, music = (rows(table) for table in json.loads(place.read_text())["tables"])
    assert {cell["status"] for row in (*lengths.values(), *steps.values()) for cell in row.values()} == {"skipped"}
    assert music["generate"]["× real time"]["value"] > 0


def test_a_model_that_is_told_in_words_plays_along_and_extracts_too(run, commands, tmp_path, text_model):
    save(text_model, tmp_path / "texted")
    place = tmp_path / "speed.json"
    assert run(*QUICK, "--json", place, model=tmp_path / "texted").exit_code == 0
    music = rows(json.loads(place.read_text())["tables"][2])
    assert list(music) == ["generate", "accompany bass", "extract bass"]
    assert {cells["× real time"]["status"] for cells in music.values()} == {"ok"}


def test_a_model_that_hears_no_stems_is_not_asked_to_play_along(run, commands, tmp_path, tiny_model):
    config = tiny_model.config
    alone = Model(replace(config, joint=False, net=replace(config.net, stems=1)))
    save(alone, tmp_path / "alone")
    place = tmp_path / "speed.json"
    run(*QUICK, "--json", place, model=tmp_path / "alone")
    music = rows(json.loads(place.read_text())["tables"][2])
    assert {cell["status"] for cell in music["accompany bass"].values()} == {"skipped"}
    assert music["generate"]["× real time"]["status"] == "ok"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--minutes", "0"), "--minutes names 0, expected more than 0 and at most 1440"),
        (("--minutes", "3,-1"), "--minutes names -1"),
        (("--minutes", "nan"), "--minutes names nan"),
        (("--minutes", "inf"), "--minutes names inf"),
        (("--minutes", "three"), "--minutes is 'three', expected numbers"),
        (("--minutes", "3,,4"), "--minutes is '3,,4', expected numbers"),
        (("--minutes", ""), "--minutes is '', expected numbers"),
        (("--steps", "0"), "--steps names 0, expected more than 0 and at most 10000"),
        (("--steps", "1.5"), "--steps is '1.5', expected numbers"),
        (("--seconds", "0"), "got 0.0 seconds"),
    ],
)
def test_what_is_no_length_is_refused(run, commands, arguments, message):
    with pytest.raises(UsageError, match=message):
        run(*arguments)
    assert not commands


def test_mistakes_are_found_before_the_work(run, commands, tmp_path):
    (tmp_path / "mine.json").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        run("--json", tmp_path / "mine.json")
    with pytest.raises(ModelError, match="nobody"):
        run(model="nobody")
    assert not commands
    assert (tmp_path / "mine.json").read_text() == "mine"
