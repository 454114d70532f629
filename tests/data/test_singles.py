"""Single sounding stems of a cache: which are drawn, how often, and what is refused."""

from collections import Counter

import numpy as np
import pytest
import soundfile

from stemweave.data.layouts import open_corpus
from stemweave.data.shards import Cache, Recipe, plan, write
from stemweave.data.singles import Singles
from stemweave.data.streams import Fixed
from stemweave.errors import DataError

LEVELS = {"bass": 0.02, "drums": 0.04, "guitar": 0.0011, "piano": 0.0009}
"""Each stem is a constant, so that a draw tells whose it is; the guitar is just above -60 dBFS and the piano just below."""


@pytest.fixture(name="cache", scope="module")
def make_cache(tmp_path_factory):
    """Two tracks; the bass pauses in the second half of the first."""
    root = tmp_path_factory.mktemp("data")
    for number in range(2):
        place = root / "songs" / "train" / f"Track{number:05d}"
        place.mkdir(parents=True)
        for stem, level in LEVELS.items():
            sound = np.full(22050, level)
            sound[11025:] *= stem != "bass" or number == 1
            soundfile.write(place / f"{stem}.wav", sound, 22050, subtype="PCM_24")
    for shard in plan(open_corpus(root / "songs").split("train"), root / "cache"):
        list(write(shard, Recipe(tuple(LEVELS), 22050)))
    return Cache.open(root / "cache")


def drawn(draw, count=400):
    rng = np.random.default_rng(0)
    return [draw(rng) for _ in range(count)]


def stem_of(sound):
    level = sound.square().mean().sqrt().item()
    return min(LEVELS, key=lambda stem: abs(LEVELS[stem] - level))


def test_stems_that_sound_come_and_those_below_the_threshold_never(cache):
    sounds = drawn(Singles(cache, 512))
    assert {sound.shape for sound in sounds} == {(1, 512)}
    counts = Counter(map(stem_of, sounds))
    assert set(counts) == {"bass", "drums", "guitar"}
    assert counts["drums"] == pytest.approx(counts["guitar"], rel=0.3)
    assert counts["bass"] < 0.9 * counts["drums"], "it pauses"


def test_one_stem_alone(cache):
    assert {stem_of(sound) for sound in drawn(Singles(cache, 512, ("drums",)), 50)} == {"drums"}
    assert {stem_of(sound) for sound in drawn(Singles(cache, 512, ("drums", "bass")), 50)} == {"drums", "bass"}


def test_gains_and_signs_are_random_where_asked_for(cache):
    plain = drawn(Singles(cache, 64, ("drums",)), 20)
    assert {round(sound.mean().item(), 3) for sound in plain} == {0.04}
    levels = np.array([sound.mean().item() for sound in drawn(Singles(cache, 64, ("drums",), 6.0, True))])
    assert 0.4 < (levels < 0).mean() < 0.6
    assert np.std(20 * np.log10(np.abs(levels))) == pytest.approx(6, abs=0.7)


def test_the_threshold_is_of_the_sound_before_its_gain(cache):
    levels = [sound.square().mean().sqrt().item() for sound in drawn(Singles(cache, 64, ("guitar",), 20.0), 50)]
    assert min(levels) < 0.5e-3


def test_fixed_draws_are_the_same_every_time(cache):
    fixed = Fixed(Singles(cache, 512, (), 6.0, True), 5, seed=3)
    for one, other in zip(fixed, fixed, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_cannot_be_is_told(cache):
    with pytest.raises(DataError, match=r"^the cache holds bass, drums, guitar, piano, not oboe, vocals$"):
        Singles(cache, 512, ("vocals", "bass", "oboe"))
    with pytest.raises(DataError, match=r"^in none of 1000 windows of 512 samples sounds piano; check the cache$"):
        drawn(Singles(cache, 512, ("piano",)), 1)
