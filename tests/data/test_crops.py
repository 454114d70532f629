import itertools

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from stemweave.data.augmentation import Augmentation
from stemweave.data.crops import FixedCrops, RandomCrops, Spots
from stemweave.data.shards import Cache, Recipe, plan, write
from stemweave.data.tracks import track

STEMS = ("bass", "drums", "piano")


@pytest.fixture
def cache(tmp_path, helpers):
    """Ramps that tell where a crop is from: bass of song n at sample t is 10000 n + t + 1 steps of int16, drums is minus that.

    Song 0 has a silent piano, song 1 an unknown one, song 2 (short) a loud one.
    """
    _, write_sound = helpers
    songs = []
    for number, frames in enumerate((3000, 5000, 300)):
        ramp = ((number * 10000 + np.arange(1, frames + 1)) / 32768)[:, None]
        stems = {"bass": (write_sound(tmp_path / f"b{number}.wav", ramp),)}
        stems["drums"] = (write_sound(tmp_path / f"d{number}.wav", -ramp),)
        piano = {0: {"piano": ()}, 1: {}, 2: {"piano": stems["bass"]}}[number]
        songs.append(track(f"song{number}", stems | piano))
    for shard in plan(songs, tmp_path / "cache"):
        list(write(shard, Recipe(STEMS, 22050)))
    return Cache.open(tmp_path / "cache")


def take(crops, count):
    return list(itertools.islice(crops, count))


def song_of(audio):
    """The song a stem's ramp is from, and where it starts."""
    return divmod(round(float(audio.flatten()[0].abs()) * 32768) - 1, 10000)


def test_every_start_is_equally_likely(cache):
    spots = Spots.of(cache, 1000)
    total = 2001 + 4001 + 1
    assert [spots.at((k + 0.5) / total) for k in range(total)] == [
        *((0, k) for k in range(2001)),
        *((1, k) for k in range(4001)),
        (2, 0),
    ]
    assert spots.at(np.nextafter(1.0, 0.0)) == (2, 0)


def test_crops_come_from_where_they_say_and_keep_stems_in_step(cache):
    for audio, known in take(RandomCrops(cache, 1000, seed=1), 50):
        assert (audio.dtype, audio.shape, known.dtype) == (torch.float32, (3, 1, 1000), torch.bool)
        number, start = song_of(audio[0])
        assert torch.equal(audio, torch.from_numpy(cache.read(number, start, 1000)))
        assert torch.equal(audio[0], -audio[1])
        assert known.tolist() == [True, True, number != 1]


def test_an_augmented_crop_is_of_its_length_and_its_stems_stay_in_step(cache):
    slopes = []
    for audio, _ in take(RandomCrops(cache, 1000, seed=1, augmentation=Augmentation(semitones=3.0)), 50):
        assert audio.shape == (3, 1, 1000)
        assert torch.equal(audio[0], -audio[1])
        slopes.append(float(audio[0, 0, 100:600].diff().mean()) * 32768)  # of a ramp that rises one step a sample
    assert np.std(12 * np.log2(slopes)) == pytest.approx(3.0, rel=0.3)


def test_equalisers_of_a_crop_are_each_stems_own(cache):
    audio, _ = take(RandomCrops(cache, 1000, seed=1, augmentation=Augmentation(equaliser_db=6.0)), 1)[0]
    assert not torch.allclose(audio[0], -audio[1], rtol=0.1)


def test_crops_reach_all_songs_in_proportion(cache):
    songs = [song_of(audio[0])[0] for audio, _ in take(RandomCrops(cache, 1000, seed=2), 600)]
    assert songs.count(1) / 600 == pytest.approx(4001 / 6003, abs=0.08)
    assert songs.count(2) < 10


def test_a_song_shorter_than_the_crop_is_followed_by_zeros(cache):
    audio, known = FixedCrops(cache, 6000, 3)[2]
    assert torch.equal(audio[2, 0, :300], torch.from_numpy(cache.read(2, 0, 300))[2, 0])
    assert not audio[..., 300:].any()
    assert known.all()


def streams(cache, **seeds):
    crops = RandomCrops(cache, 100, seed=seeds.get("seed", 7), gain_db=3.0, polarity=True, rank=seeds.get("rank", 0))
    crops.set_epoch(seeds.get("epoch", 0))
    return torch.stack([audio for audio, _ in take(crops, 5)])


def test_the_same_seeds_give_the_same_stream_and_others_another(cache):
    first = streams(cache)
    assert torch.equal(first, streams(cache))
    for other in ({"seed": 8}, {"rank": 1}, {"epoch": 1}):
        assert not torch.equal(first, streams(cache, **other)), other


def test_each_worker_draws_its_own(cache):
    crops = RandomCrops(cache, 100, seed=7)
    loaded = [take(DataLoader(crops, batch_size=2, num_workers=2), 4) for _ in range(2)]
    starts = [[song_of(audio[0]) for audio in batch] for batch, _ in loaded[0]]
    assert len({tuple(batch) for batch in starts}) == 4
    assert all(torch.equal(a, b) for (a, _), (b, _) in zip(*loaded, strict=True))


def test_gains_have_the_spread_asked_for_and_change_no_shape(cache):
    crops = RandomCrops(cache, 100, seed=3, gain_db=4.0)
    ratios = []
    for audio, _ in take(crops, 800):
        ratios.append(20 * torch.log10(-audio[0] / audio[1])[0])
        assert (ratios[-1] - ratios[-1][0]).abs().max() < 1e-3
    assert torch.stack(ratios)[:, 0].std() == pytest.approx(4.0 * np.sqrt(2), rel=0.1)


def test_polarity_flips_each_stem_half_of_the_time(cache):
    signs = torch.stack([audio[:2, 0, 0].sign() for audio, _ in take(RandomCrops(cache, 100, 3, polarity=True), 800)])
    assert signs.mean(dim=0).abs().max() < 0.12
    assert (signs[:, 0] * signs[:, 1]).mean().abs() < 0.12
    plain = torch.stack([audio[:2, 0, 0].sign() for audio, _ in take(RandomCrops(cache, 100, 3), 50)])
    assert torch.equal(plain, torch.tensor([[1.0, -1.0]]).expand(50, 2))


def test_remix_takes_every_stem_from_a_place_of_its_own(cache):
    apart = 0
    for audio, known in take(RandomCrops(cache, 100, 5, remix=1.0), 100):
        apart += song_of(audio[0]) != song_of(audio[1])
        assert bool(known[2]) or not audio[2].any()
    assert apart > 95
    mixed = [song_of(a[0]) != song_of(a[1]) for a, _ in take(RandomCrops(cache, 100, 5, remix=0.5), 200)]
    assert 70 < sum(mixed) < 130


def test_sounding_stems_are_sought(cache):
    def full(sounding):
        crops = take(RandomCrops(cache, 100, 5, sounding=sounding), 100)
        return sum(bool(audio[2].any()) for audio, _ in crops)

    assert full(3) > 4 * max(full(0), 1)


def test_fixed_crops_are_fixed_spread_and_plain(cache):
    one, two = FixedCrops(cache, 100, 20, seed=4), FixedCrops(cache, 100, 20, seed=4)
    assert len(one) == 20
    assert one.places == two.places
    assert one.places != FixedCrops(cache, 100, 20, seed=5).places
    assert one.places == sorted(one.places)
    assert {number for number, _ in one.places} >= {0, 1}
    for k, (number, start) in enumerate(one.places):
        audio, known = one[k]
        assert torch.equal(audio, torch.from_numpy(cache.read(number, start, 100)))
        assert tuple(known.tolist()) == cache.tracks[number].known
    with pytest.raises(IndexError):
        one[20]
