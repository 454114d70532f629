import numpy as np
import pytest
import torch

from stemweave.errors import DataError
from stemweave.evaluation.protocols.excerpts import embedded, excerpts, one_each, whole

NAMES, RATE = ("bass", "drums", "piano"), 22050


def test_excerpts_are_spread_over_a_song_and_know_where_they_are(songs):
    found = list(excerpts(songs, NAMES, 2.0, RATE, 3))
    assert [one.name for one in found] == [f"song{k} #{n}" for k in range(3) for n in range(3)]
    assert [one.start for one in found] == pytest.approx([0, 2, 4, 0, 3.5, 7, 0, 5.5, 11], abs=1e-4)
    for one in found:
        start = round(one.start * RATE)
        assert torch.equal(one.stems.audio, whole(one.track, NAMES, RATE)[..., start : start + 2 * RATE])


def test_one_of_each_song_is_the_middle_one(songs):
    found = list(excerpts(songs, NAMES, 2.0, RATE, 4))
    assert [one.name for one in one_each(found)] == ["song0 #1", "song1 #2", "song2 #2"]


def test_songs_that_do_not_say_all_are_refused(songs):
    with pytest.raises(DataError, match="song0 holds bass, drums, piano, expected all of bass, guitar"):
        whole(songs[0], ("bass", "guitar"), RATE)
    with pytest.raises(DataError, match=r"song0 has 6.00 s, expected at least 7 s"):
        list(excerpts(songs, NAMES, 7.0, RATE, 1))


def test_points_are_kept_by_song():
    class Level:
        name, rate, window, dimension = "level", 8000, 1, 1

        def settings(self):
            return {}

        def __call__(self, mono):
            return np.array([[float(mono[0])]])

    sounds = [torch.full((1, 9), float(k)) for k in range(4)]
    found = embedded(sounds, ["b", "a", "b", "c"], 8000, Level())
    assert found.points[:, 0].tolist() == [0, 2, 1, 3]
    assert found.song.tolist() == [0, 0, 1, 2]
    assert found.only([0, 2]).points[:, 0].tolist() == [0, 2, 3]
