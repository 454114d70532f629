"""Songs and sets: one draw per (split, seed, index), sums that never clip, whole tracks or none, sets that go on."""

import json
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stemweave.band import presets, render, soundfont
from stemweave.band.levels import active, db, levelled, quantised, silent_share
from stemweave.band.presets import PRESETS
from stemweave.band.render import Order, make_track, render_set, write_manifest
from stemweave.band.score import RATE, STEMS
from stemweave.band.song import draw_player, frames, render_song, resampled
from stemweave.band.soundfont import Font
from stemweave.errors import DataError, MissingExtra, OutputError, StemweaveError, UsageError

BAND = presets.band(PRESETS["train"], ())
FONTS = (Font(Path("/fonts/a.sf2"), "aa"), Font(Path("/fonts/b.sf2"), "bb"))


def order(root, **changes):
    return Order(**({"band": BAND, "root": root, "songs": 2, "seconds": 3.0, "seed": 5, "rate": 11025} | changes))


def rendered_here(wanted):
    """The tracks of an order, made in this process."""
    render._prepare(wanted.folder)
    return [make_track(wanted, index) for index in range(wanted.songs)]


# levels


@pytest.mark.parametrize("seed", range(20))
def test_the_integer_sum_never_clips_and_keeps_its_headroom(seed):
    rng = np.random.default_rng(seed)
    stems = rng.standard_normal((4, 5000)).astype(np.float32) * np.float32(10.0 ** rng.uniform(-6, 6))
    if seed % 3 == 0:
        stems[1] = -stems[0]  # a mixture quieter than its stems
    whole, gain = quantised(stems, 0.5)
    peak = max(np.abs(whole.astype(np.int32)).max(), np.abs(whole.sum(axis=0, dtype=np.int32)).max())
    assert whole.dtype == np.int16
    assert peak <= 32767
    assert 20 * np.log10(peak / 32768) == pytest.approx(-0.5, abs=0.01)
    assert np.allclose(whole / 32768, stems * gain, atol=0.51 / 32768)


def test_silence_stays_silence():
    whole, _ = quantised(np.zeros((4, 10), dtype=np.float32), 3.0)
    assert not whole.any()


def test_a_stem_gets_the_level_it_has_while_it_sounds():
    tone = np.sin(np.arange(8000) * 0.3).astype(np.float32)
    gaps = np.concatenate([tone, np.zeros(80000, dtype=np.float32), tone])
    assert db(active(levelled(gaps, 8000, -21.0), 8000)) == pytest.approx(-21.0, abs=0.01)


def test_one_hit_does_not_pass_the_crest():
    spiky = np.full(80000, 0.01, dtype=np.float32)
    spiky[100] = 1.0
    assert np.abs(levelled(spiky, 8000, -6.0)).max() == pytest.approx(10 ** (3 / 20), rel=1e-4)


def test_silent_share_counts_seconds():
    x = np.zeros(8000 * 4, dtype=np.int16)
    x[8000:16000] = 1000
    x[30000] = 1
    assert silent_share(x, 8000) == 0.75


def test_resampling_is_exact_in_length():
    for samples in (1, 441, 44100, 44101):
        x = np.zeros(samples, dtype=np.float32)
        assert resampled(x, 22050).size == frames(samples, 22050)
    assert resampled(x, RATE) is x


# songs


def test_a_song_is_whole():
    stems, score, facts = render_song(BAND, 3, 0, 6.0, 11025)
    assert stems.shape == (4, frames(score.length, 11025)) == (4, 66150)
    assert stems.dtype == np.int16
    assert np.abs(stems.sum(axis=0, dtype=np.int32)).max() <= 32767
    for stem, audio in zip(STEMS, stems, strict=True):
        assert facts["stems"][stem]["present"] == bool(audio.any()) == score.parts[stem].present
    assert facts["notes_sha256"] == score.digest()
    assert facts["style"] == score.style
    assert max(facts["beats"]) <= 66150


def test_same_numbers_same_song():
    first, second = (render_song(BAND, 3, 1, 3.0, 11025) for _ in range(2))
    assert np.array_equal(first[0], second[0])
    assert first[2] == second[2]


@pytest.mark.parametrize(("band", "seed", "index"), [(BAND, 3, 2), (BAND, 4, 1), (replace(BAND, split="validation"), 3, 1)])
def test_other_numbers_other_song(band, seed, index):
    assert render_song(band, seed, index, 3.0, 11025)[1].digest() != render_song(BAND, 3, 1, 3.0, 11025)[1].digest()


def test_no_two_splits_or_seeds_share_a_stream():
    drawn = {
        generator.integers(2**62)
        for split in {preset.split for preset in PRESETS.values()}
        for seed in range(3)
        for index in range(5)
        for generator in replace(BAND, split=split).streams(seed, index)
    }
    assert len(drawn) == 7 * 3 * 5 * 3


def test_players_come_from_the_band():
    band = replace(BAND, fonts=FONTS, procedural=0.25)
    rng = np.random.default_rng(0)
    facts = [draw_player(rng, band, "piano", 2).facts for _ in range(400)]
    procedural = [one for one in facts if one["back_end"] == "procedural"]
    assert len(procedural) / 400 == pytest.approx(0.25, abs=0.06)
    assert {one["instrument"] for one in procedural} == {kind.name for kind in BAND.kinds["piano"]}
    assert {one["font"] for one in facts if one["back_end"] == "soundfont"} == {"a.sf2", "b.sf2"}
    assert all(one["program"] == 2 for one in facts if one["back_end"] == "soundfont")


def test_without_fonts_everyone_is_procedural():
    rng = np.random.default_rng(0)
    band = replace(BAND, procedural=0.0)
    assert {draw_player(rng, band, stem, 0).facts["back_end"] for stem in STEMS} == {"procedural"}


def test_an_absent_stem_makes_the_same_draws():
    class Mute:
        name, licence = "mute", ""

        def __init__(self, stem):
            self.stem = stem

        def __call__(self, index, rng, seconds, programs):
            score = BAND.write(index, rng, seconds, programs)
            empty = {self.stem: replace(score.parts[self.stem], notes=score.parts[self.stem].notes[:0])}
            return replace(score, parts=score.parts | empty)

    full = render_song(BAND, 3, 0, 3.0, 11025)[2]
    muted = render_song(replace(BAND, write=Mute("bass")), 3, 0, 3.0, 11025)[2]
    assert muted["stems"]["bass"] == {"present": False}
    for stem in ("drums", "guitar", "piano"):
        for fact in ("timbre", "effects", "target_dbfs", "instrument"):
            assert muted["stems"][stem].get(fact) == full["stems"][stem].get(fact)


# sets


def test_a_folder_comes_back_as_it_was_rendered(tmp_path):
    wanted = order(tmp_path, songs=3)
    rendered_here(wanted)
    for index in range(3):
        stems, score, facts = render_song(BAND, 5, index, 3.0, 11025)
        place = tmp_path / "train" / f"Track{index + 1:05d}"
        track = json.loads((place / "track.json").read_text())
        assert {path.stem for path in place.glob("*.flac")} == {stem for stem in STEMS if facts["stems"][stem]["present"]}
        for stem, audio in zip(STEMS, stems, strict=True):
            if facts["stems"][stem]["present"]:
                read, rate = soundfile.read(place / f"{stem}.flac", dtype="int16")
                assert rate == 11025
                assert np.array_equal(read, audio)
        assert track["notes_sha256"] == score.digest()
        assert track["recipe"]["seed"] == 5
        assert track["recipe"]["index"] == index
        assert track["samples"] == stems.shape[1]
        assert {"style", "tempo", "meter", "key", "chords", "sections", "beats", "downbeats", "gain", "room"} <= set(track)


@pytest.mark.slow
def test_workers_render_the_same_bytes_however_many(tmp_path):
    wanted = order(tmp_path / "a")
    made = list(render_set(wanted, workers=2))
    assert sorted(one.index for one in made) == [0, 1]
    assert all(one.cpu > 0 and one.seconds == 3.0 for one in made)
    list(render_set(order(tmp_path / "b"), workers=1))
    written = [path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.*")]
    assert len(written) > 4
    for path in written:
        assert (tmp_path / "a" / path).read_bytes() == (tmp_path / "b" / path).read_bytes()
    again = list(render_set(wanted, workers=2))
    assert [one.cpu for one in again] == [0.0, 0.0]


@pytest.mark.slow
def test_stopping_early_leaves_whole_tracks_only_and_the_set_goes_on(tmp_path):
    wanted = order(tmp_path, songs=8)
    songs = render_set(wanted, workers=1)
    next(songs)
    songs.close()
    tracks = list((tmp_path / "train").iterdir())
    assert 1 <= len(tracks) < 8
    assert all(json.loads((track / "track.json").read_text())["samples"] == 33075 for track in tracks)
    kept = {track: (track / "track.json").stat().st_mtime_ns for track in tracks}
    assert len(list(render_set(replace(wanted, songs=len(tracks) + 1), workers=1))) == len(tracks) + 1
    assert kept == {track: (track / "track.json").stat().st_mtime_ns for track in tracks}


def test_what_is_there_is_kept_refused_or_replaced(tmp_path):
    wanted = order(tmp_path)
    rendered_here(wanted)
    assert [one.cpu for one in render_set(wanted)] == [0.0, 0.0]
    with pytest.raises(OutputError, match=r"Track00001 holds another song \(differs in seed\).*--overwrite"):
        list(render_set(replace(wanted, seed=6)))
    before = (wanted.track(0) / "track.json").read_text()
    make_track(replace(wanted, seed=6), 0)
    assert (wanted.track(0) / "track.json").read_text() != before


def test_overwrite_asks_nothing_of_what_is_there(tmp_path, monkeypatch):
    wanted = order(tmp_path)
    rendered_here(wanted)
    asked = []
    monkeypatch.setattr(render, "_in_processes", lambda _order, indices, _workers: asked.extend(indices) or iter(()))
    list(render_set(replace(wanted, seed=6), overwrite=True))
    assert asked == [0, 1]


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"recipe": 3'])
def test_a_track_that_cannot_be_read_is_another_song(tmp_path, content):
    wanted = order(tmp_path)
    wanted.track(0).mkdir(parents=True)
    (wanted.track(0) / "track.json").write_text(content)
    with pytest.raises(OutputError, match="holds another song"):
        list(render_set(wanted))


def test_damaged_records_of_other_songs_are_named(tmp_path):
    wanted = order(tmp_path)
    rendered_here(wanted)
    manifest = write_manifest(wanted, "")
    (wanted.folder / "Track00007").mkdir()
    (wanted.folder / "Track00007" / "track.json").write_text("{")
    with pytest.raises(DataError, match=r"Track00007/track\.json is damaged .*: remove its folder and render again"):
        write_manifest(wanted, "")
    (wanted.folder / "Track00007" / "track.json").unlink()
    manifest.write_text("{}")
    with pytest.raises(DataError, match=r"manifest\.json is damaged .*: remove it, and render each of its splits again"):
        write_manifest(wanted, "")


def test_drafts_left_by_a_killed_run_are_swept(tmp_path):
    wanted = order(tmp_path)
    rendered_here(wanted)
    left = wanted.folder / ".Track00002-999"
    left.mkdir()
    list(render_set(wanted))
    assert not left.exists()


def test_the_manifest_counts_what_is_there_and_keeps_other_splits(tmp_path):
    rendered_here(order(tmp_path))
    write_manifest(order(tmp_path), "the command")
    other = order(tmp_path, band=replace(BAND, split="validation", fonts=FONTS, procedural=0.5), songs=1)
    path = write_manifest(other, "another")
    splits = json.loads(path.read_text())["splits"]
    assert splits["train"]["songs"] == 2
    assert splits["train"]["hours"] == pytest.approx(6 / 3600)
    assert splits["train"]["command"] == "the command"
    assert splits["train"]["licence_of_the_audio"] == [
        "notes: stemweave's composer",
        "procedural instruments: no third-party sound",
    ]
    assert splits["validation"]["songs"] == 0
    assert splits["validation"]["fonts"]["a.sf2"]["sha256"] == "aa"
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"songs": 0}, "songs is 0; give a number from 1 to 99999"),
        ({"seconds": 0.0}, "seconds is 0.0; give a number from 1.0 to 600.0"),
        ({"seconds": float("nan")}, "seconds is nan"),
        ({"seconds": 1e9}, "seconds is 1000000000.0"),
        ({"seed": -1}, "seed is -1"),
        ({"rate": 100}, "rate is 100"),
        ({"band": replace(BAND, split="a/b")}, "split 'a/b' cannot name a folder"),
        ({"band": replace(BAND, split="")}, "split '' cannot name a folder"),
        ({"band": replace(BAND, split="..")}, "cannot name a folder"),
    ],
)
def test_numbers_that_cannot_work_are_refused(tmp_path, changes, words):
    with pytest.raises(UsageError, match=words):
        order(tmp_path, **changes)


def test_no_workers_is_refused(tmp_path):
    with pytest.raises(UsageError, match="workers is 0; give 1 or more"):
        next(render_set(order(tmp_path), workers=0))


def test_a_place_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "train").write_text("mine")
    with pytest.raises(OutputError, match="cannot write to"):
        next(render_set(order(tmp_path)))


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    wanted = order(tmp_path)
    wanted.folder.mkdir()

    def full(*_arguments, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(soundfile, "write", full)
    with pytest.raises(OutputError, match="No space left"):
        make_track(wanted, 0)
    assert not list(wanted.folder.iterdir())


def test_fonts_without_the_library_fail_before_any_song(tmp_path, monkeypatch):
    def missing():
        raise MissingExtra("SoundFonts need FluidSynth")

    monkeypatch.setattr(render, "library", missing)
    with pytest.raises(MissingExtra):
        next(render_set(order(tmp_path, band=replace(BAND, fonts=FONTS))))


def test_a_worker_that_dies_is_named(tmp_path, monkeypatch):
    class Dead:
        def __init__(self, *_arguments):
            pass

        def submit(self, *_arguments):
            future = Future()
            future.set_exception(BrokenProcessPool())
            return future

        def shutdown(self, **_options):
            pass

    monkeypatch.setattr(render, "ProcessPoolExecutor", Dead)
    with pytest.raises(StemweaveError, match=r"a render process died.*--workers"):
        list(render_set(order(tmp_path)))


def test_workers_get_one_thread_and_the_parent_keeps_its_own(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with render._one_thread_each():
        assert render.os.environ["OMP_NUM_THREADS"] == render.os.environ["MKL_NUM_THREADS"] == "1"
    assert render.os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in render.os.environ


@pytest.mark.soundfont
def test_a_set_with_fonts_names_them(tmp_path):
    try:
        soundfont.library()
        font = soundfont.find(("TimGM6mb.sf2", "FluidR3Mono_GM.sf3", "FluidR3_GM.sf2"))[0]
    except MissingExtra as error:
        pytest.skip(str(error))
    band = replace(BAND, fonts=(font,), procedural=0.0)
    wanted = order(tmp_path, band=band, songs=1)
    rendered_here(wanted)
    track = json.loads((wanted.track(0) / "track.json").read_text())
    present = [stem for stem in track["stems"].values() if stem["present"]]
    assert present
    assert {stem["sha256"] for stem in present} == {font.sha256}
    assert track["fluidsynth"] == soundfont.version()
    assert track["notes_sha256"] == render_song(BAND, 5, 0, 3.0, 11025)[1].digest()
