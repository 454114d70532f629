import math

import pytest
import torch

from stemweave.audio.resample import resample, resampled_length


@pytest.mark.parametrize("rate", [8000, 11025, 44100, 48000, 96000, 192000])
@pytest.mark.parametrize("samples", [1, 2, 3, 999, 10007])
def test_there_and_back_has_the_exact_length(rate, samples):
    narrow = resample(torch.ones(2, samples), rate, 22050)
    assert narrow.shape == (2, resampled_length(samples, rate, 22050))
    assert resample(narrow, 22050, rate, samples).shape == (2, samples)


def test_a_tone_keeps_its_phase_and_level():
    tone, expected = (torch.sin(2 * math.pi * 1000 * torch.arange(rate).double() / rate) for rate in (44100, 22050))
    assert (resample(tone.float(), 44100, 22050) - expected)[200:-200].abs().max() < 1e-4


def test_the_same_rate_changes_nothing_and_any_shape_goes():
    audio = torch.randn(3, 2, 100)
    assert torch.equal(resample(audio, 48000, 48000), audio)
    assert resample(audio, 48000, 24000).shape == (3, 2, 50)
    assert resample(torch.zeros(2, 0), 48000, 24000).shape == (2, 0)


def test_channels_do_not_leak():
    audio = torch.zeros(2, 1000)
    audio[0] = torch.randn(1000)
    assert resample(audio, 44100, 22050)[1].abs().max() == 0
