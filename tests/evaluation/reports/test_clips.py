import base64
import io

import pytest
import soundfile
import torch

from stemweave.audio.formats import FLAC16, OGG
from stemweave.errors import AudioError, DataError, FormatError
from stemweave.evaluation.reports.clips import Room, matched, scenes, unclipped

RATE = 22050


def noise(level, seconds=0.5, channels=2, seed=0):
    """White noise at an RMS of exactly ``level``."""
    audio = torch.randn(channels, round(seconds * RATE), generator=torch.Generator().manual_seed(seed))
    return audio * level / rms(audio)


def rms(audio):
    return float(audio.square().mean().sqrt())


def decoded(uri):
    kind, data = uri.split(";base64,")
    audio, rate = soundfile.read(io.BytesIO(base64.b64decode(data)), dtype="float32", always_2d=True)
    return kind, torch.from_numpy(audio.T.copy()), rate


def test_flac_comes_back_as_it_was():
    audio = noise(0.1)
    kind, back, rate = decoded(Room(FLAC16, 1).embed(audio, RATE))
    assert (kind, rate, back.shape) == ("data:audio/flac", RATE, audio.shape)
    assert float((back - audio).abs().max()) <= 0.5 / 2**15 + 1e-7


def test_ogg_comes_back_nearly_even_where_it_is_long():
    time = torch.arange(RATE * 6) / RATE
    audio = 0.3 * torch.sin(2 * torch.pi * 440 * time)[None]
    kind, back, rate = decoded(Room(OGG, 1).embed(audio, RATE))
    assert (kind, rate, back.shape) == ("data:audio/ogg", RATE, audio.shape)
    assert rms(back - audio) < 0.02


def test_a_page_holds_no_more_than_its_limit():
    audio = noise(0.1)
    size = len(Room(FLAC16, 1).embed(audio, RATE))
    room = Room(FLAC16, 2.5 * size / 1e6)
    room.embed(audio, RATE)
    room.embed(audio, RATE)
    with pytest.raises(DataError, match=rf"larger than {room.megabytes:g} MB in 16-bit FLAC.*higher limit"):
        room.embed(audio, RATE)


def test_what_the_encoding_cannot_hold_is_refused():
    with pytest.raises(FormatError, match="4000 Hz"):
        Room(OGG, 1).embed(noise(0.1), 4000)


def test_matched_clips_are_equally_loud_and_silence_stays_silent():
    clips = [noise(0.5), noise(0.002, seed=1), noise(0.0005, seed=2), torch.zeros(1, 50), noise(0.2, channels=1)]
    made = matched(clips)
    assert [rms(clip) for clip in made] == pytest.approx([0.1, 0.1, 0.0005, 0.0, 0.1], rel=1e-4)
    assert [clip.shape for clip in made] == [clip.shape for clip in clips]


def test_matched_clips_with_high_peaks_are_lowered_together():
    click = torch.zeros(1, 10000)
    click[0, 0] = 0.9
    made = matched([click, noise(0.1)])
    assert rms(made[0]) == pytest.approx(rms(made[1]), rel=1e-4)
    assert max(float(clip.abs().max()) for clip in made) == pytest.approx(1.0)


def test_unclipped_keeps_levels_and_their_differences():
    quiet, loud = noise(0.01), torch.tensor([[0.5, -2.0]])
    assert unclipped([quiet])[0].equal(quiet)
    made = unclipped([quiet, loud])
    assert made[1].equal(torch.tensor([[0.25, -1.0]]))
    assert made[0].equal(quiet / 2)


def test_scenes_are_read_beside_their_report(tmp_path):
    (tmp_path / "song").mkdir()
    audio = noise(0.1)
    soundfile.write(tmp_path / "song" / "band.wav", audio.T.numpy(), RATE, subtype="FLOAT")
    report = {"audio": [{"title": "song 3", "files": [{"name": "band", "path": "song/band.wav"}]}]}
    (scene,) = scenes(report, tmp_path, Room(FLAC16, 1))
    assert (scene.title, scene.sounds[0].name) == ("song 3", "band")
    assert float((decoded(scene.sounds[0].uri)[1] - audio).abs().max()) < 1e-4


@pytest.mark.parametrize("audio", [None, [1], [{"title": "x"}], [{"title": "x", "files": ["a.wav"]}], [{"files": []}]])
def test_audio_laid_out_otherwise_is_refused(audio, tmp_path):
    with pytest.raises(DataError, match="titles with files by name and path"):
        scenes({"audio": audio}, tmp_path, Room(FLAC16, 1))


def test_a_missing_sound_is_named(tmp_path):
    report = {"audio": [{"title": "x", "files": [{"name": "a", "path": "gone.wav"}]}]}
    with pytest.raises(AudioError, match=r"gone\.wav does not exist"):
        scenes(report, tmp_path, Room(FLAC16, 1))
