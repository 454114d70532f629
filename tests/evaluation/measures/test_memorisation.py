import numpy as np
import pytest
import torch

from stemweave.errors import DataError
from stemweave.evaluation.embeddings.logmel import LogMelPicture
from stemweave.evaluation.measures import memorisation, sets
from stemweave.evaluation.measures.memorisation import (
    Match,
    Nearest,
    Pair,
    Verdict,
    closest,
    match,
    nearest,
    peak_correlation,
    verdict,
)

RATE = 22050


def music(seconds, seed, stems=2):
    """Decaying notes at times of their own: (stems, 1, samples)."""
    rng = np.random.default_rng(seed)
    audio = np.zeros((stems, round((seconds + 2) * RATE)))
    time = np.arange(RATE) / RATE
    for stem in audio:
        for start in np.cumsum(rng.integers(RATE // 8, RATE // 2, 4 * seconds)):
            if start < seconds * RATE:
                pitch = 55 * 2 ** (rng.uniform(0, 48) / 12)
                overtones = sum(np.sin(2 * np.pi * k * pitch * time) / k for k in range(1, 5))
                stem[start : start + RATE] += rng.uniform(0.1, 0.3) * np.exp(-4 * time) * overtones
    return torch.from_numpy(audio[:, None, : seconds * RATE]).float()


@pytest.fixture(scope="module")
def training():
    return [music(16, 100 + seed) for seed in range(4)]


@pytest.fixture(scope="module")
def pictures(training):
    return [picture(song) for song in training]


def picture(song, hop=1.0):
    return LogMelPicture(hop=hop)(song.sum(0)[0])


def test_a_planted_copy_is_found_at_its_place(training, pictures):
    """From 5.3 s of song 2 to 2 s of clip 1: quieter, upside down, and in noise."""
    clips = [music(9, seed) for seed in range(3)]
    copy = training[2][..., round(5.3 * RATE) : round(12.3 * RATE)]
    noise = torch.randn(copy.shape, generator=torch.Generator().manual_seed(0))
    clips[1][..., 2 * RATE :] = -0.4 * copy + 0.1 * 0.4 * copy.square().mean().sqrt() * noise
    pairs = closest([nearest(picture(clip), pictures) for clip in clips], 3)
    assert [(pair.clip, pair.song) for pair in pairs] == [(1, 2)] * 3
    assert {pair.training_window - pair.window for pair in pairs} == {3}
    assert min(pair.window for pair in pairs) >= 2
    for pair in pairs:
        found = match(pair, clips[pair.clip], training[pair.song], RATE)
        assert found.copied
        assert len(found.correlations) == 3
        assert min(found.correlations) > 0.98
        assert found.seconds == pytest.approx(pair.window + 3.3, abs=1 / RATE)


def test_training_windows_may_lie_closer(training):
    """From 5.5 s of song 2, half way between windows a second apart: nearer when windows are a fifth of a second apart."""
    clip = training[2][..., round(5.5 * RATE) : round(11.5 * RATE)]
    coarse, fine = (nearest(picture(clip), [picture(song, hop) for song in training]) for hop in (1.0, 0.2))
    assert fine.distance.max() < 0.6 * coarse.distance.min()
    for pair in closest([fine], 3):
        assert pair.song == 2
        found = match(pair, clip, training[2], RATE, training_hop=0.2)
        assert found.correlations == pytest.approx((1.0, 1.0, 1.0))
        assert found.seconds == pytest.approx(pair.window + 5.5)


def test_strangers_are_no_copies(training, pictures):
    clips = [music(6, 10 + seed) for seed in range(3)]
    for pair in closest([nearest(picture(clip), pictures) for clip in clips], 3):
        assert not match(pair, clips[pair.clip], training[pair.song], RATE).copied


def test_a_copy_of_one_stem_is_one_too(training):
    clip = music(6, 20)
    clip[1] = training[0][1, :, 3 * RATE : 9 * RATE]
    found = match(Pair(0.1, 0, 1, 0, 3), clip, training[0], RATE)
    assert found.correlations[1] == pytest.approx(1.0, abs=1e-6)
    assert found.correlations[0] < 0.5
    assert found.seconds == 4.0
    assert found.copied


def test_the_nearest_is_that_of_a_double_loop(monkeypatch):
    rng = np.random.default_rng(0)
    clip, songs = rng.standard_normal((5, 4)), [rng.standard_normal((n, 4)) for n in (3, 1, 7)]

    def cosine(a, b):
        return 1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b)

    expected = [
        min((cosine(row, other), song, window) for song, points in enumerate(songs) for window, other in enumerate(points))
        for row in clip
    ]
    for cells in (1 << 22, 10):
        monkeypatch.setattr(sets, "CELLS", cells)
        found = nearest(clip, iter(songs))
        assert found.distance == pytest.approx([distance for distance, _, _ in expected])
        assert list(zip(found.song, found.window, strict=True)) == [(song, window) for _, song, window in expected]


def test_silence_is_like_nothing():
    found = nearest(np.zeros((2, 3)), [np.zeros((2, 3)), np.ones((1, 3))])
    assert found.distance == pytest.approx([1.0, 1.0])


def test_the_closest_come_first_and_know_their_place():
    clips = [
        Nearest(np.array([0.5, 0.1]), np.array([3, 4]), np.array([7, 8])),
        Nearest(np.array([0.3]), np.array([5]), np.array([9])),
    ]
    assert closest(clips, 2) == [Pair(0.1, 0, 1, 4, 8), Pair(0.3, 1, 0, 5, 9)]
    assert len(closest(clips * 30)) == 50


def test_the_peak_is_that_of_a_slow_search():
    rng = np.random.default_rng(1)
    query, song = rng.standard_normal((2, 40)), rng.standard_normal((2, 120))
    for start in (0, 10, 60, 110):
        padded = np.pad(song, ((0, 0), (30, 80)))
        values = []
        for at in range(start - 30, start + 31):
            segment = padded[:, at + 30 : at + 70]
            norm = np.linalg.norm(segment) * np.linalg.norm(query)
            values.append(abs((segment * query).sum()) / norm if norm > 0 else 0.0)
        found = peak_correlation(torch.from_numpy(query), torch.from_numpy(song), start, 30)
        assert found.correlation == pytest.approx(max(values))
        assert found.start == start - 30 + int(np.argmax(values))


def test_silence_correlates_with_nothing():
    song = torch.zeros(1, 100)
    song[0, 50:] = 1e-4
    for query in (torch.zeros(1, 20), torch.ones(1, 20)):
        assert peak_correlation(query, song, 40, 10).correlation == 0.0
        assert peak_correlation(1e-4 * query, 1e4 * song, 40, 10).correlation == 0.0


def test_stems_and_the_mixture_are_slid_by_two_seconds():
    """At 50 Hz, where every place can be tried: 4 s of the clip, from 2 s before the training window to 2 s after."""
    rng = np.random.default_rng(7)
    clip, song = rng.standard_normal((2, 1, 500)), rng.standard_normal((2, 1, 900))
    found = match(Pair(0.1, 0, 3, 0, 6), torch.from_numpy(clip), torch.from_numpy(song), 50)
    query, padded = clip[..., 150:350], np.pad(song, ((0, 0), (0, 0), (0, 200)))
    places, expected = range(200, 401), []
    for one, other in zip((*query, query.sum(0)), (*padded, padded.sum(0)), strict=True):
        cuts = [other[:, at : at + 200] for at in places]
        expected.append([abs((one * cut).sum()) / np.linalg.norm(one) / np.linalg.norm(cut) for cut in cuts])
    assert found.correlations == pytest.approx(tuple(max(each) for each in expected))
    best = max(expected, key=max)
    assert found.seconds == pytest.approx(places[int(np.argmax(best))] / 50)


@pytest.mark.parametrize(("correlation", "copied"), [(0.499, False), (0.5, True)])
def test_half_a_correlation_is_a_copy(correlation, copied):
    assert Match(Pair(0.1, 0, 0, 0, 0), (0.1, correlation, 0.2), 0.0).copied == copied


@pytest.mark.parametrize(("p", "alarm"), [(0.0099, True), (0.01, False), (0.4, False)])
def test_an_alarm_takes_one_percent(p, alarm):
    assert Verdict((0.1,) * 4, (0.2,) * 4, p).alarm == alarm


def distances(rng, clips, windows=9, low=0.2):
    """Of clips whose windows are alike."""
    return [rng.uniform(low, 0.5) + 0.05 * rng.random(windows) for _ in range(clips)]


def test_independent_clips_raise_no_alarm(monkeypatch):
    monkeypatch.setattr(memorisation, "PERMUTATIONS", 150)
    ps = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        ps.append(verdict(distances(rng, 12), distances(rng, 15), seed).p)
    assert sum(p < 0.05 for p in ps) <= 4
    assert 0.25 < np.mean(ps) < 0.75


def test_many_near_clips_raise_one_and_many_far_ones_do_not():
    rng = np.random.default_rng(3)
    near, far = distances(rng, 12, low=0.0), distances(rng, 12, low=0.35)
    found = verdict(near, far, seed=4)
    assert found.alarm
    assert found.p >= 1 / 2001, "what was observed is one of the permutations"
    assert found.generated == pytest.approx(np.quantile(np.concatenate(near), [0.001, 0.01, 0.05, 0.5]))
    assert found.held_out == pytest.approx(np.quantile(np.concatenate(far), [0.001, 0.01, 0.05, 0.5]))
    assert verdict(near, far, seed=4) == found
    assert verdict(far, near, seed=4).p > 0.9


def test_a_verdict_needs_several_clips():
    rng = np.random.default_rng(5)
    for generated, held_out in ((distances(rng, 1), distances(rng, 9)), (distances(rng, 9), distances(rng, 4))):
        with pytest.raises(DataError, match="expected at least 5"):
            verdict(generated, held_out)
    with pytest.raises(DataError, match="finite distances"):
        verdict([*distances(rng, 5), np.array([np.nan])], distances(rng, 5))
    with pytest.raises(DataError, match="6 held-out clips"):
        verdict(distances(rng, 5), [*distances(rng, 5), np.array([])])


def test_what_cannot_be_compared_is_refused(training):
    points = np.ones((2, 3))
    for clip, songs, message in (
        (points, [], "no training songs"),
        (points * np.nan, [points], "the clip holds NaN"),
        (points[:0], [points], "the clip holds 0"),
        (points, [points, points * np.inf], "training song 1 holds NaN"),
        (points, [np.ones((2, 4))], "training song 0 has 4 dimensions, the clip 3"),
    ):
        with pytest.raises(DataError, match=message):
            nearest(clip, songs)
    clip, pair = music(5, 30), Pair(0.1, 0, 0, 0, 0)
    for one, other, which, message in (
        (clip[:1], training[0], pair, "same stems and channels"),
        (clip, training[0] * torch.nan, pair, "the training song holds NaN"),
        (clip[0], training[0], pair, "the clip has shape"),
        (clip, training[0], Pair(0.1, 0, 9, 0, 0), "expected a place inside"),
        (clip, training[0], Pair(0.1, 0, 0, 0, 99), "expected a place inside"),
    ):
        with pytest.raises(DataError, match=message):
            match(which, one, other, RATE)
