from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
import torch
from scipy import stats

from stemweave.audio.stems import Stems
from stemweave.errors import DataError, UsageError
from stemweave.evaluation.measures.coherence import chroma, onsets
from stemweave.evaluation.measures.gap import CHROMA, ONSET, Pairing, coupling, gap

RATE = 22050


def wave(audio, rate):
    """A feature that is the sound itself."""
    return audio.mean(0)


AB, CB = Pairing(wave, "a", "b"), Pairing(wave, "c", "b")


def trios(count, shared, seed=0, samples=60):
    """Songs of three noises, in which b and c hold so much of a."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        a, b, c = rng.standard_normal((3, samples))
        made.append(np.stack([a, shared * a + b, shared * a + c])[:, None])
    return [Stems(("a", "b", "c"), torch.from_numpy(audio).float(), RATE) for audio in made]


def pearson(songs, one, other, pairing=AB):
    x, y = (songs[k][name][0] for k, name in ((one, pairing.one), (other, pairing.other)))
    return np.corrcoef(x, y)[0, 1]


def test_matched_and_shuffled_are_means_of_pearsons():
    songs = trios(3, 0.7)
    measured = coupling(songs, [AB, CB], draws=400, seed=1)
    matched = np.array([[pearson(songs, k, k, p) for p in (AB, CB)] for k in range(3)])
    foreign = np.array([[np.mean([pearson(songs, k, j, p) for j in range(3) if j != k]) for p in (AB, CB)] for k in range(3)])
    assert measured.matched.value == pytest.approx(matched.mean(), abs=1e-6)
    assert measured.shuffled.value == pytest.approx(foreign.mean(), abs=0.02)
    assert measured.by_song == pytest.approx((matched - foreign).mean(1), abs=0.02)
    assert measured.difference.value == pytest.approx(np.mean(measured.by_song))
    assert measured.difference.low <= measured.difference.value <= measured.difference.high
    assert (measured.matched.n, measured.skipped) == (3, 0)


def test_two_songs_have_one_way_to_be_shuffled():
    songs = trios(2, 0.5)
    measured = coupling(songs, [AB], draws=1)
    assert measured.shuffled.value == pytest.approx((pearson(songs, 0, 1) + pearson(songs, 1, 0)) / 2, abs=1e-6)


@pytest.mark.parametrize("shared", [0.0, 0.15, 0.4])
def test_p_is_the_share_of_permutations_that_are_as_alike(shared):
    songs = trios(6, shared, seed=3)
    table = np.array([[pearson(songs, i, j) for j in range(6)] for i in range(6)])
    means = [table[range(6), order].mean() for order in permutations(range(6))]
    exact = np.mean([mean >= means[0] - 1e-12 for mean in means])
    assert coupling(songs, [AB]).p == pytest.approx(exact, abs=0.02)


def test_p_of_several_pairings_permutes_each_of_them():
    songs = trios(4, 0.2, seed=5)
    tables = [np.array([[pearson(songs, i, j, p) for j in range(4)] for i in range(4)]) for p in (AB, CB)]
    one, two = ([t[range(4), order].sum() for order in permutations(range(4))] for t in tables)
    sums = np.add.outer(one, two).ravel()
    assert coupling(songs, [AB, CB]).p == pytest.approx(np.mean(sums >= sums[0] - 1e-12), abs=0.02)


def test_songs_that_are_all_the_same_are_no_more_alike_than_strangers():
    """Every permutation is as alike as the songs are, whatever rounding says."""
    songs = [Stems(one.names, one.audio.clone(), RATE) for one in trios(1, 0.5) * 7]
    measured = coupling(songs, [AB, CB])
    assert measured.p == 1.0
    assert measured.difference.value == pytest.approx(0.0, abs=1e-12)


def test_unrelated_stems_have_uniform_p_and_an_interval_around_zero():
    made = [coupling(trios(8, 0.0, seed), [AB]) for seed in range(10, 20)]
    assert 0.25 < np.mean([m.p for m in made]) < 0.75
    assert sum(m.difference.low <= 0 <= m.difference.high for m in made) >= 7


def test_silent_stems_are_skipped_counted_and_never_laid_over_anything():
    songs = trios(5, 0.6)
    songs[1].audio[0] = 0.0
    songs[4].audio[:2] = 1e-4
    measured = coupling(songs, [AB, CB], draws=1)
    assert measured.skipped == 3
    assert measured.matched.n == 4
    kept = {AB: (0, 2, 3), CB: (0, 1, 2, 3)}
    expected = [np.mean([pearson(songs, k, k, p) for p in (AB, CB) if k in kept[p]]) for k in range(4)]
    assert measured.matched.value == pytest.approx(np.mean(expected), abs=1e-6)
    alone = coupling([songs[k] for k in kept[AB]], [AB], draws=1, seed=7)
    assert coupling(songs, [AB], draws=1, seed=7) == replace(alone, skipped=2)
    songs[0].audio[0] = songs[2].audio[0] = 0.0
    with pytest.raises(DataError, match="a and b both sound in 1 of 5 songs, expected at least 2; give more songs, or"):
        coupling(songs, [AB])


def test_songs_that_do_not_fit_are_refused():
    with pytest.raises(UsageError, match="0 pairings and 10 draws, expected at least one of each"):
        coupling(trios(3, 0.5), [])
    with pytest.raises(UsageError, match="1 pairings and 0 draws"):
        coupling(trios(3, 0.5), [AB], draws=0)
    with pytest.raises(DataError, match="song 0 holds a, b, c, expected also guitar"):
        coupling(trios(3, 0.5), [Pairing(wave, "a", "guitar")])
    with pytest.raises(DataError, match="cut excerpts of one length"):
        coupling([*trios(3, 0.5), *trios(1, 0.5, samples=59)], [AB])


def test_the_gap_goes_from_strangers_to_real_songs():
    real = coupling(trios(24, 0.8, 1), [AB, CB])
    assert gap(real, real).value == 1.0
    half, none = (gap(coupling(trios(24, shared, 2), [AB, CB]), real) for shared in (0.3, 0.0))
    assert none.low < 0 < none.high
    assert none.high < half.low < half.high < 1
    assert gap(real, real, seed=3) == gap(real, real, seed=3) != gap(real, real, seed=4)


def test_its_interval_resamples_the_songs_of_both_sides():
    made, real = coupling(trios(15, 0.4, 8), [AB]), coupling(trios(12, 0.8, 9), [AB])
    figure = gap(made, real)
    expected = stats.bootstrap(
        (made.by_song, real.by_song),
        lambda a, b, axis: a.mean(axis) / b.mean(axis),
        n_resamples=10_000,
        method="percentile",
        rng=np.random.default_rng(1),
    ).confidence_interval
    assert figure.value == pytest.approx(np.mean(made.by_song) / np.mean(real.by_song))
    assert (figure.low, figure.high) == pytest.approx(expected, abs=0.02)
    assert figure.n == 15


def test_real_songs_without_coherence_give_no_scale():
    made = coupling(trios(20, 0.8), [AB])
    with pytest.raises(DataError, match=r"hardly more alike than strangers' .* expected an interval above 0; give more"):
        gap(made, coupling(trios(20, 0.0, 4), [AB]))


def band(seed):
    """Bass, guitar and piano that play one melody in three octaves on the beats of the drums."""
    rng = np.random.default_rng(seed)
    length, notes, step = 3 * RATE, rng.integers(0, 12, 8), int(rng.integers(5000, 8000))
    stems = dict.fromkeys(("bass", "drums", "guitar", "piano"))
    for name, octave in (("bass", 36), ("guitar", 48), ("piano", 60)):
        audio = np.zeros(length + step)
        for k, note in enumerate(notes):
            time = np.arange(max(min(step, length - k * step), 0)) / RATE
            tone = np.sin(2 * np.pi * 440 * 2 ** ((octave + note - 69) / 12) * np.outer((1, 2, 3), time)).sum(0)
            audio[k * step : k * step + len(time)] = tone * np.exp(-4 * time)
        stems[name] = audio[:length]
    stems["drums"] = rng.standard_normal(length) * np.exp(-(np.arange(length) % step) / 1000)
    return Stems(tuple(stems), torch.from_numpy(np.stack(list(stems.values()))[:, None]).float() * 0.1, RATE)


def test_the_pairs_of_stems_are_those_of_the_harmony_and_of_the_rhythm():
    assert [(pair.feature, pair.one, pair.other) for pair in CHROMA] == [(chroma, "guitar", "piano"), (chroma, "bass", "piano")]
    assert [(pair.feature, pair.one, pair.other) for pair in ONSET] == [(onsets, "drums", "bass"), (onsets, "drums", "guitar")]


def test_bands_that_play_together_are_told_from_strangers():
    songs = [band(seed) for seed in range(5)]
    for pairings in (CHROMA, ONSET):
        measured = coupling(songs, pairings)
        assert measured.difference.low > 0.1
        assert measured.p < 0.02
