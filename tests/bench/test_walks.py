"""Separation end to end on a tiny network: what is counted, what is resumed, and how cost follows from it."""

import math
import sys
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

import stemweave as sw
from bench import official, perstem, walks
from stemweave.audio.stems import Stems
from stemweave.data.tracks import Track
from stemweave.errors import UsageError
from stemweave.evaluation.protocols.excerpts import Excerpt
from stemweave.evaluation.reports.journal import Journal
from stemweave.evaluation.reports.kinds import read, tables_of
from stemweave.evaluation.reports.tables import Cell, Row, Table

NAMES = ("bass", "drums", "guitar", "piano")
RATE, SHORT = 22050, official.Settings(steps=2)


def excerpt(number=0):
    torch.manual_seed(number)
    track = Track(f"song{number}", dict.fromkeys(NAMES, ()), RATE, 1, RATE)
    return Excerpt(track, 0, 0.0, Stems(NAMES, 0.05 * torch.randn(4, 1, RATE), RATE))


def cells(table):
    return {row.name: {column: cell.value for column, cell in zip(table.columns, row.cells, strict=True)} for row in table.rows}


def test_calls_of_the_network_are_counted(tiny_model):
    found = {way.name: walks.measured(tiny_model, way.estimator, excerpt()) for way in walks.methods(tiny_model, SHORT)}
    segments = 2  # of this network's four windows
    counts = {"official loop, dirac, 4 evaluations": 4, "ours, dirac": 3 * segments, "ours, learned": 2 * segments}
    assert {name: record["calls"] for name, record in found.items()} == counts
    assert all(record["seconds"] == 1 and len(record["si_sdri"]) == 4 for record in found.values())
    again = walks.measured(tiny_model, walks.methods(tiny_model, SHORT)[1].estimator, excerpt())
    assert again["si_sdri"] == found["ours, dirac"]["si_sdri"]


def test_what_is_not_finite_counts_as_silence(tiny_model):
    def constant(value):
        return lambda references, rate, seed: {"direct": torch.full_like(references, value)}

    broken, silent = (walks.measured(tiny_model, constant(value), excerpt())["si_sdri"] for value in (math.nan, 0.0))
    assert broken == silent


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path / "walks.journal", {})


def record(seconds, took, calls, score):
    return {"direct": {"si_sdri": [score] * 4, "seconds": seconds, "took": took, "calls": calls}}


def test_cost_is_the_median_for_a_minute_with_what_segments_overlap(tiny_model, journal):
    found = [excerpt(number) for number in range(6)]
    official_loop, dirac, learned = (way.name for way in walks.methods(tiny_model, SHORT))
    for number, one in enumerate(found):
        journal.add(f"{official_loop} | {one.song}", record(10.0, 100.0 + number, 4, 5.0))
        journal.add(f"{dirac} | {one.song}", record(10.0, 5.0, 3, 5.5))
        journal.add(f"{learned} | {one.song}", record(10.0, 1.0, 2, 7.0 + 0.1 * number))
    cost, scores = walks.tables(tiny_model, found, journal, SHORT)
    minutes = {name: row["seconds for a minute of music"] for name, row in cells(cost).items()}
    overlap = 16 / 15  # segments of 4 windows share a quarter of one
    assert minutes == pytest.approx({official_loop: 615.0, dirac: 30.0 * overlap, learned: 6.0 * overlap})
    assert cells(cost)[dirac]["× as fast as the official loop"] == pytest.approx(615 / 32)
    assert cells(scores)[learned]["mean"] == pytest.approx(7.25)
    assert cells(scores)[dirac][f"over {official_loop}"] == pytest.approx(0.5)


def test_only_what_is_missing_is_measured(tiny_model, journal, monkeypatch):
    asked, made = [], record(1.0, 1.0, 1, 0.0)
    monkeypatch.setattr(walks, "measured", lambda model, estimator, one: asked.append(one.song) or made["direct"])
    found = [excerpt(0), excerpt(1)]
    first = walks.methods(tiny_model, SHORT)[0].name
    journal.add(f"{first} | song0", made)
    walks.tables(tiny_model, found, journal, SHORT)
    assert asked == ["song0", "song0", "song1", "song1", "song1"]


@pytest.fixture
def songs(tmp_path):
    """Two songs of two seconds: noises."""
    for number in range(2):
        for name in NAMES:
            path = tmp_path / "songs" / f"song{number}" / f"{name}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, np.random.default_rng(number).normal(size=2 * RATE) * 0.05, RATE)
    return tmp_path / "songs"


def test_the_command_writes_a_report_and_removes_its_journal(songs, tiny_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(walks, "load", lambda **how: sw.load(tiny_folder, device="cpu"))
    monkeypatch.setattr(walks.official, "WINDOW", 30000)
    monkeypatch.setattr(walks.tables, "__defaults__", (SHORT,))
    monkeypatch.setattr(perstem, "table", lambda device, dtype, repeats: Table("stems", ("s",), (Row("1 stem", (Cell(1.0),)),)))
    place = tmp_path / "walks.json"
    monkeypatch.setattr(sys, "argv", ["walks", "--data", str(songs), "--songs", "2", "--json", str(place)])
    walks.main()
    report = read(place)
    titles = ["Separation end to end", "Separation, direct", "stems"]
    assert [table.title for table in tables_of(report)] == titles
    assert (report["songs"], report["samples"]) == (["song0", "song1"], 30000)
    assert not list(tmp_path.glob("*.journal"))


def test_too_few_songs_are_refused(songs, studio):
    with pytest.raises(UsageError, match="has 2 songs, expected at least 6"):
        walks.excerpts(songs, 6, 4096, studio)


def test_every_number_of_stems_is_a_row(monkeypatch):
    config = perstem.recipe()
    tiny = replace(config, window=4096, net=replace(config.net, hop=64, coefficients=48, widths=(64, 64), blocks=(1, 1)))
    asked = []
    monkeypatch.setattr(perstem, "recipe", lambda: tiny)
    monkeypatch.setattr(perstem.machine, "seconds", lambda work, device: asked.append(tuple(work().shape)) or 2.0)
    table = perstem.table(torch.device("cpu"), torch.float32, repeats=1)
    assert (config.joint, config.net.stems) == (False, 1)
    assert list(cells(table)) == ["1 stem", "2 stems", "3 stems", "4 stems"]
    assert [row["0.2 s, s per stem"] for row in cells(table).values()] == pytest.approx([2, 1, 2 / 3, 1 / 2])
    assert asked[-4:] == [(1, count, 1, 4 * 4096) for count in (1, 2, 3, 4)]
