from collections import Counter
from functools import partial

import numpy as np
import pytest

from stemweave.errors import DataError
from stemweave.evaluation.measures.sets import coverage, frechet_distance, kad
from stemweave.evaluation.measures.subsets import Songs, frechet_infinity, interval


def songs(rng, count, shift=0.0, d=3, rows=3):
    """Songs whose rows are alike."""
    centre = shift + rng.standard_normal((count, 1, d))
    return Songs.of(list(centre + 0.4 * rng.standard_normal((count, rows, d))))


@pytest.mark.parametrize("distance", [frechet_distance, partial(kad, width=2.5), partial(coverage, neighbours=8)])
def test_intervals_hold_the_expected_value_and_are_no_wider_than_they_must(distance):
    rng = np.random.default_rng(0)
    pairs = [(songs(rng, 30), songs(rng, 31, 0.8)) for _ in range(300)]
    values = [distance(one.points, other.points) for one, other in pairs]
    found = [interval(distance, one, other, seed, draws=60) for seed, (one, other) in enumerate(pairs[:30])]
    assert [figure.value for figure in found] == values[:30]
    assert sum(figure.low <= np.mean(values) <= figure.high for figure in found) >= 26
    width = np.mean([figure.high - figure.low for figure in found])
    assert width == pytest.approx(2 * 1.96 * np.std(values), rel=0.25)


def test_rows_of_one_song_are_drawn_together():
    """Taking each row for a song of its own would make the interval narrow."""
    rng = np.random.default_rng(1)
    one, other = songs(rng, 30, rows=6), songs(rng, 30, 0.8, rows=6)
    split = [Songs(part.points, np.arange(len(part.points))) for part in (one, other)]
    right, wrong = interval(frechet_distance, one, other), interval(frechet_distance, *split)
    assert wrong.high - wrong.low < 0.6 * (right.high - right.low)
    assert (right.n, wrong.n) == (30, 180)


def test_the_bias_of_halves_is_taken_out_of_the_interval():
    """Twelve songs in twenty dimensions: any half is much farther from another than the whole sets are."""
    rng = np.random.default_rng(8)
    one, other = songs(rng, 12, d=20, rows=1), songs(rng, 12, 0.3, d=20, rows=1)
    figure = interval(frechet_distance, one, other)
    halves = [frechet_distance(one.drawn(6, rng).points, other.drawn(6, rng).points) for _ in range(50)]
    assert figure.low < figure.value < figure.high < min(halves) + np.ptp(halves)
    assert np.mean(halves) > 1.2 * figure.value
    assert (figure.low + figure.high) / 2 == pytest.approx(figure.value, rel=0.05)


def test_intervals_follow_the_seed():
    rng = np.random.default_rng(2)
    one, other = songs(rng, 8), songs(rng, 9)
    assert interval(frechet_distance, one, other, 1, 20) == interval(frechet_distance, one, other, 1, 20)
    assert interval(frechet_distance, one, other, 1, 20) != interval(frechet_distance, one, other, 2, 20)


def test_songs_keep_their_rows():
    each = [np.full((number + 1, 2), float(number)) for number in range(10)]
    whole = Songs.of(each)
    assert whole.count == 10
    part = whole.drawn(4, np.random.default_rng(3))
    assert part.count == 4
    assert (part.points[:, 0] == part.song).all()
    assert all((part.song == song).sum() == song + 1 for song in np.unique(part.song))


@pytest.mark.parametrize("count", [2, 9, 10])
def test_halves_are_disjoint_and_leave_nothing_out(count):
    whole = Songs.of([np.full((3, 2), float(number)) for number in range(count)])
    one, other = whole.halves(seed=4)
    assert abs(one.count - other.count) <= 1
    assert sorted([*np.unique(one.song), *np.unique(other.song)]) == list(range(count))
    assert len(one.points) + len(other.points) == 3 * count
    assert (whole.halves(4)[0].song == one.song).all()


def test_the_limit_for_many_songs_is_nearer_to_the_truth():
    rng = np.random.default_rng(5)
    scale = np.sqrt(1 / np.arange(1, 33))
    reference = Songs.of([rng.standard_normal((20_000, 32)) * scale])
    raws, limits = [], []
    for seed in range(4):
        candidate = Songs.of(list(rng.standard_normal((75, 2, 32)) * scale))
        raws.append(frechet_distance(reference.points, candidate.points))
        limits.append(frechet_infinity(reference, candidate, seed))
    assert np.mean(raws) > 0.1
    assert abs(np.mean(limits)) < 0.2 * np.mean(raws)
    assert max(np.abs(limits)) < 0.5 * min(raws)
    assert frechet_infinity(reference, candidate, 3) == limits[-1]


def test_the_limit_is_told_from_ten_subsets_each_of_50_to_90_percent(monkeypatch):
    drawn, real = [], Songs.drawn

    def spy(self, count, rng):
        part = real(self, count, rng)
        drawn.append((count, part.count))
        return part

    monkeypatch.setattr(Songs, "drawn", spy)
    frechet_infinity(songs(np.random.default_rng(0), 20), songs(np.random.default_rng(1), 20))
    assert Counter(drawn) == {(count, count): 10 for count in (10, 12, 14, 16, 18)}


def test_the_limit_keeps_a_true_distance():
    rng = np.random.default_rng(6)
    reference = Songs.of([rng.standard_normal((5000, 4))])
    candidate = Songs.of(list(1.0 + rng.standard_normal((400, 1, 4))))
    assert frechet_infinity(reference, candidate) == pytest.approx(4.0, abs=0.5)


def test_too_few_songs_are_refused():
    rng = np.random.default_rng(7)
    few, many = songs(rng, 7), songs(rng, 20)
    with pytest.raises(DataError, match="reference set has 7 songs, expected at least 8"):
        interval(frechet_distance, few, many)
    with pytest.raises(DataError, match="candidate set has 7 songs"):
        interval(frechet_distance, many, few)
    with pytest.raises(DataError, match="candidate set has 7 songs"):
        frechet_infinity(many, few)
    with pytest.raises(DataError, match="60 candidate embeddings of 60 dimensions"):
        frechet_infinity(many, songs(rng, 20, d=60))
    with pytest.raises(DataError, match="1 song cannot be halved"):
        songs(rng, 1).halves()


@pytest.mark.parametrize(
    ("each", "message"),
    [
        ([], "of 0 songs"),
        ([np.zeros((2, 3)), np.zeros((2, 4))], "of 2 songs, expected one or more songs of one dimension"),
        ([np.zeros((2, 3)), np.zeros((0, 3))], "song 1 holds 0 embeddings"),
        ([np.full((2, 3), np.nan)], "song 0 holds NaN"),
    ],
)
def test_songs_that_lack_embeddings_are_refused(each, message):
    with pytest.raises(DataError, match=message):
        Songs.of(each)
