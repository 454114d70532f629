"""Codecs: stems one by one, whitened, of any length; and what a model is told about them."""

import dataclasses

import pytest
import torch

from stemweave.errors import ModelError
from stemweave.model.codec import Codec, CodecConfig, Identity
from stemweave.model.config import ModelConfig
from stemweave.model.model import Model


@pytest.fixture(name="codec")
def make_codec(latent_model: Model) -> Codec:
    assert isinstance(latent_model.codec, Codec)
    return latent_model.codec


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_stems_are_coded_one_by_one_and_whitened(codec: Codec) -> None:
    audio = noise(2, 4, 1, 98)
    latents = codec.encode(audio)
    assert latents.shape == (2, 4, 3, 10)
    mean, std = (torch.tensor(values)[:, None] for values in (codec.config.mean, codec.config.std))
    for item in range(2):
        for stem in range(4):
            plain = codec.net.encode(audio[item, stem : stem + 1])[0]
            torch.testing.assert_close(latents[item, stem], (plain - mean) / std)
            torch.testing.assert_close(
                codec.decode(latents, 98)[item, stem], codec.net.decode(plain[None], 98)[0], atol=1e-5, rtol=1e-5
            )
    assert (codec.hop, codec.channels, codec.linear) == (10, 3, False)


def test_latents_are_as_they_are_without_statistics(codec: Codec) -> None:
    plain = Codec(dataclasses.replace(codec.config, mean=(), std=()))
    plain.load_state_dict(codec.state_dict())
    audio = noise(1, 2, 1, 33)
    latents = codec.net.encode(audio[0])
    torch.testing.assert_close(plain.encode(audio)[0], latents)
    torch.testing.assert_close(plain.decode(latents[None], 33)[0], codec.net.decode(latents, 33))


def test_every_length_around_a_hop_is_kept(codec: Codec) -> None:
    for samples in (*range(1, 45), 638, 639):
        latents = codec.encode(torch.zeros(1, 1, 1, samples))
        assert latents.shape[-1] == codec.config.net.frames(samples)
        assert codec.decode(latents, samples).shape == (1, 1, 1, samples)
    with pytest.raises(ModelError, match="got no samples"):
        codec.encode(torch.zeros(1, 1, 1, 0))
    with pytest.raises(ModelError, match="39 samples need 5 frames, got 4"):
        codec.decode(torch.zeros(1, 1, 3, 4), 39)


def test_no_codec_has_the_same_form() -> None:
    none, audio = Identity(2), noise(1, 4, 2, 50)
    assert (none.hop, none.channels, none.linear) == (1, 2, True)
    assert torch.equal(none.decode(none.encode(audio), 40), audio[..., :40])
    assert not none.state_dict()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mean": (0.0,)}, "got 1 values of mean, expected 3 or none"),
        ({"std": (1.0, 1.0)}, "got 2 values of std, expected 3 or none"),
        ({"std": (1.0, 0.0, 1.0)}, "the smallest std is 0.0, expected more than 0"),
        ({"std": (1.0, float("nan"), 1.0)}, "std holds .*, expected finite numbers"),
        ({"mean": ("a", 0.0, 0.0)}, "mean holds .*, expected finite numbers"),
        ({"linear": True}, "shifted by a mean do not add up"),
    ],
)
def test_statistics_that_cannot_be(codec: Codec, change: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=f"codec tiny-codec: .*{message}"):
        dataclasses.replace(codec.config, **change)  # type: ignore[arg-type]
    assert dataclasses.replace(codec.config, mean=(), linear=True).linear


def test_a_model_knows_the_shape_of_its_stems(latent_model: Model, tiny_model: Model) -> None:
    assert latent_model.shape(2, 638) == (2, 4, 3, 64)
    assert latent_model.shape(1, 639) == (1, 4, 3, 65)
    assert tiny_model.shape(2, 638) == (2, 4, 1, 638)
    for model in (latent_model, tiny_model):
        audio = noise(2, 4, 1, 77)
        assert model.codec.encode(audio).shape == model.shape(2, 77)
        assert model.codec.channels == model.config.width
    assert isinstance(tiny_model.codec, Identity)


def test_codecs_of_other_models_are_refused(latent_model: Model) -> None:
    config = latent_model.config
    assert config.codec is not None
    other = dataclasses.replace(config.codec, rate=44100)
    with pytest.raises(ModelError, match="latent has 1 channels at 22050 Hz, but its codec tiny-codec 1 at 44100 Hz"):
        dataclasses.replace(config, codec=other)
    stereo = dataclasses.replace(config.codec, net=dataclasses.replace(config.codec.net, channels=2))
    with pytest.raises(ModelError, match="but its codec tiny-codec 2 at 22050 Hz"):
        dataclasses.replace(config, codec=stereo)
    fine = CodecConfig("fine", 22050, dataclasses.replace(config.codec.net, latent=5))
    expected = "takes 12 signals, expected 20 for bass, drums, guitar, piano with 5 latents of codec fine each"
    with pytest.raises(ModelError, match=expected):
        Model(dataclasses.replace(config, codec=fine))


def test_it_survives_json(latent_model: Model) -> None:
    assert ModelConfig.from_json(latent_model.config.to_json()) == latent_model.config
    text = latent_model.config.to_json()
    for change, message in (("3", "expected a list, got 3"), ("[1, NaN, 2]", "expected a finite number, got nan")):
        start = text.index('"std": ') + len('"std": ')
        broken = text[:start] + change + text[text.index("]", start) + 1 :]
        with pytest.raises(ModelError, match=message):
            ModelConfig.from_json(broken)
