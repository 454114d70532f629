import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from stemweave.evaluation.measures.separation import Scores
from stemweave.evaluation.protocols.separation import Result
from stemweave.evaluation.protocols.summary import findings, pooled, summary, whole
from stemweave.evaluation.statistics import song_means

NAN = math.nan
NOTHING = torch.full((2, 2), NAN, dtype=torch.float64)


def table(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def scores(**parts):
    return Scores(**{name: parts.get(name, NOTHING) for name in ("sdr", "improvement", "level", "ghost", "error")})


def result(song, improvement, louder=NOTHING, null=-90.0, lag=0, took=1.0, seconds=10.0, means=None, **parts):
    """Of two windows and two stems."""
    improvement = table(*improvement)
    found = scores(improvement=improvement, sdr=improvement, **parts)
    means = improvement.nanmean(0, keepdim=True) if means is None else table(*means)
    return Result(song, "", "row", seconds, took, found, scores(improvement=louder), means, null, lag, torch.empty(0, 2), {})


@pytest.fixture
def three():
    """Bass of 1, 2 and 9 dB on average; drums of 4 dB in the first song alone."""
    return [
        result("a", [[0.0, 4.0], [2.0, NAN]], louder=table([7.0, NAN], [NAN, NAN])),
        result("b", [[2.0, NAN], [2.0, NAN]], louder=table([1.0, NAN], [NAN, NAN])),
        result("c", [[9.0, NAN], [NAN, NAN]]),
    ]


def test_means_over_windows_then_songs_then_stems_and_medians_beside_them(three):
    found = summary(three)
    assert [figure.value for figure in found["si_sdri"]] == [4.0, 4.0, 4.0]
    assert [figure.n for figure in found["si_sdri"]] == [3, 1, 3]
    assert found["si_sdri"] == song_means([[1.0, 4.0], [2.0, NAN], [9.0, NAN]])
    assert pooled(three)["si_sdri_median"] == [2.0, 4.0, 3.0]


def test_the_second_threshold_has_figures_of_its_own(three):
    louder = summary(three)["si_sdri_47"]
    assert [figure.value for figure in louder][::2] == [4.0, 4.0]
    assert (louder[0].n, louder[1].n) == (2, 0)
    assert math.isnan(louder[1].value)


def test_ghosts_are_pooled_over_all_songs_and_windows():
    levels = np.arange(-100.0, -59.0)  # of one stem, 41 windows in two songs
    made = [
        result(str(k), [[1.0, 1.0]], ghost=table(*([NAN, level] for level in part)))
        for k, part in enumerate((levels[:7], levels[7:]))
    ]
    found = pooled(made)
    assert found["ghost_median"][1:] == [-80.0, -80.0]
    assert found["ghost_p95"][1:] == [-62.0, -62.0]
    assert math.isnan(found["ghost_median"][0])


def test_a_row_as_a_whole_tells_the_worst_of_it(three):
    one, two, three = three
    told = whole([replace(one, null=-90.0, lag=3), replace(two, null=-60.0, lag=-5), replace(three, null=NAN, took=8.0)])
    assert told["worst_null_test"] == -60.0
    assert told["largest_lag"] == 5.0
    assert told["times_real_time"] == 30.0 / 10.0
    assert math.isnan(told["between_seed_std"])
    assert math.isnan(told["pass_through_error"])
    assert math.isnan(whole([replace(one, null=NAN)])["worst_null_test"])
    assert whole([replace(two, null=NAN), one])["worst_null_test"] == -90.0


def test_errors_of_stems_that_play_alone_are_averaged_over_windows():
    made = [
        result("a", [[NAN, NAN]] * 2, error=table([-20.0, NAN], [NAN, NAN])),
        result("b", [[NAN, NAN]], error=table([NAN, -50.0])),
    ]
    assert whole(made)["pass_through_error"] == -35.0


def test_seeds_are_apart_by_the_deviation_of_their_means_over_stems():
    made = [
        result("a", [[1.0, 1.0]], means=[[1.0, 3.0], [3.0, 5.0]]),
        result("b", [[1.0, 1.0]], means=[[0.0, NAN], [0.0, NAN]]),
    ]
    assert whole(made)["between_seed_std"] == pytest.approx((math.sqrt(2) + 0) / 2)


def test_findings_hold_every_song_and_how_much_there_was(three):
    found = findings(("bass", "drums"), {"row": three}, seed=7)
    assert (found["songs"], found["seconds"], found["stems"]) == (3, 30.0, ["bass", "drums"])
    assert found["windows"] == {"active": 2 + 2 + 1, "msdm": 0}
    assert found["bootstrap"]["seed"] == 7
    assert found["rows"]["row"]["si_sdri_by_song"] == {"a": [1.0, 4.0], "b": [2.0, None], "c": [9.0, None]}
    low = song_means([[1.0, 4.0], [2.0, NAN], [9.0, NAN]], 7)[0].low
    assert found["rows"]["row"]["metrics"]["si_sdri"]["bass"] == {"value": 4.0, "low": low, "high": 9.0, "n": 3, "status": "ok"}
