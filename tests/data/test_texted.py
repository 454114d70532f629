import json

import numpy as np
import pytest
import torch

from stemweave.data.texted import Windows, described, open_sounds, open_texted
from stemweave.errors import AudioError, DataError


@pytest.fixture
def folder(tmp_path, helpers):
    """Two recordings, one in a folder inside: a ramp at 22050 Hz with a .txt, loud stereo at 44100 Hz with a .json."""
    _, write_sound = helpers
    root = tmp_path / "songs"
    write_sound(root / "ramp.wav", (np.arange(1000, 9000) / 32768)[:, None])
    (root / "ramp.txt").write_text("a rising\n line \n")
    write_sound(root / "deep" / "v1.2 wide.flac", np.tile([[0.25, 0.75]], (8000, 1)), 44100)
    (root / "deep" / "v1.2 wide.json").write_text(json.dumps({"caption": ["one", " two  words"], "bpm": 90}))
    return root


def take(windows, count=60, seed=0):
    rng = np.random.default_rng(seed)
    return [windows(rng) for _ in range(count)]


def test_windows_have_their_own_text_the_rate_and_the_shape_asked_for(folder):
    drawn = take(Windows(open_texted(folder), 1000, 22050))
    assert {text for *_, text in drawn} == {"a rising line", "one", "two words"}
    for audio, rate, text in drawn:
        assert (audio.dtype, audio.shape, rate) == (torch.float32, (1, 1000), 22050)
        if text == "a rising line":
            first = round(float(audio[0, 0]) * 32768)
            assert 1000 <= first <= 8000
            assert torch.allclose(audio[0] * 32768, torch.arange(first, first + 1000.0), atol=1e-2)
        else:
            assert audio[0, 100:900].mean() == pytest.approx(0.5, abs=0.01)


def test_recordings_of_which_nothing_is_said(folder, tmp_path):
    (folder / "ramp.txt").unlink()
    recordings = open_sounds(folder)
    assert [recording.name for recording in recordings] == ["deep/v1.2 wide", "ramp"]
    drawn = take(Windows(recordings, 1000, 22050), 20)
    assert {text for *_, text in drawn} == {""}
    assert {round(float(audio.mean()) * 2) for audio, *_ in drawn} == {0, 1}, "both are drawn"
    (tmp_path / "empty").mkdir()
    for nothing in (tmp_path / "empty", tmp_path / "nowhere"):
        with pytest.raises(DataError, match="holds no sound files; give the folder where the recordings are"):
            open_sounds(nothing)


def test_the_generator_decides(folder):
    windows = Windows(open_texted(folder), 500, 22050)
    for (one, _, text), (same, _, words) in zip(take(windows, 8), take(windows, 8), strict=True):
        assert torch.equal(one, same)
        assert text == words


def test_channels_are_kept_or_repeated(folder):
    for audio, _, text in take(Windows(open_texted(folder), 500, 44100, channels=2), 20):
        assert audio.shape == (2, 500)
        assert torch.equal(audio[0], audio[1]) == (text == "a rising line")


def test_channels_that_do_not_fit_end_in_one_line(tmp_path, helpers):
    _, write_sound = helpers
    write_sound(tmp_path / "wide.wav", np.full((900, 3), 0.1))
    (tmp_path / "wide.txt").write_text("x")
    with pytest.raises(DataError, match="wide has 3 channels, expected 1 or 2"):
        take(Windows(open_texted(tmp_path), 500, 22050, channels=2), 1)


def test_a_recording_shorter_than_the_window_is_followed_by_zeros(folder):
    short = [audio for audio, _, text in take(Windows(open_texted(folder), 9000, 22050), 20) if text == "a rising line"]
    assert short
    assert all(audio[0, 7999] > 0 and not audio[0, 8000:].any() for audio in short)


def test_silence_is_drawn_again_and_nothing_else_ends_in_one_line(folder, helpers):
    _, write_sound = helpers
    write_sound(folder / "hush.wav", np.zeros((4000, 1)))
    (folder / "hush.txt").write_text("nothing")
    assert "nothing" not in {text for *_, text in take(Windows(open_texted(folder), 500, 22050))}
    hush = [recording for recording in open_texted(folder) if recording.name == "hush"]
    with pytest.raises(DataError, match="none of 1000 windows of 500 samples sounds"):
        take(Windows(hush, 500, 22050), 1)


def test_sound_files_are_opened_only_when_drawn(folder):
    (folder / "ramp.wav").write_bytes(b"not sound")
    recordings = open_texted(folder)
    with pytest.raises(AudioError, match=r"ramp\.wav is not a sound file"):
        take(Windows(recordings, 500, 22050))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda root: (root / "ramp.txt").unlink(), r"ramp\.wav has no text; put ramp\.txt or \.json beside it"),
        (lambda root: (root / "ramp.wav").unlink(), r"ramp\.txt has no sound file; put one called ramp beside it"),
        (lambda root: (root / "ramp.json").write_text("{}"), r"ramp\.txt and ramp\.json say the same recording twice"),
        (lambda root: (root / "ramp.txt").write_text(" \n"), r"ramp\.txt holds no description"),
        (lambda root: (root / "ramp.txt").write_bytes(b"\xff\xfe\xff"), r"ramp\.txt cannot be read as text"),
    ],
)
def test_folders_that_are_not_as_described_end_in_one_line(folder, spoil, message):
    spoil(folder)
    with pytest.raises(DataError, match=message) as caught:
        open_texted(folder)
    assert "\n" not in str(caught.value)


def test_how_many_lack_their_text_is_said(folder):
    (folder / "ramp.txt").unlink()
    (folder / "deep" / "v1.2 wide.json").unlink()
    with pytest.raises(DataError, match=r"has no text \(nor have 1 others\)"):
        open_texted(folder)


def test_a_folder_without_sound_or_that_is_missing_ends_in_one_line(tmp_path):
    for root in (tmp_path, tmp_path / "missing"):
        with pytest.raises(DataError, match="holds no sound files"):
            open_texted(root)


def test_json_that_says_nothing_ends_in_one_line(tmp_path):
    path = tmp_path / "song.json"
    for key in ("prompt", "text", "caption", "description"):
        path.write_text(json.dumps({key: "dub"}))
        assert described(path) == ("dub",)
    for content in ({}, [], "dub", {"text": 3}, {"text": []}, {"text": ["dub", ""]}, {"words": "dub"}):
        path.write_text(json.dumps(content))
        with pytest.raises(DataError, match="holds no description"):
            described(path)
    path.write_text("{")
    with pytest.raises(DataError, match="cannot be read as text"):
        described(path)
