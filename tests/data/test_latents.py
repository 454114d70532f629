import json
import pickle
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from stemweave.data import latents
from stemweave.data import shards as audio_shards
from stemweave.data.crops import FixedCrops, RandomCrops
from stemweave.data.latents import Coding, Latents, copies, mixed, plan, songs, write
from stemweave.data.layouts import open_corpus
from stemweave.data.shards import Cache, Recipe
from stemweave.errors import DataError, OutputError

FOUR = ("bass", "drums", "guitar", "piano")
HOP = 10


def encode(audio, scale=1.0):
    """As a codec: two latents per frame of ten samples, the mean and the first sample; silence is (0.5, 0)."""
    padded = torch.nn.functional.pad(audio, (0, -audio.shape[-1] % HOP)).unflatten(-1, (-1, HOP))
    return scale * torch.cat((padded.mean(-1) + 0.5, padded[..., 0]), 1)


CODING = Coding("toy", "d1", FOUR, 22050, HOP, 2, (0.5, 0.0) * 4)


@pytest.fixture(autouse=True)
def two_tracks_per_shard(monkeypatch):
    monkeypatch.setattr(latents, "GROUP", 2)


@pytest.fixture
def cache(band, tmp_path):
    for shard in audio_shards.plan(open_corpus(band).split("train"), tmp_path / "audio"):
        list(audio_shards.write(shard, Recipe(FOUR, 22050)))
    return Cache.open(tmp_path / "audio")


def write_all(tracks, folder, coding=CODING, coder=encode, **options):
    return [name for shard in plan(tracks, folder) for name in write(shard, coding, coder, **options)]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*latents-*")}


def test_the_cache_holds_the_latents_of_every_track(cache, tmp_path, no_temporary_files):
    assert write_all(songs(cache), tmp_path / "l") == ["Track00000", "Track00001", "Track00002"]
    made = Latents.open(tmp_path / "l")
    made.verify()
    assert (made.stems, made.coding) == (FOUR, CODING)
    assert made.hours == pytest.approx(cache.hours, rel=1e-3)
    for number, entry in enumerate(cache.tracks):
        expected = encode(torch.from_numpy(cache.read(number, 0, entry.frames))).half().float().numpy()
        found = made.read(number, 0, made.tracks[number].frames)
        assert (found.dtype, found.shape) == (np.float32, (4, 2, entry.frames // HOP))
        assert np.array_equal(found, expected)
        assert np.array_equal(made.read(number, 100, 7), expected[..., 100:107])
        assert (made.tracks[number].known, made.tracks[number].present) == (entry.known, entry.present)
    assert sorted(contents(tmp_path / "l")) == [f"latents-0000{n}.{kind}" for n in (0, 1) for kind in ("f16", "json")]
    no_temporary_files(tmp_path)


def test_latents_on_disk_are_interleaved_time_first(cache, tmp_path):
    write_all(songs(cache), tmp_path / "l")
    raw = np.fromfile(tmp_path / "l" / "latents-00000.f16", "<f2").reshape(-1, 4, 2)
    made = Latents.open(tmp_path / "l")
    assert np.array_equal(raw[:6615].transpose(1, 2, 0), made.read(0, 0, 6615))
    assert np.array_equal(raw[6615:].transpose(1, 2, 0), made.read(1, 0, 6615))


def test_past_the_end_is_silence(cache, tmp_path):
    write_all(songs(cache), tmp_path / "l")
    made = Latents.open(tmp_path / "l")
    tail = made.read(0, 6600, 40)
    assert np.array_equal(tail[..., :15], made.read(0, 6600, 15))
    assert (tail[:, 0, 15:] == 0.5).all()
    assert not tail[:, 1, 15:].any()
    assert np.array_equal(made.read(0, 9000, 3)[0], [[0.5] * 3, [0.0] * 3])


def test_crops_are_taken_from_it_as_from_audio(cache, tmp_path):
    write_all(songs(cache), tmp_path / "l")
    made = Latents.open(tmp_path / "l")
    clean, known = next(iter(RandomCrops(made, 64, seed=0)))
    assert (clean.dtype, clean.shape, known.tolist()) == (torch.float32, (4, 2, 64), [True] * 4)
    fixed = FixedCrops(made, 64, 5)
    track, start = fixed.places[3]
    assert torch.equal(fixed[3][0], torch.from_numpy(made.read(track, start, 64)))


def test_the_mixture_is_the_sum_of_the_stems(cache, tmp_path):
    coding = Coding("toy", "d1", ("band",), 22050, HOP, 2, (0.5, 0.0))
    write_all([mixed(song) for song in songs(cache)], tmp_path / "l", coding)
    made = Latents.open(tmp_path / "l")
    whole = torch.from_numpy(cache.read(0, 0, 66150).sum(0, keepdims=True))
    assert np.array_equal(made.read(0, 0, 6615), encode(whole).half().float().numpy())
    assert made.tracks[1].known == made.tracks[1].present == (True,)


def test_unknown_stems_stay_unknown(musdb, tmp_path):
    for shard in audio_shards.plan(open_corpus(musdb).split("test"), tmp_path / "audio"):
        list(audio_shards.write(shard, Recipe(FOUR, 22050)))
    whole = songs(Cache.open(tmp_path / "audio"))
    write_all(whole, tmp_path / "l")
    made = Latents.open(tmp_path / "l")
    assert made.tracks[0].known == (True, True, False, False)
    assert (made.read(0, 0, 50)[2:, 0] == 0.5).all()
    assert mixed(whole[0]).known == (False,)
    assert mixed(whole[0]).present == (True,)


def test_copies_are_shifted_by_parts_of_a_hop(cache, tmp_path):
    tracks = [copy for song in songs(cache) for copy in copies(song, 4, HOP)]
    names = write_all(tracks, tmp_path / "l")
    assert names[:5] == ["Track00000@0", "Track00000@1", "Track00000@2", "Track00000@3", "Track00001@0"]
    made, sound = Latents.open(tmp_path / "l"), torch.from_numpy(cache.read(0, 0, 66150))
    for copy, delay in enumerate((0, 2, 5, 7)):
        late = torch.nn.functional.pad(sound, (delay, 0))
        assert np.array_equal(made.read(copy, 0, 6615), encode(late).half().float().numpy()[..., :6615])
        assert made.tracks[copy].frames == 6615 + (delay > 0)
    assert len({entry.sha256 for entry in made.tracks}) == len(tracks) == 12
    assert copies(tracks[0], 1, HOP) == [tracks[0]]


def test_writing_again_encodes_nothing(cache, tmp_path):
    write_all(songs(cache), tmp_path / "l")
    before = contents(tmp_path / "l")
    never = partial(pytest.fail, "encoded a track that is cached")
    assert write_all(songs(cache), tmp_path / "l", coder=never) == ["Track00000", "Track00001", "Track00002"]
    renamed = Coding("other name", *list(vars(CODING).values())[1:])
    write_all(songs(cache), tmp_path / "l", renamed, never)
    assert contents(tmp_path / "l") == before


def test_other_audio_or_another_codec_are_refused_or_overwritten(cache, tmp_path):
    write_all(songs(cache), tmp_path / "l")
    before = contents(tmp_path / "l")
    other = Coding("toy", "d2", *list(vars(CODING).values())[2:])
    mixtures, shifted = [mixed(song) for song in songs(cache)], [copies(song, 2, HOP)[1] for song in songs(cache)]
    for tracks, coding in ((songs(cache), other), (mixtures, CODING), (shifted, CODING), (songs(cache)[1:], CODING)):
        with pytest.raises(OutputError, match=r"latents-00000\.json holds other tracks or settings; give --overwrite"):
            write_all(tracks, tmp_path / "l", coding)
    assert contents(tmp_path / "l") == before
    write_all(songs(cache), tmp_path / "l", other, partial(encode, scale=2.0), overwrite=True)
    assert Latents.open(tmp_path / "l").coding.digest == "d2"
    assert Latents.open(tmp_path / "l").read(2, 9999, 1)[0, 0] == 0.5


def test_stopping_leaves_whole_shards_only_and_goes_on_later(cache, tmp_path, no_temporary_files):
    first, second = plan(songs(cache), tmp_path / "l")
    list(write(first, CODING, encode))
    writing = write(second, CODING, encode)
    next(writing)
    writing.close()
    assert sorted(contents(tmp_path / "l")) == ["latents-00000.f16", "latents-00000.json"]
    no_temporary_files(tmp_path)
    write_all(songs(cache), tmp_path / "l")
    write_all(songs(cache), tmp_path / "straight")
    assert contents(tmp_path / "l") == contents(tmp_path / "straight")
    for machine in (1, 0):
        for shard in plan(songs(cache), tmp_path / "parts")[machine::2]:
            list(write(shard, CODING, encode))
    assert contents(tmp_path / "parts") == contents(tmp_path / "straight")


def test_latents_that_float16_does_not_hold_are_refused(cache, tmp_path, no_temporary_files):
    for scale in (1e6, float("nan")):
        with pytest.raises(DataError, match="the latents of Track00000 are NaN, or too large for float16"):
            write_all(songs(cache), tmp_path / "l", coder=partial(encode, scale=scale))
    assert not contents(tmp_path / "l")
    no_temporary_files(tmp_path)


def test_it_travels_without_its_latents(cache, tmp_path):
    write_all(songs(cache), tmp_path / "l")
    made = Latents.open(tmp_path / "l")
    blob = pickle.dumps(made)
    assert len(blob) < 4000
    assert np.array_equal(pickle.loads(blob).read(1, 5, 50), made.read(1, 5, 50))


def test_damage_is_found_and_named(cache, tmp_path):
    write_all(songs(cache), tmp_path / "l")
    file = tmp_path / "l" / "latents-00000.f16"
    whole = bytearray(file.read_bytes())
    whole[-5] ^= 1
    file.write_bytes(whole)
    with pytest.raises(DataError, match=r"latents-00000\.f16 is damaged in Track00001; delete it, and run") as caught:
        Latents.open(tmp_path / "l").verify()
    assert "\n" not in str(caught.value)
    file.write_bytes(whole[:-2])
    with pytest.raises(DataError, match=r"latents-00000\.f16 is missing, or not as long as its index says; run `stemweave pre"):
        Latents.open(tmp_path / "l")
    file.unlink()
    with pytest.raises(DataError, match="is missing"):
        Latents.open(tmp_path / "l")


@pytest.mark.parametrize("left", [b"", None])
def test_lost_numbers_are_made_again(cache, tmp_path, left):
    write_all(songs(cache), tmp_path / "l")
    before, file = contents(tmp_path / "l"), tmp_path / "l" / "latents-00000.f16"
    file.unlink()
    if left is not None:
        file.write_bytes(left)
    assert write_all(songs(cache), tmp_path / "l") == ["Track00000", "Track00001", "Track00002"]
    assert contents(tmp_path / "l") == before


def test_more_songs_join_what_a_codec_of_another_name_but_the_same_weights_wrote(cache, tmp_path):
    first, second = plan(songs(cache), tmp_path / "l")
    list(write(first, replace(CODING, codec="before"), encode))
    list(write(second, CODING, encode))
    assert len(Latents.open(tmp_path / "l").tracks) == 3


def changed(index, **fields):
    first, *others = index["tracks"]
    return json.dumps(index | {"tracks": [first | fields, *others]})


def test_refuses_what_is_no_cache_of_latents(cache, tmp_path):
    with pytest.raises(DataError, match=r"holds no cache \(latents-\*\.json\); make one with `stemweave preprocess latents`"):
        Latents.open(tmp_path / "audio")
    write_all(songs(cache), tmp_path / "l")
    with pytest.raises(DataError, match="make one with `stemweave preprocess audio`"):
        Cache.open(tmp_path / "l")
    index = tmp_path / "l" / "latents-00000.json"
    good = json.loads(index.read_text())
    for broken, message in (
        ("{", "is not the index"),
        ("[]", "is not the index"),
        (json.dumps(good | {"recipe": {}}), "is not the index"),
        (json.dumps(good | {"tracks": [{}]}), "is not the index"),
        (json.dumps(good | {"tracks": []}), "is not the index of a cache: no tracks; delete it, and run `stemweave pre"),
        (changed(good, offset=1000000), "Track00000 is 6615 frames from 1000000, expected to begin at 0"),
        (changed(good, frames="x"), "Track00000 is x frames from 0"),
        (changed(good, known=[]), "Track00000 does not say of each of 4 stems whether it is there"),
        (json.dumps(good | {"recipe": good["recipe"] | {"silence": [0.5]}}), "silence has 1 numbers, expected 4 stems of 2"),
        (json.dumps(good | {"format": 99}), "format 99, expected 1"),
        (json.dumps(good | {"recipe": good["recipe"] | {"digest": "d2"}}), "mixes shards of different settings"),
    ):
        index.write_text(broken)
        with pytest.raises(DataError, match=message):
            Latents.open(tmp_path / "l")


def test_a_place_that_cannot_be_written_is_an_output_error(cache, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_all(songs(cache), tmp_path / "file" / "l")
