import math

import numpy as np
import pytest
from scipy import stats

from stemweave.evaluation.statistics import figures, sign_test, song_means


def test_values_are_ratios_of_sums_and_their_mean_is_last():
    one, two, mean = figures([[2.0, 3.0], [4.0, 0.0]], [[1, 2], [3, 0]])
    assert (one.value, two.value, mean.value) == (1.5, 1.5, 1.5)
    assert (one.n, two.n, mean.n) == (2, 1, 2)


def test_every_song_counts_the_same_and_unmeasured_ones_not_at_all():
    table = [[1.0, np.nan], [3.0, 10.0], [np.nan, 20.0]]
    one, two, mean = song_means(table)
    assert (one.value, two.value, mean.value) == (2.0, 15.0, 8.5)
    assert (one.n, two.n, mean.n) == (2, 2, 3)


def test_the_interval_is_the_percentile_bootstrap_of_songs():
    values = np.random.default_rng(1).normal(5.0, 2.0, 40)
    (figure, _) = song_means(values[:, None], seed=3)
    expected = stats.bootstrap((values,), np.mean, n_resamples=10_000, method="percentile", rng=np.random.default_rng(4))
    assert figure.value == pytest.approx(values.mean())
    assert figure.low == pytest.approx(expected.confidence_interval.low, abs=0.03)
    assert figure.high == pytest.approx(expected.confidence_interval.high, abs=0.03)
    assert figure == song_means(values[:, None], seed=3)[0]
    assert figure != song_means(values[:, None], seed=4)[0]


def test_windows_of_one_song_stay_together():
    """One long song among short ones: its windows do not make the interval narrow."""
    sums, counts = np.array([[100.0], [0.0], [0.0]]), np.array([[100], [1], [1]])
    (figure, _) = figures(sums, counts)
    assert figure.value == pytest.approx(100 / 102)
    assert figure.low == 0.0


def test_nothing_measured_is_nan():
    (figure, mean) = song_means([[np.nan], [np.nan]])
    assert math.isnan(figure.value)
    assert math.isnan(figure.low)
    assert figure.n == mean.n == 0


def test_one_song_has_no_spread():
    (figure, _) = song_means([[3.0]])
    assert (figure.value, figure.low, figure.high) == (3.0, 3.0, 3.0)


@pytest.mark.parametrize(("better", "worse"), [(9, 1), (5, 5), (0, 3), (40, 10)])
def test_the_sign_test_is_a_one_sided_binomial_test(better, worse):
    differences = [0.1] * better + [-0.2] * worse + [0.0] * 4
    expected = stats.binomtest(better, better + worse, alternative="greater").pvalue
    assert sign_test(differences) == pytest.approx(expected)


def test_the_sign_test_of_ties_alone_says_nothing():
    assert sign_test([0.0, 0.0]) == 1.0
