import json
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from stemweave.data import shards
from stemweave.data.indexed import only
from stemweave.data.layouts import open_corpus
from stemweave.data.shards import KIND, Cache, Recipe, fingerprint, pack, plan, write
from stemweave.data.tracks import track
from stemweave.errors import DataError, OutputError

FOUR = ("bass", "drums", "guitar", "piano")
RECIPE = Recipe(FOUR, 22050)


@pytest.fixture(autouse=True)
def two_tracks_per_shard(monkeypatch):
    monkeypatch.setattr(shards, "GROUP", 2)


def write_all(corpus, folder, recipe=RECIPE, **options):
    return [name for shard in plan(corpus, folder) for name in write(shard, recipe, **options)]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*shard-*")}


def test_the_cache_holds_the_files_samples_exactly(band, tmp_path, no_temporary_files):
    corpus = open_corpus(band).split("train")
    assert write_all(corpus, tmp_path / "cache") == ["Track00000", "Track00001", "Track00002"]
    cache = Cache.open(tmp_path / "cache")
    assert (cache.stems, cache.rate, cache.channels) == (FOUR, 22050, 1)
    assert cache.hours == pytest.approx((66150 * 2 + 22050) / 22050 / 3600)
    for number, song in enumerate(corpus):
        assert np.array_equal(cache.read(number, 0, song.frames), song.read(FOUR))
        assert np.array_equal(cache.read(number, 1000, 500), song.read(FOUR)[..., 1000:1500])
    assert [entry.present for entry in cache.tracks] == [(True,) * 4, (True, True, True, False), (True,) * 4]
    assert {entry.text for entry in cache.tracks} == {"bossa"}
    no_temporary_files(tmp_path)


def test_reading_past_the_end_gives_zeros(band, tmp_path):
    write_all(open_corpus(band).split("train"), tmp_path)
    cache = Cache.open(tmp_path)
    tail = cache.read(0, 66000, 400)
    assert np.array_equal(tail[..., :150], cache.read(0, 66000, 150))
    assert tail[..., :150].all()
    assert not tail[..., 150:].any()
    assert not cache.read(0, 70000, 10).any()


def test_samples_on_disk_are_interleaved_time_first(band, tmp_path):
    corpus = open_corpus(band).split("train")
    write_all(corpus, tmp_path)
    raw = np.fromfile(tmp_path / "shard-00000.i16", "<i2").reshape(-1, 4)
    assert np.array_equal(raw[:66150].T / np.float32(32768), corpus[0].read(FOUR)[:, 0])
    assert np.array_equal(raw[66150:].T / np.float32(32768), corpus[1].read(FOUR)[:, 0])


def test_stereo(tmp_path, helpers):
    noise, write_sound = helpers
    left_right = noise(0, channels=2)
    song = track("song", {"bass": (write_sound(tmp_path / "b.wav", left_right),), "drums": ()})
    write_all([song], tmp_path / "cache", Recipe(("drums", "bass"), 22050, 2))
    audio = Cache.open(tmp_path / "cache").read(0, 0, 4410)
    assert audio.shape == (2, 2, 4410)
    assert np.array_equal(audio[1], left_right.T)


def test_writing_again_changes_nothing_and_decodes_nothing(band, tmp_path, monkeypatch):
    corpus = open_corpus(band).split("train")
    write_all(corpus, tmp_path)
    before, times = contents(tmp_path), [path.stat().st_mtime_ns for path in sorted(tmp_path.glob("shard-*"))]
    monkeypatch.setattr(shards, "pack", lambda *_, **__: pytest.fail("decoded a track that is cached"))
    assert write_all(corpus, tmp_path) == ["Track00000", "Track00001", "Track00002"]
    assert contents(tmp_path) == before
    assert [path.stat().st_mtime_ns for path in sorted(tmp_path.glob("shard-*"))] == times


def test_other_inputs_or_settings_are_refused_or_overwritten(band, tmp_path, helpers):
    noise, write_sound = helpers
    corpus = open_corpus(band).split("train")
    write_all(corpus, tmp_path)
    before = contents(tmp_path)
    with pytest.raises(OutputError, match="--overwrite"):
        write_all(corpus, tmp_path, Recipe(FOUR, 16000))
    write_sound(band / "train" / "Track00000" / "bass.flac", noise(1234, 66150))
    with pytest.raises(OutputError, match="other tracks or settings"):
        write_all(corpus, tmp_path)
    assert contents(tmp_path) == before
    write_all(corpus, tmp_path, overwrite=True)
    assert np.array_equal(Cache.open(tmp_path).read(0, 0, 66150)[0, 0], noise(1234, 66150)[:, 0])


def test_the_parts_of_several_machines_make_the_whole(band, tmp_path):
    corpus = open_corpus(band)
    write_all(corpus, tmp_path / "whole")
    for machine in (1, 0):
        for shard in plan(corpus, tmp_path / "parts")[machine::2]:
            list(write(shard, RECIPE))
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")
    assert len(contents(tmp_path / "whole")) == 4
    assert [len(plan(corpus, tmp_path)[k::3]) for k in range(3)] == [1, 1, 0]


def test_a_pool_writes_the_same_bytes(band, tmp_path):
    corpus = open_corpus(band)
    write_all(corpus, tmp_path / "one")
    with ThreadPoolExecutor(3) as pool:
        write_all(corpus, tmp_path / "pool", mapping=pool.map)
    assert contents(tmp_path / "pool") == contents(tmp_path / "one")


def test_stopping_leaves_whole_shards_only_and_goes_on_later(band, tmp_path, no_temporary_files):
    corpus = open_corpus(band)
    first, second = plan(corpus, tmp_path / "cache")
    list(write(first, RECIPE))
    writing = write(second, RECIPE)
    next(writing)
    writing.close()
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == ["shard-00000.i16", "shard-00000.json"]
    write_all(corpus, tmp_path / "cache")
    write_all(corpus, tmp_path / "straight")
    assert contents(tmp_path / "cache") == contents(tmp_path / "straight")


def test_stopping_an_overwrite_keeps_the_old_shard(band, tmp_path):
    shard = plan(open_corpus(band), tmp_path)[0]
    list(write(shard, RECIPE))
    before = contents(tmp_path)
    writing = write(shard, Recipe(FOUR, 11025), overwrite=True)
    next(writing)
    writing.close()
    assert contents(tmp_path) == before


def test_a_broken_track_leaves_nothing(band, tmp_path, no_temporary_files):
    corpus = open_corpus(band)
    shard = plan(list(corpus), tmp_path / "cache")[0]
    (band / "train" / "Track00001" / "bass.flac").write_bytes(b"fLaC")
    with pytest.raises(Exception, match=r"bass\.flac"):
        list(write(shard, RECIPE))
    assert contents(tmp_path / "cache") == {}
    no_temporary_files(tmp_path)


def test_loud_stems_are_scaled_together_and_never_clip(tmp_path, helpers):
    noise, write_sound = helpers
    loud = np.linspace(-2.0, 1.5, 1000, dtype=np.float32)[:, None]
    quiet = noise(1, 1000)
    files = {"bass": write_sound(tmp_path / "b.wav", loud, subtype="FLOAT"), "drums": write_sound(tmp_path / "d.wav", quiet)}
    song = track("song", {name: (path,) for name, path in files.items()})
    audio, gain = pack(song, Recipe(("bass", "drums"), 22050))
    assert gain == pytest.approx(32767 / 32768 / 2)
    assert audio.min() == -32767
    assert np.abs(audio[:, 1, 0] / 32768 / gain - quiet[:, 0]).max() < 1 / 32768
    assert pack(track("q", {"drums": (files["drums"],)}), Recipe(("drums",), 22050))[1] == 1.0


def test_levels_count_only_where_a_stem_sounds(tmp_path, helpers):
    _, write_sound = helpers
    bass = np.zeros((44100, 1), dtype=np.float32)
    bass[:22050] = 0.25
    files = {"bass": write_sound(tmp_path / "b.wav", bass), "drums": write_sound(tmp_path / "d.wav", bass[::-1] / 2)}
    write_all(
        [track("song", {n: (p,) for n, p in files.items()} | {"piano": ()})],
        tmp_path / "c",
        Recipe(("bass", "drums", "piano"), 22050),
    )
    cache = Cache.open(tmp_path / "c")
    assert cache.levels() == {"bass": 0.25, "drums": 0.125, "piano": 0.0}
    assert cache.sigma_data() == pytest.approx(np.sqrt((0.25**2 + 0.125**2) / 2))
    assert cache.tracks[0].active == (1, 1, 0)


def test_unknown_stems_are_marked(musdb, tmp_path):
    write_all(open_corpus(musdb).split("test"), tmp_path)
    assert Cache.open(tmp_path).tracks[0].known == (True, True, False, False)


def test_the_fingerprint_depends_on_all_that_matters(band, tmp_path, helpers):
    song = open_corpus(band)[0]
    same = fingerprint(open_corpus(band)[0], RECIPE)
    others = [Recipe(FOUR[::-1], 22050), Recipe(FOUR, 44100), Recipe(FOUR, 22050, 2), Recipe(FOUR[:3], 22050)]
    prints = {fingerprint(song, recipe) for recipe in [RECIPE, *others]}
    assert same in prints
    assert len(prints) == 5
    swapped = track(song.id, song.stems | {"bass": song.stems["drums"], "drums": song.stems["bass"]}, song.split, song.text)
    assert fingerprint(swapped, RECIPE) != same


def test_the_cache_travels_without_its_samples(band, tmp_path):
    write_all(open_corpus(band), tmp_path)
    cache = Cache.open(tmp_path)
    blob = pickle.dumps(cache)
    assert len(blob) < 4000
    assert np.array_equal(pickle.loads(blob).read(1, 5, 50), cache.read(1, 5, 50))


def test_refuses_what_is_no_cache(band, tmp_path):
    with pytest.raises(DataError, match="stemweave preprocess audio"):
        Cache.open(tmp_path)
    write_all(open_corpus(band), tmp_path)
    index = tmp_path / "shard-00000.json"
    good = json.loads(index.read_text())
    for broken, message in (
        ("{", "is not the index"),
        ("{}", "is not the index"),
        (json.dumps(good | {"format": 99}), "format 99, expected 1"),
        (json.dumps(good | {"recipe": good["recipe"] | {"rate": 1}}), "mixes shards"),
        (json.dumps(good | {"tracks": good["tracks"][:1]}), "or not as long as"),
    ):
        index.write_text(broken)
        with pytest.raises(DataError, match=message):
            Cache.open(tmp_path)
    index.write_text(json.dumps(good))
    for suffix in (".json", ".i16"):
        (tmp_path / f"shard-00009{suffix}").write_bytes((tmp_path / f"shard-00000{suffix}").read_bytes())
    with pytest.raises(DataError, match="a track twice"):
        Cache.open(tmp_path)
    (tmp_path / "shard-00000.i16").unlink()
    with pytest.raises(DataError, match="is missing"):
        Cache.open(tmp_path)


def test_shards_of_songs_that_are_no_more_are_refused_or_removed(band, tmp_path):
    tracks = list(open_corpus(band))
    write_all(tracks, tmp_path)
    whole, (fewer,) = plan(tracks, tmp_path), plan(tracks[:2], tmp_path)
    only(whole, tmp_path, KIND, overwrite=False)
    with pytest.raises(
        OutputError, match=r"shard-00001\.json is of more songs than there are now; give --overwrite or another"
    ):
        only([fewer], tmp_path, KIND, overwrite=False)
    assert len(Cache.open(tmp_path).tracks) == len(tracks)
    only([fewer], tmp_path, KIND, overwrite=True)
    assert sorted(path.name for path in tmp_path.glob("shard-*")) == ["shard-00000.i16", "shard-00000.json"]


def test_a_place_that_cannot_be_written_is_an_output_error(band, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_all(open_corpus(band), tmp_path / "file" / "cache")
