import math

import numpy as np
import pytest
from scipy import stats

from stemweave.evaluation.statistics import figures, sign_test, song_means, song_medians


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
    assert figure == song_means(values[:, None], seed=3, resamples=10_000)[0]


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


def test_medians_over_songs_and_their_mean_is_last():
    table = [[1.0, np.nan, np.nan], [2.0, 5.0, np.nan], [9.0, 7.0, np.nan]]
    *columns, mean = song_medians(table)
    assert [column.value for column in columns[:2]] == [2.0, 6.0]  # of 5 and 7: the mean of the middle two
    assert math.isnan(columns[2].value)
    assert math.isnan(columns[2].low)
    assert mean.value == 4.0
    assert [column.n for column in (*columns, mean)] == [3, 2, 0, 3]


def test_the_interval_of_a_median_is_the_percentile_bootstrap_of_songs():
    values = np.random.default_rng(1).normal(5.0, 2.0, (41, 2))
    values[:5, 1] = np.nan
    one, two, mean = song_medians(values, seed=3, resamples=500)
    drawn = values[np.random.default_rng(3).integers(41, size=(500, 41))]
    medians = np.nanmedian(drawn, 1)
    for figure, resampled in ((one, medians[:, 0]), (two, medians[:, 1]), (mean, medians.mean(1))):
        assert (figure.low, figure.high) == pytest.approx(np.quantile(resampled, (0.025, 0.975)), abs=1e-12)
    expected = stats.bootstrap((values[:, 0],), np.median, n_resamples=5000, method="percentile", rng=np.random.default_rng(4))
    assert song_medians(values[:, :1])[0].low == pytest.approx(expected.confidence_interval.low, abs=0.1)
    assert song_medians([[3.0]])[0].low == 3.0


def test_an_infinite_value_counts_as_the_largest():
    """A song of one stem alone has no interference: its SIR is infinite."""
    figure, _ = song_medians([[1.0], [2.0], [np.inf]])
    assert (figure.value, figure.n) == (2.0, 3)


@pytest.mark.parametrize(("better", "worse"), [(9, 1), (5, 5), (0, 3), (40, 10)])
def test_the_sign_test_is_a_one_sided_binomial_test(better, worse):
    differences = [0.1] * better + [-0.2] * worse + [0.0] * 4
    expected = stats.binomtest(better, better + worse, alternative="greater").pvalue
    assert sign_test(differences) == pytest.approx(expected)


def test_the_sign_test_of_ties_alone_says_nothing():
    assert sign_test([0.0, 0.0]) == 1.0
