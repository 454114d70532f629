import numpy as np
import pytest
import soundfile

from stemweave.data.tracks import highest_rate, track
from stemweave.errors import AudioError, DataError


def test_reads_exactly_what_flac_and_wav_hold(tmp_path, helpers):
    noise, write_sound = helpers
    audio = noise(0, 1001)
    for suffix in ("flac", "wav"):
        song = track("song", {"bass": (write_sound(tmp_path / f"bass.{suffix}", audio),)})
        assert (song.rate, song.channels, song.frames) == (22050, 1, 1001)
        assert song.seconds == pytest.approx(1001 / 22050)
        assert np.array_equal(song.read(["bass"])[0, 0], audio[:, 0])


def test_adds_files_and_fills_silent_and_unknown_stems_with_zeros(tmp_path, helpers):
    noise, write_sound = helpers
    one, two = noise(1), noise(2)
    files = (write_sound(tmp_path / "1.wav", one), write_sound(tmp_path / "2.wav", two))
    song = track("song", {"guitar": files, "piano": ()})
    read = song.read(["piano", "guitar", "vocals"])
    assert np.array_equal(read[1, 0], (one + two)[:, 0])
    assert not read[[0, 2]].any()
    assert song.known(["piano", "guitar", "vocals"]) == (True, True, False)
    assert song.present(["piano", "guitar", "vocals"]) == (False, True, False)


def test_channels(tmp_path, helpers):
    noise, write_sound = helpers
    stereo = noise(3, channels=2)
    song = track("song", {"bass": (write_sound(tmp_path / "s.wav", stereo),)})
    assert song.channels == 2
    assert np.array_equal(song.read(["bass"])[0], stereo.T)
    assert np.allclose(song.read(["bass"], channels=1)[0, 0].numpy(), stereo.mean(axis=1), atol=1e-7)
    mono = track("song", {"bass": (write_sound(tmp_path / "m.wav", stereo[:, :1]),)})
    assert np.array_equal(mono.read(["bass"], channels=2)[0], np.stack([stereo[:, 0]] * 2))
    with pytest.raises(DataError, match="has 2 channels"):
        song.read(["bass"], channels=3)


def test_resamples_a_tone_to_the_right_length_and_pitch(tmp_path, helpers):
    _, write_sound = helpers
    seconds = np.arange(44100) / 44100
    song = track("song", {"bass": (write_sound(tmp_path / "t.wav", 0.5 * np.sin(2 * np.pi * 441 * seconds), 44100),)})
    tone = song.read(["bass"], rate=22050)[0, 0].numpy()
    assert len(tone) == 22050
    expected = 0.5 * np.sin(2 * np.pi * 441 * np.arange(22050) / 22050)
    assert np.abs(tone - expected)[200:-200].max() < 1e-3


def test_small_differences_of_length_are_cut_and_large_ones_padded(tmp_path, helpers):
    noise, write_sound = helpers
    paths = {n: (write_sound(tmp_path / f"{n}.wav", noise(n, n)),) for n in (10000, 11000, 20000)}
    close = track("song", {"bass": paths[10000], "drums": paths[11000]})
    apart = track("song", {"bass": paths[10000], "drums": paths[20000]})
    assert (close.frames, apart.frames) == (10000, 20000)
    assert np.array_equal(close.read(["drums"])[0, 0], noise(11000, 11000)[:10000, 0])
    assert not apart.read(["bass"])[0, 0, 10000:].any()


def test_rates_must_agree_unless_the_corpus_mixes_them(tmp_path, helpers):
    noise, write_sound = helpers
    low = write_sound(tmp_path / "low.wav", noise(0, 22050), 22050)
    high = write_sound(tmp_path / "high.wav", noise(0, 44100), 44100)
    stems = {"bass": (low,), "drums": (high,)}
    with pytest.raises(DataError, match=r"song: its stems have rates of \[22050, 44100\] Hz"):
        track("song", stems)
    mixed = track("song", stems, rate=highest_rate)
    assert (mixed.rate, mixed.frames) == (44100, 44100)
    assert mixed.read(["bass", "drums"]).shape == (2, 1, 44100)


def test_refuses_what_is_not_sound(tmp_path, helpers):
    _, write_sound = helpers
    text = tmp_path / "bass.wav"
    text.write_text("no sound")
    with pytest.raises(AudioError, match=r"bass\.wav"):
        track("song", {"bass": (text,)})
    with pytest.raises(AudioError, match=r"gone\.wav"):
        track("song", {"bass": (tmp_path / "gone.wav",)})
    with pytest.raises(DataError, match="no stem has a sound file"):
        track("song", {"bass": ()})
    with pytest.raises(AudioError, match="holds no samples"):
        track("song", {"bass": (write_sound(tmp_path / "empty.wav", np.zeros((0, 1))),)})
    bad = write_sound(tmp_path / "nan.wav", np.array([0.0, np.nan, 0.5]), subtype="FLOAT")
    with pytest.raises(AudioError, match="NaN"):
        track("song", {"bass": (bad,)}).read(["bass"])


def test_a_file_that_breaks_after_listing_is_an_audio_error(tmp_path, helpers):
    noise, write_sound = helpers
    song = track("song", {"bass": (write_sound(tmp_path / "b.flac", noise(0)),)})
    (tmp_path / "b.flac").write_bytes(b"fLaC")
    with pytest.raises(AudioError, match=r"b\.flac"):
        song.read(["bass"])
    assert soundfile.available_formats()["FLAC"]
