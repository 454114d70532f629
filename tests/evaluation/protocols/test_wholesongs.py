import math
import sys
from importlib.util import find_spec

import pytest
import torch

from stemweave.errors import MissingExtra
from stemweave.evaluation.measures.bsseval import Frames, global_sdr
from stemweave.evaluation.protocols import wholesongs
from stemweave.evaluation.protocols.separation import run
from stemweave.evaluation.protocols.summary import findings
from stemweave.evaluation.protocols.wholesongs import bsseval, figures, plain, tables

NAMES = ("bass", "drums", "piano")


def quieter(references, _rate, seed):
    """Of the first seed 0.9 of the truth, an SDR of 20 dB; of the second 0 dB."""
    return {"quieter": references * (0.9, 0.0)[seed]}


def found(songs, score, estimators=(quieter,), seeds=(0, 1)):
    results = [r for song in run(songs, NAMES, estimators, seeds, False, [score]) for r in song]
    return findings(NAMES, {row: [r for r in results if r.row == row] for row in dict.fromkeys(r.row for r in results)})


def by_row(table):
    return {row.name: dict(zip(table.columns, row.cells, strict=True)) for row in table.rows}


# --- global SDR


def test_global_sdr_is_averaged_over_seeds_then_songs_and_absent_stems_are_counted(songs):
    report = found(songs, plain)
    metric = report["rows"]["quieter"]["metrics"]["global_sdr"]
    assert [entry["value"] for entry in metric.values()] == pytest.approx([10.0] * 4, abs=1e-4)
    assert [entry["n"] for entry in metric.values()] == [3, 3, 2, 3]
    (table,) = tables(report)
    assert table.note.startswith("3 songs, 0.5 minutes; intervals: 95 %, by song.")
    assert table.note.endswith("Songs left out because the stem is absent: bass 0, drums 0, piano 1.")
    assert table.columns == (*NAMES, "all")
    assert [cell.value for cell in table.rows[0].cells] == [entry["value"] for entry in metric.values()]


def test_it_is_a_mean_over_songs():
    songs = [{"global_sdr": torch.tensor([[1.0, math.nan]])}, {"global_sdr": torch.tensor([[2.0, 5.0]])}]
    songs += [{"global_sdr": torch.tensor([[9.0, math.nan]])}]
    one, two, mean = figures(songs)["global_sdr"]
    assert (one.value, two.value, mean.value) == (4.0, 5.0, 4.5)
    assert (one.n, two.n, mean.n) == (3, 1, 3)
    assert (one.low, one.high) != (one.value, one.value)


def test_plain_is_the_function_of_the_whole_song():
    references = torch.randn(2, 2, 500, generator=torch.Generator().manual_seed(0))
    assert torch.equal(plain(references * 0.7, references, 100)["global_sdr"], global_sdr(references * 0.7, references))


# --- BSSEval, with a museval of known answers


@pytest.fixture
def known(monkeypatch):
    """Frames whose SDR is 20 log10 of the estimate's sum, and which say nothing where that is zero."""

    def frames(estimates, references, rate):
        count = references.shape[-1] // rate
        sums = torch.stack([part.double().abs().sum((1, 2)) for part in estimates[..., : count * rate].split(rate, -1)])
        level = torch.where((sums == 0).any(1, keepdim=True), math.nan, 20 * sums.log10())
        return Frames(level, level + 1, level + 2, level + 3)

    monkeypatch.setattr(wholesongs, "bss_eval", frames)
    monkeypatch.setattr(wholesongs, "museval_metrics", lambda: None)


def test_bsseval_is_medians_over_frames_seeds_inside_the_song_and_medians_over_songs(known):
    score, songs = bsseval(), []
    for levels in ((1, 10, 100), (10, 0, 1e5), (1, 1, 10)):
        audio = torch.tensor(levels).float().repeat(2, 1, 1)
        songs.append({k: torch.stack([v, v + 2]) for k, v in score(audio, audio, 1).items()})
    result = figures(songs)
    medians = [20.0, 60.0, 0.0]  # of 0, 20 and 40; of 20 and 100; of 0, 0 and 20
    assert [f.value for f in result["bsseval_sdr"]] == pytest.approx([sorted(medians)[1] + 1] * 3)
    assert result["bsseval_sar"][0].value == pytest.approx(20 + 1 + 3)
    assert (result["bsseval_sdr"][0].low, result["bsseval_sdr"][0].high) == pytest.approx((1.0, 61.0))
    assert result["bsseval_missing"][-1].value == pytest.approx(1 / 9 + 1)
    assert result["bsseval_missing"][-1].n == 3


def test_the_share_of_frames_left_out_stands_beside_every_table(known, songs):
    def half(references, rate, _seed):
        estimates = references + 0.1
        estimates[0, :, : 3 * rate] = 0
        return {"half": estimates, "silence": torch.zeros_like(references)}

    made = tables(found(songs, bsseval(), [half], (0,)))
    assert [table.title for table in made] == [f"BSSEval v4, {name}, dB" for name in ("SDR", "ISR", "SIR", "SAR")]
    for table in made:
        cells = by_row(table)
        assert cells["half"]["frames left out"].value == pytest.approx((3 / 6 + 3 / 9 + 3 / 13) / 3)
        assert cells["half"]["frames left out"].low < cells["half"]["frames left out"].high
        assert cells["silence"]["frames left out"].value == 1.0
        assert [cells["silence"][stem].status for stem in (*NAMES, "all")] == ["skipped"] * 4
        assert cells["half"]["bass"].n == 3
        assert "compare only where their shares" in table.note


def test_a_song_shorter_than_a_frame_is_skipped(known):
    values = bsseval()(torch.ones(2, 1, 99), torch.ones(2, 1, 99), 100)
    assert all(value.shape == (2,) and value.isnan().all() for value in values.values())
    assert list(values) == ["bsseval_sdr", "bsseval_isr", "bsseval_sir", "bsseval_sar", "bsseval_missing"]


def test_without_museval_the_extra_is_named_before_any_work(monkeypatch):
    monkeypatch.setitem(sys.modules, "museval", None)
    with pytest.raises(MissingExtra, match=r"stemweave\[bsseval\]"):
        bsseval()


@pytest.mark.skipif(find_spec("museval") is None, reason="museval is not installed")
def test_museval_itself_agrees_on_a_quieter_stem():
    references = torch.randn(2, 1, 3 * 4000, generator=torch.Generator().manual_seed(0)) * 0.1
    values = bsseval()(references * 0.9, references, 4000)
    assert values["bsseval_sdr"].tolist() == pytest.approx([20.0, 20.0], abs=0.1)
    assert values["bsseval_missing"].tolist() == [0.0, 0.0]


def test_reports_without_whole_songs_have_no_such_tables(songs):
    results = [r for song in run(songs, NAMES, [quieter], (0,), False) for r in song]
    assert tables(findings(NAMES, {"quieter": results})) == []
