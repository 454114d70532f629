import math

import numpy as np
import pytest
from scipy import stats

from stemweave.errors import DataError
from stemweave.evaluation.comparison import compare, holm, paired, sign_flip_test


def drawn(seed, *shape, mean=0.0):
    return np.random.default_rng(seed).normal(mean, 1.0, shape)


# --- pairs


def test_pairs_are_matched_by_song_not_by_order():
    assert paired({"a": 5.0, "b": 1.0}, {"b": 3.0, "a": 1.0}).tolist() == [4.0, -2.0]


def test_seeds_are_averaged_inside_the_song_first():
    one = {"a": [1.0, 2.0, 6.0], "b": [4.0, 4.0, 4.0]}
    assert paired(one, {"a": 1.0, "b": [1.0, 3.0]}).tolist() == [2.0, 2.0]


def test_songs_measured_by_neither_are_left_out():
    assert paired({"a": math.nan, "b": [2.0, 4.0]}, {"a": [math.nan, math.nan], "b": 1.0}).tolist() == [2.0]


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        ({"a": 1.0, "b": 2.0}, {"a": 1.0}, "only one of the two systems has b;"),
        ({f"s{k}": 1.0 for k in range(8)}, {}, "s0, s1, s2, s3, s4 and 3 more"),
        ({"a": 1.0, "b": math.nan}, {"a": 1.0, "b": 2.0}, "a value for b, expected both or neither"),
        ({"a": math.inf}, {"a": 1.0}, "expected a finite number"),
        ({"a": []}, {"a": 1.0}, "expected a finite number"),
        ({"a": [[1.0]]}, {"a": 1.0}, "expected a finite number"),
    ],
)
def test_what_cannot_be_paired_is_said(one, other, message):
    with pytest.raises(DataError, match=message):
        paired(one, other)


# --- the verdict


def test_the_interval_is_that_of_the_paired_bootstrap():
    one, other = drawn(0, 30, mean=1.0), drawn(1, 30)
    comparison = compare(one - other, seed=2)
    expected = stats.bootstrap(
        (one, other), lambda a, b: np.mean(a - b), paired=True, vectorized=False, n_resamples=2000, method="percentile", rng=3
    ).confidence_interval
    assert comparison.difference.value == pytest.approx((one - other).mean())
    assert comparison.difference.low == pytest.approx(expected.low, abs=0.05)
    assert comparison.difference.high == pytest.approx(expected.high, abs=0.05)
    assert comparison.difference.n == 30
    assert comparison == compare(one - other, seed=2)


def test_better_and_worse_only_where_the_interval_excludes_zero():
    noise = drawn(0, 40) - drawn(0, 40).mean()
    verdicts = [compare(noise + shift) for shift in (-1.0, -0.2, 0.0, 0.2, 1.0)]
    assert [v.better for v in verdicts] == [False, False, False, False, True]
    assert [v.worse for v in verdicts] == [True, False, False, False, False]
    assert verdicts[4].p < 0.001 < 0.05 < verdicts[3].p


def test_the_same_songs_twice_are_neither_better_nor_worse():
    verdict = compare(np.zeros(10))
    assert (verdict.better, verdict.worse, verdict.p) == (False, False, 1.0)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    """200 studies of 25 songs; the percentile bootstrap of so few covers a little less than 95 %."""
    intervals = [compare(drawn(k, 25, mean=0.3), seed=k, resamples=300).difference for k in range(200)]
    covered = np.mean([interval.low <= 0.3 <= interval.high for interval in intervals])
    assert 0.88 <= covered <= 0.975


# --- permutation test


def test_few_songs_are_tested_exactly():
    differences = drawn(5, 10, mean=0.6)
    expected = stats.permutation_test(
        (differences,), lambda x, axis: np.mean(x, axis=axis), permutation_type="samples", n_resamples=np.inf
    ).pvalue
    assert sign_flip_test(differences) == pytest.approx(expected, abs=1e-12)
    assert sign_flip_test(differences, seed=1) == sign_flip_test(differences, seed=2)


def test_beyond_ten_thousand_ways_to_flip_signs_they_are_drawn():
    differences = drawn(5, 14, mean=0.3)
    assert sign_flip_test(differences[:13], seed=1) == sign_flip_test(differences[:13], seed=2)
    assert sign_flip_test(differences, seed=1) != sign_flip_test(differences, seed=2)


def test_all_signs_alike_are_as_rare_as_two_in_all():
    for songs in (1, 4, 6, 13):
        assert sign_flip_test(np.arange(1.0, songs + 1)) == 2 / 2**songs


def test_many_songs_are_tested_by_seeded_draws():
    differences = drawn(6, 60, mean=0.3)
    expected = stats.permutation_test(
        (differences,), lambda x, axis: np.mean(x, axis=axis), permutation_type="samples", n_resamples=20_000, rng=1
    ).pvalue
    assert sign_flip_test(differences, seed=1) == pytest.approx(expected, abs=0.006)
    assert sign_flip_test(differences, seed=1) == sign_flip_test(differences, seed=1)
    assert sign_flip_test(np.full(60, 1.0), resamples=999) == 1 / 1000


def test_it_agrees_with_wilcoxon_in_direction():
    strong, none = drawn(7, 12, mean=1.5), drawn(8, 12) - drawn(8, 12).mean()
    for p in (sign_flip_test, lambda d: stats.wilcoxon(d).pvalue):
        assert p(strong) < 0.01 < 0.5 < p(none)


def test_without_a_difference_small_p_values_are_as_rare_as_they_say():
    p = np.array([sign_flip_test(drawn(k, 8)) for k in range(300)])
    assert 0.02 <= np.mean(p <= 0.05) <= 0.085
    assert 0.42 <= np.mean(p <= 0.5) <= 0.58


@pytest.mark.parametrize("differences", [[], [1.0, math.nan], [[1.0, 2.0]], 3.0])
def test_differences_are_one_finite_number_per_song(differences):
    with pytest.raises(DataError, match="one finite number per song"):
        sign_flip_test(differences)


def test_five_songs_are_too_few_for_a_verdict():
    with pytest.raises(DataError, match="5 songs, expected at least 6"):
        compare(np.ones(5))
    assert compare(np.ones(6)).p < 0.05


# --- several comparisons


def test_holm_by_hand():
    """Sorted .005 .01 .03 .04 times 4 3 2 1 is .02 .03 .06 .04, and no value may be below the one before: .06 .06."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.5]).tolist() == [1.0, 1.0]
    assert holm([0.04]).tolist() == [0.04]
    assert holm([]).tolist() == []


def test_holm_keeps_the_risk_of_any_false_claim():
    p = np.random.default_rng(0).random((2000, 5))
    assert np.mean([(holm(row) <= 0.05).any() for row in p]) == pytest.approx(0.05, abs=0.015)
    assert np.mean((p <= 0.05).any(1)) > 0.2


@pytest.mark.parametrize("p", [[0.5, 1.2], [-0.1], [math.nan], [[0.1]]])
def test_holm_takes_p_values(p):
    with pytest.raises(DataError, match="not p-values"):
        holm(p)
