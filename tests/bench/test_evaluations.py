"""Ways held against each other on a tiny network: same weights, right errors, and what cannot run says why."""

import argparse
import sys

import pytest
import torch

import stemweave as sw
from bench import evaluations, machine, official, results, sidebyside
from bench.sidebyside import Contest, Way, contest
from stemweave.evaluation.reports.kinds import read, tables_of
from stemweave.model.config import ModelConfig
from stemweave.nets.unet1d import UNet1dConfig

SMALL = UNet1dConfig(4, 32, multipliers=(1, 2), factors=(2,), blocks=(1,), attention=(True,), heads=2, head_width=8, patch=4)
CONFIG = ModelConfig("small", evaluations.STEMS, 22050, 4096, SMALL, official.SIGMA_DATA)
X = torch.randn(1, 4, 1, 64)
needs_official = pytest.mark.skipif(not official.installed(), reason="needs audio-diffusion-pytorch 0.0.43")


@pytest.fixture(autouse=True)
def rates(monkeypatch):
    """A machine that multiplies at 2 GFLOP/s, in bfloat16 at 8, and on which everything takes a second."""
    monkeypatch.setattr(sidebyside, "matmul_rate", lambda device, dtype: 2.0 if dtype is torch.float32 else 8.0)
    monkeypatch.setattr(machine, "seconds", lambda work, device: work() is None or 1.0)


def cells(table):
    return {row.name: dict(zip(table.columns, row.cells, strict=True)) for row in table.rows}


def half(x, sigma):
    return torch.einsum("bnct,nm->bmct", x, 0.5 * torch.eye(4))


def test_errors_are_relative_to_the_first_way_and_the_worst_counts():
    wrong = Way("wrong", lambda x, sigma: half(x, sigma) * (1.01 if sigma < 0.5 else 1.25))
    table = contest(Contest("t", "n.", [Way("first", half), wrong], X, (0.1, 1.0)), repeats=2)
    found = cells(table)
    assert found["first"]["worst relative error of D"].value == "0.0e+00"
    assert found["wrong"]["worst relative error of D"].value == "2.5e-01"
    assert found["wrong"]["× as fast"].value == 1.0


def test_the_share_is_counted_work_over_time_and_rate():
    table = contest(Contest("t", "n.", [Way("first", half)], X, (0.1, 1.0)), repeats=1)
    work = 2 * 4 * 4 * 64 / 1e9
    assert cells(table)["first"]["share of the matrix rate"].value == pytest.approx(work / 1.0 / 2.0)
    assert "2 GFLOP/s in float32" in table.note


def test_what_cannot_run_and_what_fails_say_so():
    def broken(x, sigma):
        raise RuntimeError("no compiler\nat all")

    ways = [Way("absent", None, why_not="not here"), Way("first", half), Way("broken", broken)]
    table = contest(Contest("t", "n.", ways, X, (0.1, 1.0)), repeats=1)
    found = cells(table)
    assert [table.text(cell) for cell in table.rows[0].cells] == ["not here", "–", "–", "–"]
    assert (found["broken"]["time, s"].value, found["broken"]["time, s"].status) == ("no compiler", "failed")
    assert found["first"]["× as fast"].value == 1.0


def test_rates_are_measured_in_the_precision_of_each_way():
    ways = [Way("first", half), Way("low", half, torch.bfloat16)]
    table = contest(Contest("t", "n.", ways, X, (0.1, 1.0)), repeats=1)
    shares = [found["share of the matrix rate"].value for found in cells(table).values()]
    assert shares[0] == pytest.approx(4 * shares[1])
    assert "2 GFLOP/s in float32, 8 GFLOP/s in bfloat16" in table.note


def test_bfloat16_runs_only_where_there_are_products(tiny_model, monkeypatch):
    monkeypatch.setattr(machine, "pick_precision", lambda device: torch.float32)
    _, low = evaluations.ways(tiny_model)
    assert (low.denoise, low.why_not) == (None, evaluations.NO_PRODUCTS)
    monkeypatch.setattr(machine, "pick_precision", lambda device: torch.bfloat16)
    full, low = evaluations.ways(tiny_model)
    assert next(tiny_model.net.trunk.parameters()).dtype is torch.float32
    x, sigma = 0.05 * torch.randn(1, 4, 1, 4096), torch.tensor(0.1)
    ours, lower = full.denoise(x, sigma), low.denoise(x, sigma)
    assert 0 < (ours - lower).norm() < 0.05 * ours.norm()


@needs_official
def test_the_official_network_and_ours_share_their_weights_and_their_answers():
    net = official.unet(SMALL).eval().requires_grad_(False)
    model = evaluations.sharing(CONFIG, net)
    theirs, x = official.Preconditioned(net), 0.05 * torch.randn(2, 4, 1, 4096)
    for level in evaluations.SIGMAS:
        sigma = torch.tensor(level, dtype=torch.float64)
        torch.testing.assert_close(model.prior()(x, sigma), theirs(x, sigma), rtol=1e-4, atol=1e-5)
    owned = {weight.data_ptr() for weight in net.parameters()}
    assert {weight.data_ptr() for weight in model.parameters()} == owned


def test_the_command_writes_a_report_once(tiny_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(evaluations, "MSDM", SMALL)
    monkeypatch.setattr(evaluations, "SHORT", 4096)
    monkeypatch.setattr(evaluations, "load", lambda **how: sw.load(tiny_folder, **how))
    place = tmp_path / "evaluations.json"
    words = ["evaluations", "--quick", "--repeats", "1", "--device", "cpu", "--json", str(place)]
    monkeypatch.setattr(sys, "argv", words)
    evaluations.main()
    report = read(place)
    titles = ["MSDM at full size", "tiny, one window", "tiny, 8 windows"]
    assert [table.title for table in tables_of(report)] == [f"One evaluation: {title}" for title in titles]
    assert (report["quick"], report["machine"]["device"]) == (True, "cpu")
    before = place.stat().st_mtime_ns
    evaluations.main()
    assert f"kept: {place}" in capsys.readouterr().out
    assert place.stat().st_mtime_ns == before
    monkeypatch.setattr(sys, "argv", [*words, "--overwrite"])
    evaluations.main()
    assert place.stat().st_mtime_ns != before


def test_quick_reports_lie_elsewhere():
    def placed(*words):
        parser = argparse.ArgumentParser()
        results.add_options(parser, "walks")
        return results.place(parser.parse_args(words))

    assert placed() == results.FOLDER / "walks.json"
    assert placed("--quick") == results.QUICK / "walks.json"
    assert str(placed("--quick", "--json", "x.json")) == "x.json"
