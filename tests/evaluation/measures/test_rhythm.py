import math

import numpy as np
import pytest

from stemweave.errors import DataError, UsageError
from stemweave.evaluation.measures.rhythm import deviations, interval_std, rhythm, shared_windows

NONE = np.empty(0)


def at(*seconds):
    return np.array(seconds, float)


def drawn(seed, stems=4, seconds=20.0):
    """Stems that keep a tempo badly and leave beats out; some have one beat or none."""
    rng = np.random.default_rng(seed)
    grid = np.arange(0.3, seconds, rng.uniform(0.4, 0.8))
    made = []
    for _ in range(stems):
        beats = grid[rng.random(len(grid)) < rng.choice([0.0, 0.05, 0.6, 1.0])]
        made.append(np.sort(beats + rng.normal(0, 0.04, len(beats))))
    return made


def test_steadiness_by_hand():
    assert interval_std(at(0, 1, 2, 4)) == pytest.approx(math.sqrt(2) / 3)
    assert interval_std(at(0.5, 1.0, 1.5)) == pytest.approx(0)
    assert interval_std(at(0.5, 3.0)) == 0
    assert math.isnan(interval_std(at(0.5)))
    assert math.isnan(interval_std(NONE))


def test_shared_windows_by_hand():
    assert shared_windows([at(0.1, 1.1, 2.1), at(0.2, 1.9)], 1.0) == pytest.approx((1 + 1 + 0.5) / 3)
    assert shared_windows([at(0.1, 1.1, 2.1), at(0.2, 1.9), at(2.5)], 1.0) == pytest.approx((2 / 3 + 2 / 3 + 2 / 3) / 3)
    assert shared_windows([at(0.1, 0.4), at(0.2)], 1.0) == 1.0
    assert shared_windows([at(0.1, 0.4), at(0.2)], 0.15) == pytest.approx((0.5 + 0.5 + 0.5) / 3)


def test_a_beat_across_a_grid_line_is_missed_and_silence_is_not():
    assert shared_windows([at(0.99), at(1.01)], 1.0) == 0.5
    assert shared_windows([at(0.99), at(1.01), NONE, NONE], 1.0) == 0.5
    assert math.isnan(shared_windows([at(0.99), NONE], 1.0))
    assert math.isnan(shared_windows([], 1.0))


def test_deviations_by_hand():
    expected = [0.2, math.nan, 0.8, 0.1 / 0.75, 0.4 / 0.75]
    assert deviations([at(0, 1, 2), at(0.1, 1.6)]) == pytest.approx(expected, nan_ok=True)
    assert deviations([at(0, 1, 2), NONE, at(0.1, 1.6)]) == pytest.approx(expected, nan_ok=True)


def test_the_interval_is_that_on_the_side_of_the_nearest_beat():
    assert deviations([at(0, 1, 3), at(1.2)]) == pytest.approx([math.nan, 0.2, math.nan], nan_ok=True)
    assert deviations([at(0, 1, 3), at(0.8)]) == pytest.approx([math.nan, 0.4, math.nan], nan_ok=True)
    assert deviations([at(2, 3, 5), at(1.9)]) == pytest.approx([0.2, math.nan, math.nan], nan_ok=True)
    assert deviations([at(2, 3, 5), at(5.5)]) == pytest.approx([math.nan, math.nan, 0.5], nan_ok=True)


def test_lonely_beats_and_stems_ask_for_nothing():
    assert len(deviations([at(1.0), at(1.1)])) == 0
    assert len(deviations([at(1.0, 2.0), NONE])) == 0
    assert len(deviations([])) == 0


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("width", [0.07, 0.15])
def test_shared_windows_counted_one_by_one(seed, width):
    stems = [beats for beats in drawn(seed) if len(beats)]
    shares = []
    for k in range(int(25 / width)):
        here = [any(k * width <= beat < (k + 1) * width for beat in beats) for beats in stems]
        if any(here):
            shares.append(sum(here) / len(stems))
    expected = sum(shares) / len(shares) if len(stems) > 1 else math.nan
    assert shared_windows(drawn(seed), width) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("seed", range(8))
def test_deviations_one_by_one(seed):
    stems, expected = drawn(seed), []
    for i, beats in enumerate(stems):
        for j, others in enumerate(stems):
            if i == j or len(beats) < 2 or len(others) < 1:
                continue
            for k, beat in enumerate(beats):
                partner = min(others, key=lambda other, beat=beat: abs(other - beat))
                left = (k, k - 1) if k else (1, 0)
                right = (k + 1, k) if k + 1 < len(beats) else (k, k - 1)
                late, early = right if partner >= beat else left
                half = (beats[late] - beats[early]) / 2
                expected.append(abs(partner - beat) / half if abs(partner - beat) <= half else math.nan)
    assert deviations(stems) == pytest.approx(expected, nan_ok=True)


def test_figures_over_clips():
    both = {"bass": at(0, 1, 2, 4), "drums": at(0.1, 1.1, 2.1, 3.1)}
    alone = {"drums": at(0, 1, 3), "bass": NONE}
    mute = {"bass": NONE, "drums": NONE}
    measured = rhythm([both, alone, mute], 0.5)
    assert measured.width == 0.5
    assert measured.clips == {0: 1, 1: 1, 2: 1}
    bass, drums = measured.irs["bass"], measured.irs["drums"]
    assert (bass.value, bass.n) == (pytest.approx(math.sqrt(2) / 3), 1)
    assert (drums.value, drums.n) == (pytest.approx((0 + 0.5) / 2), 2)
    assert measured.irs["all"].value == pytest.approx((bass.value + drums.value) / 2)
    assert (measured.cbs.value, measured.cbs.n) == (pytest.approx((3 + 0.5 + 0.5) / 5), 1)
    assert {count: figure.value for count, figure in measured.cbs_at.items()} == {2: measured.cbs.value}
    errors = deviations(list(both.values()))
    assert np.isnan(errors).sum() == 1
    assert measured.alone.value == pytest.approx(1 / 8)
    for name, of in (("std", np.nanstd), ("mean", np.nanmean), ("median", np.nanmedian)):
        assert (measured.cbd[name].value, measured.cbd[name].n) == (pytest.approx(of(errors)), 1)


def test_clips_are_compared_at_equal_numbers_of_stems():
    two = {"a": at(0.1, 1.1), "b": at(0.2, 2.1), "c": NONE}
    three = {"a": at(0.1, 1.1), "b": at(0.2), "c": at(1.2)}
    measured = rhythm([two, two, three], 1.0)
    assert measured.clips == {2: 2, 3: 1}
    assert {count: figure.value for count, figure in measured.cbs_at.items()} == pytest.approx({2: 2 / 3, 3: 2 / 3})
    assert {count: figure.n for count, figure in measured.cbs_at.items()} == {2: 2, 3: 1}


def test_clips_without_any_pair_measure_nothing():
    measured = rhythm([{"a": at(1.0), "b": NONE}], 0.1)
    values = [measured.cbs, measured.alone, *measured.cbd.values(), *measured.irs.values()]
    assert all(math.isnan(figure.value) and figure.n == 0 for figure in values)


def test_bad_beats_are_refused():
    with pytest.raises(DataError, match="no clips"):
        rhythm([], 0.1)
    with pytest.raises(DataError, match="clip 1 has stems b, the first a; give all the same"):
        rhythm([{"a": NONE}, {"b": NONE}], 0.1)
    for beats in (at(1, math.nan), at(2, 1), at(1, 1), at(-0.5), at(1)[None]):
        with pytest.raises(DataError, match="clip 0: the beats of a are not finite and ascending from 0 s on"):
            rhythm([{"a": beats}], 0.1)
    for width in (0.0, -1.0, math.nan):
        with pytest.raises(UsageError, match="cannot hold beats; give a width above 0"):
            shared_windows([at(1), at(1)], width)
    assert rhythm([{"a": at(0.0, 1.0)}], 0.1).irs["a"].value == 0.0
