"""A trained codec among those that are compared: shapes, rates, and its numbers counted."""

import dataclasses

import pytest
import torch

from stemweave.audio.resample import resample
from stemweave.errors import DataError, UsageError
from stemweave.evaluation.protocols.learnedcodec import Learned
from stemweave.model.codec import Codec


@pytest.fixture(name="codec")
def make_codec(latent_model):
    return latent_model.codec


def test_it_is_the_codec_at_its_own_rate(codec):
    audio = 0.1 * torch.randn(2, 4001)
    coded = Learned(codec)(audio, 22050)
    expected = codec.decode(codec.encode(audio[None, :, None]), 4001)[0, :, 0]
    torch.testing.assert_close(coded.audio, expected)
    assert coded.kbits == pytest.approx(2 * 3 * 32 * 401 / (4001 / 22050) / 1000)
    assert Learned(codec).name == "tiny-codec (float32 latents)"


def test_other_rates_are_resampled_there_and_back(codec):
    audio = 0.1 * torch.randn(1, 44101)
    coded = Learned(codec)(audio, 44100)
    assert coded.audio.shape == audio.shape
    sent = resample(audio, 44100, 22050)
    back = codec.decode(codec.encode(sent[None, None]), sent.shape[-1])[0, 0]
    torch.testing.assert_close(coded.audio, resample(back, 22050, 44100, 44101))


def test_sounds_it_cannot_take(codec):
    stereo = Codec(dataclasses.replace(codec.config, net=dataclasses.replace(codec.config.net, channels=2)))
    assert Learned(stereo)(torch.randn(4, 100), 22050).audio.shape == (4, 100)
    with pytest.raises(UsageError, match="the sound has 3 channels, codec tiny-codec 2"):
        Learned(stereo)(torch.randn(3, 100), 22050)
    with pytest.raises(DataError):
        Learned(codec)(torch.full((1, 100), torch.nan), 22050)
