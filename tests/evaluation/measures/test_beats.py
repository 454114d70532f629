import json
import sys
from types import ModuleType

import numpy as np
import pytest
import torch

from stemweave.audio.stems import Stems
from stemweave.errors import DataError, MissingExtra, ModelError, UsageError
from stemweave.evaluation.measures.beats import BeatThis, Composer, Librosa, by_stem, composed, onset_curve, onset_times

RATE = 22050


def hits(seconds, rate=RATE, length=6.0, level=0.3):
    """Decaying noises at these times: (1, samples)."""
    rng, audio = np.random.default_rng(0), np.zeros(round(length * rate))
    for start in seconds:
        tail = audio[round(start * rate) :][: rate // 2]
        tail += rng.standard_normal(len(tail)) * np.exp(-np.arange(len(tail)) / rate * 20) * level
    return torch.from_numpy(audio).float()[None]


@pytest.mark.parametrize("rate", [22050, 44100])
def test_onsets_are_found_within_a_frame_even_at_the_start(rate):
    true = np.array([0.0, 0.613, 1.207, 2.451, 3.333, 5.02])
    found = onset_times(hits(true, rate).expand(2, -1), rate)
    assert len(found) == len(true)
    assert np.abs(found - true).max() < 0.025
    assert np.abs(np.mean(found - true)) < 0.012


@pytest.mark.parametrize(("decibels", "count"), [(1.5, 1), (4.0, 2)])
def test_an_onset_takes_a_rise_of_60_decibels_summed_over_24_bands(decibels, count):
    """Steady noise that gets louder all at once: by 1.5 dB, 36 in all and some chance, that is none; by 4 dB it is one."""
    noise = 0.1 * torch.randn(1, 4 * RATE, generator=torch.Generator().manual_seed(0))
    noise[:, 2 * RATE :] *= 10 ** (decibels / 20)
    times, rise = onset_curve(noise, RATE)
    assert rise[times > 0.2].max() < 120
    assert len(onset_times(noise, RATE)) == count  # where the sound begins is the first


def test_steady_sounds_and_silence_have_no_onsets_but_their_start():
    noise = torch.randn(1, 6 * RATE, generator=torch.Generator().manual_seed(0))
    tone = torch.sin(torch.arange(6 * RATE) * 2 * np.pi * 440 / RATE)[None]
    for sound in (noise, tone):
        assert len(onset_times(sound, RATE)) == 1
        assert onset_times(sound, RATE)[0] < 0.02
    assert len(onset_times(torch.zeros(1, RATE), RATE)) == 0


def test_the_composers_beats_are_those_that_a_stem_plays():
    beats = np.arange(0, 6, 0.75)
    composer = Composer(beats, 0.15)
    played = hits([0.0, 0.75 + 0.04, 1.5 - 0.04, 2.25 + 0.12, 3.4, 4.5])
    assert composer(played, RATE).tolist() == [0.0, 0.75, 1.5, 4.5]
    assert composer(torch.zeros(1, RATE), RATE).tolist() == []
    assert Composer(beats, 0.3)(played, RATE).tolist() == [0.0, 0.75, 1.5, 2.25, 4.5]
    assert composer.name == "composer"
    with pytest.raises(UsageError, match="no onset lies within a width of 0 s"):
        Composer(beats, 0)


def test_beats_are_read_from_a_rendered_song(tmp_path):
    (tmp_path / "track.json").write_text(json.dumps({"rate": 22050, "beats": [0, 11025, 22050, 34000]}))
    assert composed(tmp_path) == pytest.approx([0.0, 0.5, 1.0, 34000 / 22050])
    for text in ("{}", '{"beats": [1]}', "not json", '{"beats": "many", "rate": 5}', "[1]"):
        (tmp_path / "track.json").write_text(text)
        with pytest.raises(DataError, match=r'track.json does not tell its beats .*, expected "beats" in samples and "rate"'):
            composed(tmp_path)
    with pytest.raises(DataError, match="or use a beat tracker"):
        composed(tmp_path / "nowhere")


def test_silent_stems_have_no_beats_whatever_a_tracker_hears():
    class Metronome:
        name = "metronome"

        def __call__(self, audio, rate):
            return np.arange(audio.shape[-1] / rate)

    song = Stems(("drums", "bass"), torch.stack([hits([0.5]), hits([0.5], level=1e-3)]), RATE)
    found = by_stem(song, Metronome())
    assert found["drums"].tolist() == [0, 1, 2, 3, 4, 5]
    assert found["bass"].tolist() == []


@pytest.mark.parametrize("find", [lambda a: Composer(np.ones(1), 0.1)(a, RATE), lambda a: onset_times(a, RATE)])
def test_bad_sounds_are_refused(find):
    with pytest.raises(DataError, match="the sound has shape"):
        find(torch.zeros(1, 0))
    with pytest.raises(DataError, match="NaN"):
        find(torch.full((1, 5000), torch.nan))


def fake(monkeypatch, name, **contents):
    """A package with one module in it, as if installed."""
    package, _, _ = name.partition(".")
    module = ModuleType(name)
    vars(module).update(contents)
    monkeypatch.setitem(sys.modules, package, ModuleType(package))
    monkeypatch.setitem(sys.modules, name, module)


def test_beat_this_gets_its_checkpoint_and_a_mono_signal(monkeypatch, tmp_path):
    made, heard = [], []

    class Audio2Beats:
        def __init__(self, checkpoint_path, device):
            made.append((checkpoint_path, device))

        def __call__(self, signal, sr):
            heard.append((signal, sr))
            return np.array([0.5, 1.0], np.float32), np.array([0.5])

    fake(monkeypatch, "beat_this.inference", Audio2Beats=Audio2Beats)
    checkpoint = tmp_path / "final0.ckpt"
    tracker = BeatThis(checkpoint, "cuda:0")
    assert tracker.name == "beat_this final0"
    with pytest.raises(ModelError, match=r"final0.ckpt is not a file, expected beat_this weights; download"):
        tracker(torch.zeros(1, 9), RATE)
    checkpoint.touch()
    audio = torch.randn(2, 500)
    for _ in range(2):
        beats = tracker(audio, 44100)
    assert beats.tolist() == [0.5, 1.0]
    assert beats.dtype == np.float64
    assert made == [(str(checkpoint), "cuda:0")]
    assert heard[0][1] == 44100
    assert np.allclose(heard[0][0], audio.mean(0))
    with pytest.raises(DataError, match="NaN"):
        tracker(torch.full((1, 9), torch.nan), RATE)


def test_librosa_is_asked_for_seconds(monkeypatch):
    heard = {}

    def beat_track(**options):
        heard.update(options)
        return np.array([120.0]), np.array([0.5, 1.0], np.float32)

    fake(monkeypatch, "librosa.beat", beat_track=beat_track)
    audio = torch.randn(2, 500)
    beats = Librosa()(audio, 44100)
    assert beats.tolist() == [0.5, 1.0]
    assert beats.dtype == np.float64
    assert (heard["sr"], heard["units"]) == (44100, "time")
    assert np.allclose(heard["y"], audio.mean(0))
    assert Librosa().name == "librosa.beat.beat_track"
    with pytest.raises(DataError, match="the sound has shape"):
        Librosa()(torch.zeros(1, 0), RATE)


def test_missing_packages_are_named(monkeypatch, tmp_path):
    for package in ("beat_this", "librosa"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=r"needs beat_this: pip install 'stemweave\[beats\]'"):
        BeatThis(tmp_path / "final0.ckpt")(torch.zeros(1, 9), RATE)
    with pytest.raises(MissingExtra, match=r"needs librosa: pip install 'stemweave\[beats\]'"):
        Librosa()(torch.zeros(1, 9), RATE)
