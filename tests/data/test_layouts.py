import json
import pickle
import sys

import numpy as np
import pytest

from stemweave.data.layouts import MOISES, NAMES, open_corpus
from stemweave.errors import AudioError, DataError, MissingExtra

FOUR = ("bass", "drums", "guitar", "piano")


def test_the_bands_own_layout(band):
    corpus = open_corpus(band)
    assert corpus.splits == ("train", "valid")
    assert [song.id for song in corpus] == ["Track00000", "Track00001", "Track00002", "Track00003"]
    assert [song.present(FOUR) for song in corpus.split("train")] == [(True,) * 4, (True, True, True, False), (True,) * 4]
    assert all(song.known(FOUR) == (True,) * 4 and song.text == "bossa" for song in corpus)
    assert open_corpus(band / "train").splits == ("",)
    with pytest.raises(DataError, match="has no split 'test', it has 'train', 'valid'"):
        corpus.split("test")


def test_a_slice_is_a_corpus_and_travels_to_other_processes(band):
    part = pickle.loads(pickle.dumps(open_corpus(band)[1:3]))
    assert len(part) == 2
    assert [song.id for song in part] == ["Track00001", "Track00002"]


def test_msdms_layout_has_silence_where_a_file_is_missing(tmp_path, helpers):
    noise, write_sound = helpers
    write_sound(tmp_path / "test" / "Track01876" / "bass.wav", noise(0))
    (song,) = open_corpus(tmp_path)
    assert (song.split, song.known(FOUR), song.present(FOUR)) == ("test", (True,) * 4, (True, False, False, False))


def test_msdms_layout_as_shipped(tmp_path, helpers):
    noise, write_sound = helpers
    for stem, names in {"bass": ("Track00001", "Track00002"), "drums": ("Track00001",), "piano": ()}.items():
        (tmp_path / f"{stem}_22050" / "train").mkdir(parents=True)
        for name in names:
            write_sound(tmp_path / f"{stem}_22050" / "train" / f"{name}.wav", noise(0))
    one, two = open_corpus(tmp_path)
    assert (one.id, one.split, two.id) == ("Track00001", "train", "Track00002")
    assert one.present(FOUR) == (True, True, False, False)
    assert two.present(FOUR) == (True, False, False, False)
    assert two.known(FOUR) == (True, True, False, True)


def test_slakh_adds_sources_of_a_class_and_drops_other_classes(slakh, helpers):
    noise, _ = helpers
    (song,) = open_corpus(slakh)
    assert (song.id, song.split, song.rate) == ("Track01501", "validation", 44100)
    assert [path.name for path in song.stems["guitar"]] == ["S01.flac", "S02.flac"]
    assert [path.name for path in song.stems["drums"]] == ["S06.flac"]
    assert song.stems["piano"] == ()
    audio = song.read(FOUR)
    assert np.array_equal(audio[2, 0], (noise(1) + noise(2))[:, 0])
    assert np.array_equal(audio.sum(axis=0)[0], (noise(0) + noise(6) + (noise(1) + noise(2)))[:, 0])


@pytest.mark.parametrize(("number", "split"), [(1, "train"), (1500, "train"), (1501, "validation"), (1876, "test")])
def test_slakh_splits_by_number_or_by_folder(slakh, number, split):
    (slakh / "Track01501").rename(slakh / f"Track{number:05d}")
    assert open_corpus(slakh).splits == (split,)
    (slakh / "test").mkdir()
    (slakh / f"Track{number:05d}").rename(slakh / "test" / f"Track{number:05d}")
    assert open_corpus(slakh).splits == ("test",)


def test_slakh_redux_omits_its_duplicates(slakh):
    (slakh / "omitted").mkdir()
    (slakh / "Track01501").rename(slakh / "omitted" / "Track01501")
    with pytest.raises(DataError, match="holds no tracks"):
        open_corpus(slakh)


def test_slakh_without_pyyaml_says_what_to_install(slakh, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(MissingExtra, match="pip install pyyaml"):
        open_corpus(slakh)[0]


@pytest.mark.parametrize("source", ["../S00", "/tmp/S00", "a/../../S00", "C:/S00", r"..\S00", r"\S00"])
def test_metadata_cannot_point_outside_its_folder(slakh, moises, source):
    metadata = slakh / "Track01501" / "metadata.yaml"
    metadata.write_text(metadata.read_text().replace("S00", f"'{source}'"))
    with pytest.raises(DataError, match="points outside the folder"):
        open_corpus(slakh)[0]
    data = moises / "moisesdb_v0.1" / "0a1b-uuid" / "data.json"
    info = json.loads(data.read_text())
    for where in ("stemName", "id"):
        broken = json.loads(data.read_text())
        target = broken["stems"][0] if where == "stemName" else broken["stems"][0]["tracks"][0]
        target[where] = source
        data.write_text(json.dumps(broken))
        with pytest.raises(DataError, match="points outside the folder"):
            open_corpus(moises)[0]
        data.write_text(json.dumps(info))


def test_musdb_keeps_its_own_stems_and_validation_songs(musdb):
    corpus = open_corpus(musdb)
    assert {song.id: song.split for song in corpus} == {
        "A - One": "train",
        "Leaf - Summerghost": "validation",
        "B - Two": "test",
    }
    song = corpus[0]
    assert set(song.stems) == {"bass", "drums", "vocals", "other"}
    assert (song.rate, song.channels) == (44100, 2)
    assert song.known(FOUR) == (True, True, False, False)


def test_moises_mixes_rates_and_lengths(moises, helpers):
    noise, _ = helpers
    (song,) = open_corpus(moises)
    assert (song.id, song.split, song.text, song.rate, song.frames) == (
        "moisesdb_v0.1/0a1b-uuid",
        "",
        "rock",
        44100,
        44100,
    )
    assert song.known(MOISES) == (True,) * 11
    assert song.present(("guitar", "drums", "piano")) == (True, True, False)
    drums = song.read(["drums"])[0, 0]
    assert np.array_equal(drums[:22050], noise(3, 22050)[:, 0])
    assert not drums[22050:].any()


def test_any_folder_of_stems_with_aliases(tmp_path, helpers):
    noise, write_sound = helpers
    song = tmp_path / "My Song"
    for seed, name in enumerate(("Bass Guitar", "Drums", "electric-guitar 1", "Electric Guitar 2", "Strings", "Mix")):
        write_sound(song / f"{name}.wav", noise(seed))
    (track,) = open_corpus(tmp_path)
    assert track.id == "My Song"
    assert {name: [p.stem for p in paths] for name, paths in track.stems.items()} == {
        "bass": ["Bass Guitar"],
        "drums": ["Drums"],
        "guitar": ["Electric Guitar 2", "electric-guitar 1"],
        "strings": ["Strings"],
    }
    assert track.known(FOUR) == (True, True, True, False)


def test_a_folder_of_one_song_is_that_song(tmp_path, helpers):
    noise, write_sound = helpers
    write_sound(tmp_path / "song" / "drums.wav", noise(0))
    (track,) = open_corpus(tmp_path / "song")
    assert track.id == "song"


def test_stems_in_the_file_name(tmp_path, helpers):
    noise, write_sound = helpers
    for name in ("a_song_bass", "a_song_Drums", "b_bass", "b_kazoo"):
        write_sound(tmp_path / "test" / f"{name}.wav", noise(0))
    corpus = open_corpus(tmp_path)
    assert {song.id: set(song.stems) for song in corpus} == {"a_song": {"bass", "drums"}, "b": {"bass"}}
    assert corpus.splits == ("test",)
    assert set(open_corpus(tmp_path, ["kazoo"])[1].stems) == {"bass", "kazoo"}


def test_stems_that_were_asked_for_make_a_folder_a_track(tmp_path, helpers):
    noise, write_sound = helpers
    write_sound(tmp_path / "song" / "kazoo.wav", noise(0))
    with pytest.raises(DataError, match="holds no tracks"):
        open_corpus(tmp_path)
    (track,) = open_corpus(tmp_path, ["kazoo"])
    assert set(track.stems) == {"kazoo"}


def test_one_stem_in_two_formats_is_refused(tmp_path, helpers):
    noise, write_sound = helpers
    for suffix in ("wav", "flac"):
        write_sound(tmp_path / "song" / f"bass.{suffix}", noise(0))
    with pytest.raises(DataError, match="'bass' in two formats"):
        open_corpus(tmp_path)[0]


def test_refuses_folders_without_tracks(tmp_path):
    with pytest.raises(DataError, match="holds no tracks"):
        open_corpus(tmp_path)
    with pytest.raises(DataError, match="is not a folder"):
        open_corpus(tmp_path / "gone")


def test_refuses_broken_metadata(slakh, moises, band):
    (slakh / "Track01501" / "metadata.yaml").write_text("stems: [")
    with pytest.raises(DataError, match=r"metadata\.yaml is not YAML") as error:
        open_corpus(slakh)[0]
    assert "\n" not in str(error.value)
    (moises / "moisesdb_v0.1" / "0a1b-uuid" / "data.json").write_text("[]")
    with pytest.raises(DataError, match="holds a list, expected a mapping"):
        open_corpus(moises)[0]
    (band / "train" / "Track00000" / "track.json").write_text("{")
    with pytest.raises(DataError, match=r"track\.json is not JSON"):
        open_corpus(band)[0]


def test_every_alias_leads_to_a_stem_that_names_itself():
    assert all(NAMES[stem] == stem for stem in NAMES.values())


def test_refuses_metadata_of_another_shape(slakh, moises):
    (slakh / "Track01501" / "metadata.yaml").write_text("stems: [S00, S01]")
    with pytest.raises(DataError, match="not as its corpus describes"):
        open_corpus(slakh)[0]
    (moises / "moisesdb_v0.1" / "0a1b-uuid" / "data.json").write_text(json.dumps({"stems": [{"stemName": "bass"}]}))
    with pytest.raises(DataError, match=r"not as its corpus describes.*tracks"):
        open_corpus(moises)[0]


def test_a_rendered_source_without_its_file_is_an_error(slakh):
    (slakh / "Track01501" / "stems" / "S02.flac").unlink()
    with pytest.raises(AudioError, match=r"S02\.flac"):
        open_corpus(slakh)[0]
