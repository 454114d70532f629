import math

import numpy as np
import pytest
import torch
from scipy.signal import lfilter, sosfreqz

from stemweave.errors import DataError
from stemweave.evaluation.measures.loudness import HIGH_PASS, SHELF, k_weighting, loudness

RATES = [16000, 22050, 44100, 48000, 96000]


def sine(levels, seconds, rate, hertz=1000.0, channels=1):
    """A sine whose peak is at each level (dBFS) for so many seconds."""
    time = np.arange(round(sum(seconds) * rate)) / rate
    gain = np.repeat(10 ** (np.array(levels) / 20), [round(s * rate) for s in seconds])
    return torch.from_numpy(gain * np.sin(2 * np.pi * hertz * time)).expand(channels, -1)


@pytest.mark.parametrize("rate", RATES)
def test_the_standards_calibration(rate):
    """Within the 0.1 LU that meters are allowed; at low rates the shelf bends a little."""
    assert loudness(sine([0.0], [2.0], rate, 997.0), rate) == pytest.approx(-3.01, abs=0.06)


def test_at_48_khz_the_filters_are_the_tables():
    expected = [np.concatenate(stage) for stage in (SHELF, HIGH_PASS)]
    assert k_weighting(48000) == pytest.approx(np.array(expected), abs=1e-10)


@pytest.mark.parametrize("rate", RATES)
def test_at_other_rates_the_filters_do_the_same(rate):
    hertz = np.geomspace(15, 0.3 * rate, 60)
    found = 20 * np.log10(np.abs(sosfreqz(k_weighting(rate), hertz, fs=rate)[1]))
    table = np.array([np.concatenate(stage) for stage in (SHELF, HIGH_PASS)])
    expected = 20 * np.log10(np.abs(sosfreqz(table, hertz, fs=48000)[1]))
    assert hertz[-1] < 30000
    inside = hertz < 20000
    assert found[inside] == pytest.approx(expected[inside], abs=0.1)


@pytest.mark.parametrize(
    ("levels", "seconds"),
    [
        ([-23.0], [20.0]),
        ([-36.0, -23.0, -36.0], [10.0, 60.0, 10.0]),
        ([-72.0, -36.0, -23.0, -36.0, -72.0], [10.0, 10.0, 60.0, 10.0, 10.0]),
        ([-26.0, -20.0, -26.0], [20.0, 20.1, 20.0]),
    ],
)
def test_the_gates_by_ebu_tech_3341(levels, seconds):
    """Its cases 1, 3, 4 and 5: stereo sines of 1 kHz that all must read -23.0 ± 0.1 LUFS."""
    assert loudness(sine(levels, seconds, 16000, channels=2), 16000) == pytest.approx(-23.0, abs=0.1)


def slow_loudness(audio):
    """ITU-R BS.1770 at 48 kHz, block by block: 0.4 s every 0.1 s, an absolute and a relative gate."""
    shelf = ([1.53512485958697, -2.69169618940638, 1.19839281085285], [1.0, -1.69065929318241, 0.73248077421585])
    weighted = lfilter([1.0, -2.0, 1.0], [1.0, -1.99004745483398, 0.99007225036621], lfilter(*shelf, audio))
    powers = [np.square(weighted[:, k : k + 19200]).mean(1).sum() for k in range(0, audio.shape[1] - 19200 + 1, 4800)]
    heard = [power for power in powers if -0.691 + 10 * math.log10(power) > -70]
    gate = -0.691 + 10 * math.log10(np.mean(heard)) - 10
    return -0.691 + 10 * math.log10(np.mean([power for power in heard if -0.691 + 10 * math.log10(power) > gate]))


@pytest.mark.parametrize("channels", [1, 2])
def test_it_equals_a_slow_implementation(channels):
    """Noise whose level wanders by tens of dB every few tenths of a second, so that many blocks lie about the gates."""
    rng = np.random.default_rng(channels)
    levels = np.repeat(rng.uniform(-75, -10, 60), 12000)[: 48000 * 11 + 777]
    audio = 10 ** (levels / 20) * rng.standard_normal((channels, len(levels)))
    assert loudness(torch.from_numpy(audio), 48000) == pytest.approx(slow_loudness(audio), abs=1e-9)


def test_two_channels_are_twice_the_power():
    one, two = (loudness(sine([-20.0], [1.0], 44100, channels=channels), 44100) for channels in (1, 2))
    assert two - one == pytest.approx(10 * math.log10(2), abs=1e-6)


def test_silence_and_less_than_the_gate_have_no_loudness():
    assert loudness(torch.zeros(1, 8000), 8000) == -math.inf
    assert loudness(sine([-75.0], [1.0], 16000), 16000) == -math.inf


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (torch.zeros(1, 6399), "0.40 s, expected at least 0.4 s"),
        (torch.zeros(3, 16000), "3 channels"),
        (torch.zeros(16000), "expected 2 dimensions"),
        (torch.full((1, 16000), math.nan), "NaN"),
    ],
)
def test_what_has_no_loudness_is_refused(audio, message):
    with pytest.raises(DataError, match=message):
        loudness(audio, 16000)
