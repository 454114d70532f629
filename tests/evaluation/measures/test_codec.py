import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from stemweave.errors import DataError
from stemweave.evaluation.measures.codec import (
    SCALES,
    Coded,
    Scale,
    additivity_error,
    fidelity,
    file_kbits,
    latent_kbits,
    mel_distance,
)

RATE = 16000


def noise(seed, *shape, level=-20.0):
    audio = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return audio / audio.square().mean().sqrt() * 10 ** (level / 20)


def numpy_mel_distance(one, other, rate, scales):
    """Written again: frames cut by hand, a slow transform, triangles by interpolation."""
    total = 0.0
    for window, bands in scales:
        hop, bins = window // 4, window // 2 + 1
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
        corners = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + rate / 2 / 700), bands + 2) / 2595) - 1)
        at = np.arange(bins) * rate / window
        least = rate / 2 / bins
        left = np.minimum(corners[:-2], corners[1:-1] - least)
        right = np.maximum(corners[2:], corners[1:-1] + least)
        triangles = np.stack([np.interp(at, (a, b, c), (0, 1, 0)) for a, b, c in zip(left, corners[1:-1], right, strict=True)])
        logs = []
        for audio in (one, other):
            padded = np.pad(audio, window // 2)
            frames = [padded[k : k + window] * hann for k in range(0, len(padded) - window + 1, hop)]
            magnitude = np.abs(np.fft.rfft(frames)) * 2 / hann.sum()
            logs.append(np.log10(np.maximum(magnitude @ triangles.T, 1e-5)))
        total += np.mean(np.abs(logs[0] - logs[1]))
    return total


# --- mel distance


def test_the_scales_are_those_of_the_paper():
    assert [scale.window for scale in SCALES] == [32, 64, 128, 256, 512, 1024, 2048]
    assert [scale.bands for scale in SCALES] == [5, 10, 20, 40, 80, 160, 320]


def test_it_equals_an_independent_implementation():
    fading = torch.logspace(0, -6, 4000)  # to where bands are under the floor
    one, other = noise(0, 1, 4000), noise(1, 1, 4000, level=-30) * fading
    for scales in (SCALES, (Scale(256, 12),)):
        expected = numpy_mel_distance(one[0].numpy(), other[0].numpy(), RATE, [(s.window, s.bands) for s in scales])
        assert mel_distance(one, other, RATE, scales) == pytest.approx(expected, rel=1e-4)


def test_a_gain_counts_by_its_logarithm_at_every_scale():
    audio = noise(0, 2, RATE)
    for decibels in (-6.0, -1.0, 3.0):
        assert mel_distance(audio * 10 ** (decibels / 20), audio, RATE) == pytest.approx(7 * abs(decibels) / 20, rel=1e-3)


def test_the_same_is_no_distance_and_the_floor_hides_what_is_below():
    audio = noise(0, 1, RATE)
    assert mel_distance(audio, audio, RATE) == 0
    assert mel_distance(audio * 1e-9, torch.zeros_like(audio), RATE) == 0


def test_channels_are_averaged():
    one, other = noise(0, 2, RATE), noise(1, 2, RATE)
    each = [mel_distance(one[[k]], other[[k]], RATE) for k in (0, 1)]
    assert mel_distance(one, other, RATE) == pytest.approx(sum(each) / 2, rel=1e-5)


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        (torch.ones(1, 9), torch.ones(1, 8), "cut them alike"),
        (torch.ones(1, 9), torch.full((1, 9), math.inf), "the other sound holds NaN or infinite"),
        (torch.ones(1, 0), torch.ones(1, 0), "at least one sample"),
        (torch.ones(9), torch.ones(9), "expected 2 dimensions"),
    ],
)
def test_bad_sound_has_no_distance(one, other, message):
    with pytest.raises(DataError, match=message):
        mel_distance(one, other, RATE)


# --- encoders


def blocks(audio):
    """A linear toy codec: blocks of 8 samples through a fixed matrix."""
    matrix = torch.randn(8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return audio.double().unfold(-1, 8, 8) @ matrix


def test_a_linear_encoder_has_no_error():
    one, other = noise(0, 1, 800), noise(1, 1, 800)
    assert additivity_error(blocks, one, other) < 1e-6


def test_a_square_has_known_errors():
    """(a + b)² - a² - b² = 2ab, which is half of (2a)² for a = b."""
    one = noise(0, 1, 800)
    assert additivity_error(torch.square, one, one) == pytest.approx(0.5)


def test_a_constant_is_added_once_too_often():
    ones = torch.ones(1, 100)
    assert additivity_error(lambda a: a + 1, ones, ones) == pytest.approx(1 / 3)


def test_an_encoder_of_zeros_has_no_relative_error():
    with pytest.raises(DataError, match="zeros or NaN"):
        additivity_error(torch.zeros_like, torch.ones(1, 9), torch.ones(1, 9))


# --- rates


def test_rates_are_bits_over_time():
    """9 codebooks of 1024 at 86 frames a second are 7.74 kbit/s."""
    assert latent_kbits(torch.zeros(9, 860), 10, 10.0) == pytest.approx(7.74)
    assert latent_kbits(torch.zeros(64, 215), 32, 10.0) == pytest.approx(44.032)
    assert file_kbits(160_000, 10.0) == pytest.approx(128)


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan])
def test_no_time_has_no_rate(seconds):
    with pytest.raises(DataError, match="no rate"):
        file_kbits(1, seconds)


# --- a whole codec


@dataclass(frozen=True)
class Steps:
    """Rounds to a grid: noise of step / √12."""

    step: float
    name: str = "steps"

    def __call__(self, audio, rate):
        return Coded((audio / self.step).round() * self.step, 3.0)


def test_rounding_has_the_noise_of_its_steps():
    audio = noise(0, 2, RATE) * torch.tensor([[1.0], [0.5]])  # channels count jointly
    found = fidelity(Steps(0.01), audio, RATE)
    assert found.si_sdr == pytest.approx(10 * math.log10(0.01 * (1 + 0.25) / 2 / (0.01**2 / 12)), abs=0.1)
    assert found.kbits == 3.0
    assert found.mel == pytest.approx(mel_distance((audio / 0.01).round() * 0.01, audio, RATE))
    assert found.mel < fidelity(Steps(0.1), audio, RATE).mel


def test_a_codec_that_changes_the_length_is_refused():
    with pytest.raises(DataError, match="cut them alike"):
        fidelity(lambda audio, rate: Coded(audio[:, 1:], 1.0), noise(0, 1, RATE), RATE)
