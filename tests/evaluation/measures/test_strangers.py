from collections import Counter

import numpy as np
import pytest
import torch

from stemweave.audio.stems import Stems
from stemweave.errors import DataError
from stemweave.evaluation.measures.strangers import alike, dealt, strangers


def songs(*samples, rate=8000, names=("a", "b")):
    return [Stems(names, torch.ones(len(names), 1, n), rate) for n in samples]


@pytest.mark.parametrize("of", ["ab", "abc", "aabb", "aabbbc", "abcdefgh", "aaabbcdde", "abababcc"])
def test_nothing_meets_its_own_song_and_each_is_used_once(of):
    for seed in range(30):
        partner = strangers(of, np.random.default_rng(seed))
        assert sorted(partner) == list(range(len(of)))
        assert all(of[k] != of[partner[k]] for k in range(len(of)))


def test_a_dealt_band_keeps_its_first_stem_and_no_other():
    of = "aabbbccd"
    first, *others = dealt(of, 4, np.random.default_rng(0))
    assert first.tolist() == list(range(len(of)))
    assert len(others) == 3
    for taken in others:
        assert sorted(taken) == list(range(len(of)))
        assert all(of[k] != of[taken[k]] for k in range(len(of)))
    assert len({tuple(taken) for taken in others}) == 3
    with pytest.raises(DataError, match="one song holds"):
        dealt("aab", 2, np.random.default_rng(0))


def test_every_stranger_is_equally_likely():
    drawn = Counter((k, int(other)) for seed in range(1200) for k, other in enumerate(strangers("abcd", rng(seed))))
    assert len(drawn) == 12
    assert all(count == pytest.approx(400, abs=70) for count in drawn.values())
    assert (strangers("abcdefgh", rng(1)) == strangers("abcdefgh", rng(1))).all()


def rng(seed):
    return np.random.default_rng(seed)


@pytest.mark.parametrize(("of", "said"), [("", "1 of 0"), ("a", "1 of 1"), ("aab", "2 of 3"), ("aaabc", "3 of 5")])
def test_a_song_cannot_be_a_stranger_to_itself(of, said):
    with pytest.raises(DataError, match=f"one song holds {said} excerpts, expected at most half; give more songs"):
        strangers(of, rng(0))


def test_songs_that_can_be_laid_over_one_another():
    alike(songs(50, 50), ["b"])
    with pytest.raises(DataError, match="1 songs, expected at least 2"):
        alike(songs(50), ["a"])
    with pytest.raises(DataError, match="song 0 holds a, b, expected also c, d"):
        alike(songs(50, 50), ["c", "a", "d"])
    with pytest.raises(DataError, match=r"song 1 has \(Hz, samples\) \(8000, 49\), the first \(8000, 50\); cut excerpts"):
        alike(songs(50, 49), ["a"])
    with pytest.raises(DataError, match=r"song 1 has \(Hz, samples\) \(44100, 50\)"):
        alike([*songs(50), *songs(50, rate=44100)], ["a"])
    with pytest.raises(DataError, match="song 0 has shape"):
        alike(songs(0, 0), ["a"])
    broken = songs(50, 50)
    broken[1].audio[0, 0, 3] = torch.nan
    with pytest.raises(DataError, match="song 1 holds NaN"):
        alike(broken, ["a"])
