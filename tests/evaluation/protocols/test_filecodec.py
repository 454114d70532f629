import math

import pytest
import torch
from scipy.signal import lfilter

from stemweave.errors import DataError, FormatError, UsageError
from stemweave.evaluation.measures.codec import fidelity
from stemweave.evaluation.measures.separation import lag
from stemweave.evaluation.protocols.filecodec import Mp3, Opus, Vorbis, aligned


def sound(rate, seconds=2, channels=1):
    """Noise that falls by 6 dB an octave and comes in bursts, so that it can be aligned and coded well."""
    white = torch.randn(channels, rate * seconds, generator=torch.Generator().manual_seed(0)).numpy()
    bursts = 0.1 + (torch.arange(rate * seconds) * 5 // rate % 2)
    return torch.from_numpy(lfilter([0.02], [1, -0.98], white, axis=1)).float() * bursts


@pytest.mark.parametrize(("low", "high"), [(Opus(24), Opus(96)), (Mp3(40), Mp3(160)), (Vorbis(0.1), Vorbis(0.9))])
def test_a_higher_rate_is_truer(low, high):
    audio = sound(48000)
    poor, good = fidelity(low, audio, 48000), fidelity(high, audio, 48000)
    assert good.kbits > 1.5 * poor.kbits
    assert good.si_sdr > poor.si_sdr + 3
    assert good.mel < poor.mel


@pytest.mark.parametrize(("codec", "kbits"), [(Opus(64), 64), (Mp3(128), 128), (Mp3(32), 32), (Mp3(320), 320)])
def test_the_rate_is_about_what_was_asked_for(codec, kbits):
    assert codec(sound(48000), 48000).kbits == pytest.approx(kbits, rel=0.15)


@pytest.mark.parametrize("kbits", [8, 64, 160])
def test_lower_sample_rates_have_lower_bit_rates(kbits):
    assert Mp3(kbits)(sound(22050), 22050).kbits == pytest.approx(kbits, rel=0.05)


@pytest.mark.parametrize(
    ("codec", "rate"),
    [(Opus(100), 22050), (Opus(100), 44100), (Mp3(48), 22050), (Mp3(32), 44100), (Mp3(160), 96000), (Vorbis(0.6), 22050)],
)
def test_shape_and_position_are_kept(codec, rate):
    """Whatever resampling or delay the codec has: MP3 at low rates comes back 1105 samples late and longer."""
    audio = sound(rate, 1, 2)[:, : rate - 77]
    coded = codec(audio, rate)
    assert coded.audio.shape == audio.shape
    assert lag(coded.audio[None], audio) == 0
    assert fidelity(codec, audio, rate).si_sdr > 5


def test_long_sounds_come_back_whole():
    """A low rate, whose file does not say how long it is."""
    audio = sound(16000, 30)
    back = Mp3(8)(audio, 16000).audio
    assert back[:, -16000:].square().mean() == pytest.approx(float(audio[:, -16000:].square().mean()), rel=0.2)


def test_channels_that_cancel_are_aligned():
    left = sound(44100)
    audio = torch.cat([left, -left])
    assert fidelity(Mp3(32), audio, 44100).si_sdr > 5


def test_silence_stays_silent():
    back = Opus(32)(torch.zeros(1, 48000), 48000).audio
    assert back.shape == (1, 48000)
    assert back.abs().max() < 1e-4


# --- alignment


@pytest.mark.parametrize(("late", "extra"), [(0, 0), (1105, 500), (-3, 0), (40, -100)])
def test_a_delay_is_taken_back(late, extra):
    audio = sound(8000)
    moved = torch.nn.functional.pad(audio, (late, extra - late))
    back = aligned(moved, audio)
    kept = slice(max(-late, 0), audio.shape[1] - 1200)
    assert back.shape == audio.shape
    assert torch.equal(back[:, kept], audio[:, kept])


def test_what_is_too_late_is_not_taken_for_aligned():
    """An echo at 1000 samples hides the sound itself, 1500 later."""
    white = torch.randn(1, 32000, generator=torch.Generator().manual_seed(1))
    late = torch.nn.functional.pad(white, (2500, 0)) + 0.3 * torch.nn.functional.pad(white, (1000, 1500))
    with pytest.raises(DataError, match="lags by 1000 and then 1500"):
        aligned(late, white)


# --- errors


@pytest.mark.parametrize(
    ("codec", "rate"),
    [(Opus(5), 48000), (Opus(300), 48000), (Mp3(16), 44100), (Mp3(256), 22050), (Mp3(128), 8000), (Vorbis(1.5), 44100)],
)
def test_rates_that_a_format_lacks_are_refused(codec, rate):
    with pytest.raises(UsageError, match="cannot be had for this sound, expected"):
        codec(torch.ones(1, 8000), rate)


@pytest.mark.parametrize("codec", [Opus(64), Mp3(128), Vorbis(0.5)])
def test_bad_sound_is_refused(codec):
    with pytest.raises(DataError, match="NaN"):
        codec(torch.full((1, 8000), math.nan), 44100)
    with pytest.raises(DataError, match="at least one sample"):
        codec(torch.zeros(1, 0), 44100)


def test_three_channels_are_no_mp3():
    with pytest.raises(FormatError, match="3 channels"):
        Mp3(128)(torch.ones(3, 8000), 44100)
