import math

import numpy as np
import pytest
import torch

from stemweave.errors import DataError, UsageError
from stemweave.evaluation.measures.separation import lag
from stemweave.evaluation.protocols.degrade import Clip, Compressed, Detune, Gain, Noise, Reverb, Voice
from stemweave.evaluation.protocols.estimators import separator
from stemweave.evaluation.protocols.filecodec import Mp3
from stemweave.tasks.separate import Separation, masked

RATE = 22050
EVERY = (Noise(-30), Noise(-30, 1.0), Gain(-6), Clip(-6), Compressed(Mp3(64)), Reverb(0.5, 0.3), Detune(30), Voice(-30))
RANDOM = (Noise(-30), Noise(-30, 1.0), Reverb(0.5, 0.3), Voice(-30))


def mixture(channels=2, seconds=2, seed=0):
    return torch.randn(channels, seconds * RATE - 31, generator=torch.Generator().manual_seed(seed)) * 0.1


def sine(frequency, seconds=4):
    return torch.sin(2 * math.pi * frequency * torch.arange(seconds * RATE) / RATE)[None]


def power(audio):
    return float(audio.double().square().mean())


@pytest.mark.parametrize("degradation", EVERY, ids=lambda d: d.name)
def test_shape_and_type_are_kept_and_the_input_is_left_alone(degradation):
    audio = mixture()
    before = audio.clone()
    harmed = degradation(audio, RATE, 0)
    assert harmed.shape == audio.shape
    assert harmed.dtype == audio.dtype
    assert torch.equal(audio, before)
    assert not torch.equal(harmed, audio)
    assert harmed.isfinite().all()


@pytest.mark.parametrize("degradation", [d for d in EVERY if not isinstance(d, Detune)], ids=lambda d: d.name)
def test_nothing_is_moved(degradation):
    audio = mixture()
    assert lag(degradation(audio, RATE, 0)[None], audio) == 0


@pytest.mark.parametrize("degradation", RANDOM, ids=lambda d: d.name)
def test_one_seed_is_one_result(degradation):
    audio = mixture()
    assert torch.equal(degradation(audio, RATE, 1), degradation(audio, RATE, 1))
    assert not torch.equal(degradation(audio, RATE, 1), degradation(audio, RATE, 2))


def test_names_say_what_was_done():
    assert len({degradation.name for degradation in EVERY}) == len(EVERY)
    assert Noise(-40, 5 / 3).name == "noise 1/f^1.67 at -40 dB"
    assert Compressed(Mp3(64)).name == "MP3 64 kbit/s"


@pytest.mark.parametrize("degradation", EVERY, ids=lambda d: d.name)
def test_bad_sound_is_refused(degradation):
    with pytest.raises(DataError, match="NaN"):
        degradation(torch.full((1, 100), math.nan), RATE, 0)
    with pytest.raises(DataError, match="at least one sample"):
        degradation(torch.zeros(1, 0), RATE, 0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Noise(-200),
        lambda: Noise(math.nan),
        lambda: Noise(-30, -1),
        lambda: Gain(math.inf),
        lambda: Clip(3),
        lambda: Reverb(0, 0.3),
        lambda: Reverb(1, 1.5),
        lambda: Detune(2400),
        lambda: Voice(60),
        lambda: Voice(math.nan),
    ],
)
def test_absurd_values_are_refused(make):
    with pytest.raises(UsageError, match=r"is no good as .*, expected"):
        make()


# --- noise


@pytest.mark.parametrize("slope", [0.0, 1.0, 5 / 3])
@pytest.mark.parametrize("level", [-60.0, -20.0, 0.0])
def test_the_level_of_noise_is_exact(level, slope):
    audio = mixture().double()
    added = Noise(level, slope)(audio, RATE, 3) - audio
    assert 10 * math.log10(power(added) / power(audio)) == pytest.approx(level, abs=1e-6)


@pytest.mark.parametrize(("slope", "octave"), [(0.0, 0.0), (1.0, -3.01), (5 / 3, -5.02)])
def test_noise_falls_by_octaves_as_its_slope_says(slope, octave):
    audio = mixture(1, 8).double()
    spectrum = np.abs(np.fft.rfft((Noise(0, slope)(audio, RATE, 0) - audio)[0])) ** 2
    frequency = np.fft.rfftfreq(audio.shape[1], 1 / RATE)
    levels = [10 * np.log10(spectrum[(frequency >= f) & (frequency < 2 * f)].mean()) for f in (250, 500, 1000, 2000, 4000)]
    assert np.diff(levels) == pytest.approx([octave] * 4, abs=0.35)


def test_channels_have_noise_of_their_own():
    audio = mixture(2, 4).double()
    left, right = Noise(-20)(audio, RATE, 0) - audio
    assert abs(float(torch.corrcoef(torch.stack([left, right]))[0, 1])) < 0.02


def test_silence_gets_no_noise():
    assert not Noise(0)(torch.zeros(1, 1000), RATE, 0).any()


# --- voice


@pytest.mark.parametrize("level", [-20.0, -6.0, 6.0])
@pytest.mark.parametrize("rate", [8000, 44100])
def test_the_level_of_a_voice_is_exact_and_it_is_in_the_middle(level, rate):
    audio = mixture().double()
    added = Voice(level)(audio, rate, 3) - audio
    assert 10 * math.log10(power(added) / power(audio)) == pytest.approx(level, abs=1e-6)
    assert torch.allclose(added[0], added[1])


def test_silence_gets_no_voice_and_a_moment_too_short_for_one_is_left_alone():
    assert not Voice(0)(torch.zeros(1, 10000), RATE, 0).any()
    assert torch.equal(Voice(0)(torch.ones(2, 1), RATE, 0), torch.ones(2, 1))


# --- gain and clipping


def test_gain_is_in_decibels():
    audio = mixture()
    assert torch.allclose(Gain(20)(audio, RATE, 0), audio * 10)


def test_clipping_cuts_what_is_beyond_and_nothing_else():
    """A sine cut at half its peak is beyond for two thirds of the time."""
    audio = 0.8 * sine(100)
    clipped = Clip(20 * math.log10(0.5))(audio, RATE, 0)
    inside = audio.abs() < 0.39
    assert float(clipped.abs().max()) == pytest.approx(0.4, rel=1e-4)
    assert torch.equal(clipped[inside], audio[inside])
    assert float((clipped.abs() > 0.3999).double().mean()) == pytest.approx(2 / 3, abs=0.01)
    assert torch.allclose(Clip(0)(audio, RATE, 0), audio)


# --- reverb


@pytest.mark.parametrize("rt60", [0.3, 1.2])
def test_the_reverberation_time_is_as_asked(rt60):
    """Schroeder's backward integration of the response to a click, from -5 to -25 dB, times three."""
    click = torch.zeros(1, 2 * RATE)
    click[:, 0] = 1
    response = Reverb(rt60, 1.0)(click, RATE, 0)[0].double().numpy()
    decay = 10 * np.log10(np.cumsum(response[::-1] ** 2)[::-1][: int(rt60 * RATE * 0.9)] / np.sum(response**2))
    start, stop = (int(np.argmax(decay <= level)) for level in (-5, -25))
    assert 3 * (stop - start) / RATE == pytest.approx(rt60, rel=0.04)


def test_the_dry_share_stays_where_it_was():
    click = torch.zeros(2, RATE)
    click[:, 100] = 1
    harmed = Reverb(0.5, 0.2)(click, RATE, 0)
    assert not harmed[:, :100].abs().gt(1e-6).any()
    dry = harmed[:, 100] - 0.2 * Reverb(0.5, 1.0)(click, RATE, 0)[:, 100]
    assert dry.tolist() == pytest.approx([0.8, 0.8], abs=1e-5)


def test_the_wet_sound_is_about_as_loud_as_the_dry():
    audio = mixture(2, 4)
    assert power(Reverb(0.4, 1.0)(audio, RATE, 0)) == pytest.approx(power(audio), rel=0.1)
    assert torch.allclose(Reverb(0.4, 0.0)(audio, RATE, 0), audio)


# --- detuning


@pytest.mark.parametrize("cents", [-100.0, -7.0, 13.0, 50.0, 1200.0])
def test_a_sine_is_detuned_to_within_a_cent(cents):
    """Its frequency from zero crossings, inside what is not padded."""
    harmed = Detune(cents)(sine(440.0), RATE, 0)[0].double().numpy()
    part = harmed[200 : int(len(harmed) * min(1, 2 ** (-cents / 1200))) - 200]
    up = np.flatnonzero((part[:-1] < 0) & (part[1:] >= 0))
    exact = up - part[up] / (part[up + 1] - part[up])
    measured = RATE * (len(up) - 1) / (exact[-1] - exact[0])
    assert 1200 * math.log2(measured / 440) == pytest.approx(cents, abs=0.2)


def test_higher_is_shorter_and_padded_lower_is_cut():
    audio = mixture(1, 4)
    higher, lower = Detune(1200)(audio, RATE, 0), Detune(-1200)(audio, RATE, 0)
    half = audio.shape[1] // 2
    assert not higher[:, half + 1 :].any()
    assert power(higher[:, half - 500 : half]) > 0
    assert power(lower[:, -500:]) > 0


def test_detuning_adds_up():
    """So that the references of a detuned mixture are the detuned references."""
    one, other = mixture(seed=1), mixture(seed=2)
    detune = Detune(35)
    apart = detune(one, RATE, 0) + detune(other, RATE, 0)
    assert torch.allclose(detune(one + other, RATE, 0), apart, atol=1e-5)


# --- bringing estimates back


@pytest.mark.parametrize("cents", [-40.0, 25.0])
def test_detuned_estimates_are_brought_back_in_time(cents):
    """To 40 dB, where the sound was neither cut nor is at the edge."""
    audio, detune = sine(440.0), Detune(cents)
    back = detune.undo(detune(audio, RATE, 0)[None], RATE)[0]
    kept = slice(500, int(audio.shape[1] * 0.97))
    assert power((back - audio)[:, kept]) < 1e-4 * power(audio[:, kept])


def test_level_is_brought_back_and_all_else_is_left_as_heard():
    audio = mixture()
    assert torch.allclose(Gain(-6).undo(Gain(-6)(audio, RATE, 0), RATE), audio, atol=1e-6)
    for degradation in EVERY:
        if not isinstance(degradation, Gain | Detune):
            assert degradation.undo(audio, RATE) is audio


def test_a_separator_scores_what_is_brought_back(tiny_model):
    """The masked stems of a detuned song, brought back, sum to the song itself."""
    stems = torch.cat([sine(220.0, 3), sine(330.0, 3), sine(550.0, 3), sine(880.0, 3)])[:, None] * 0.1
    rows = separator(tiny_model, Separation(), {"masked": masked}, Detune(30))(stems, RATE, 0)
    middle = slice(RATE, 2 * RATE)
    left = rows["masked"].sum(0) - stems.sum(0)
    assert power(left[:, middle]) < 1e-3 * power(stems.sum(0)[:, middle])
