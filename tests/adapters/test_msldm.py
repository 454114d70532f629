"""The published models of 2409.06190: the recipe, and a model of ours from files of their form."""

from dataclasses import replace

import pytest
import torch

from stemweave.adapters.containers import lightning
from stemweave.adapters.msldm import MSLDM, MSLDM_LARGE, SOURCE_VAE, codec_of, convert, convert_codec
from stemweave.errors import ModelError
from stemweave.model.checkpoint import load, load_codec, save
from stemweave.model.codec import Codec
from stemweave.model.config import ModelConfig
from stemweave.model.model import Model
from stemweave.nets.sourcevae import SourceVAEConfig

OWN = {"hyper_parameters": {"diffusion_sigma_data": 0.4}}
VAE = replace(SOURCE_VAE, net=SourceVAEConfig(latent=3, encoder_width=4, decoder_width=8, strides=(2, 5)))


@pytest.fixture(name="small")
def make_small(small_unet):
    return replace(MSLDM, net=replace(small_unet, inputs=12), window=638, codec=VAE)


@pytest.fixture(name="large")
def make_large(small):
    return replace(small, name="msldm-large", net=replace(small.net, blocks=(2,)))


@pytest.fixture(name="codec")
def make_codec(publish_codec, tmp_path):
    publish_codec(tmp_path / "sourcevae_ckpt")
    return convert_codec(tmp_path / "sourcevae_ckpt", VAE)


def test_the_recipe_is_the_published_one():
    for config in (MSLDM, MSLDM_LARGE):
        assert (config.stems, config.rate, config.window) == (("bass", "drums", "guitar", "piano"), 22050, 327_672)
        assert (config.sigma_data, config.mixture_level, config.width) == (0.4, 0, 80)
        assert (config.hears_stems, config.hears_mixtures) == (False, False)
        assert (config.frames(config.window), config.frames(config.window + 1)) == (1024, 1025)
        assert config.frames(config.window) % config.net.grain == 0
        assert ModelConfig.from_json(config.to_json()) == config
        assert config.settings.conditioning == "replacement"
        for used in (config.settings.generate, config.settings.accompany):
            assert (used.steps, used.sigma_max, used.sigma_min, used.rho) == (150, 3, 1e-2, 7)
            assert (used.solver, used.churn, used.resamples) == ("euler", 20, 1)
    assert (SOURCE_VAE.linear, SOURCE_VAE.mean, SOURCE_VAE.std) == (False, (), ())


def test_sizes_are_the_published_ones():
    """The codec's as published, less the 20 961 norms that are folded into its weights."""
    with torch.device("meta"):
        sizes = [sum(parameter.numel() for parameter in Model(config).parameters()) for config in (MSLDM, MSLDM_LARGE)]
    assert sizes == [net + 61_050_402 - 20_961 for net in (364_416_864, 441_314_656)]


def test_a_model_round_trips(publish, small, codec, tmp_path):
    net = publish(tmp_path / "msldm.ckpt", inputs=12, **OWN)
    model = convert(tmp_path / "msldm.ckpt", codec, [small])
    save(model, tmp_path / "model", precision=torch.float32)
    back = load(tmp_path / "model")
    state = back.state_dict()
    assert all(torch.equal(value, state[f"net.net.{name}"]) for name, value in net.state_dict().items())
    assert all(torch.equal(value, state[f"codec.{name}"]) for name, value in codec.state_dict().items())
    sha256 = lightning(tmp_path / "msldm.ckpt").sha256
    assert back.config.trained_on == f"{small.trained_on}; converted from msldm.ckpt (sha256 {sha256})"
    assert back.config.codec == codec.config
    assert back.config == replace(small, codec=codec.config, trained_on=back.config.trained_on, steps_trained=40)


def test_the_model_evaluates_the_published_network(publish, small, codec, tmp_path):
    """D = c_skip x + c_out F(c_in x, ln σ / 4), with all stems' latents as the network's channels, stem by stem."""
    net = publish(tmp_path / "msldm.ckpt", inputs=12, **OWN)
    model = convert(tmp_path / "msldm.ckpt", codec, [small])
    x, sigma, data = torch.randn(2, 4, 3, 64), torch.tensor(0.7), 0.4
    total = (sigma**2 + data**2).sqrt()
    with torch.no_grad():
        answer = net(x.reshape(2, 12, 64) / total, (sigma.log() / 4).expand(2)).reshape(2, 4, 3, 64)
        denoised = model.prior()(x, sigma)
    torch.testing.assert_close(denoised, (data / total) ** 2 * x + sigma * data / total * answer)


@pytest.mark.parametrize("larger_first", [True, False])
@pytest.mark.parametrize("blocks", [1, 2])
def test_the_size_is_told_by_the_file(larger_first, blocks, publish, small, large, codec, tmp_path):
    path, sizes = tmp_path / "x.ckpt", [small, large]
    publish(path, inputs=12, blocks=(blocks,), **OWN)
    model = convert(path, codec, sizes[::-1] if larger_first else sizes)
    assert (model.config.name, model.config.net) == (sizes[blocks - 1].name, sizes[blocks - 1].net)


def test_other_networks_are_refused(publish, small, large, codec, tmp_path):
    path = tmp_path / "x.ckpt"
    publish(path, inputs=12, **OWN)
    with pytest.raises(ModelError, match=r"x\.ckpt is not this network: .* tensors differ"):
        convert(path, codec, [large])
    publish(path, inputs=12)
    with pytest.raises(ModelError, match=r"first diffusion_sigma_data: expected 0\.4, found 0\.2"):
        convert(path, codec, [small])


def test_codecs_that_do_not_fit_are_refused(publish, publish_codec, small, tmp_path):
    path, other = tmp_path / "x.ckpt", replace(VAE, name="other", net=replace(VAE.net, latent=5))
    publish(path, inputs=12, **OWN)
    publish_codec(tmp_path / "other_ckpt", other.net)
    codec = convert_codec(tmp_path / "other_ckpt", other)
    with pytest.raises(ModelError, match=r"takes 12 signals, expected 20 for .* with 5 latents of codec other each"):
        convert(path, codec, [small])
    with pytest.raises(ModelError, match="but its codec x 1 at 44100 Hz"):
        convert(path, Codec(replace(VAE, name="x", rate=44100)), [small])


@pytest.mark.parametrize("change", [{"mean": (5.0, 0.0, 0.0)}, {"std": (0.01, 0.01, 3.0)}, {"compand": 0.2}])
def test_a_codec_with_statistics_is_refused(publish, small, codec, change, tmp_path):
    publish(tmp_path / "x.ckpt", inputs=12, **OWN)
    codec.config = replace(codec.config, **change)
    with pytest.raises(ModelError, match="hands out whitened or companded latents; the published models walk over"):
        convert(tmp_path / "x.ckpt", codec, [small])


def test_a_codec_round_trips(publish_codec, tmp_path):
    net = publish_codec(tmp_path / "sourcevae_ckpt")
    codec = convert_codec(tmp_path / "sourcevae_ckpt", VAE)
    assert all(torch.equal(value, codec.net.state_dict()[name]) for name, value in net.state_dict().items())
    assert codec.config.trained_on.startswith(f"{VAE.trained_on}; converted from sourcevae_ckpt (sha256 ")
    save(codec, tmp_path / "codec", precision=torch.float32)
    audio = torch.randn(1, 4, 1, 99)
    for again in (load_codec(tmp_path / "codec"), codec_of(tmp_path / "codec"), codec_of(tmp_path / "sourcevae_ckpt", VAE)):
        assert again.config == codec.config
        assert torch.equal(again.encode(audio), codec.encode(audio))
    with pytest.raises(ModelError, match=r"sourcevae_ckpt is not this network: .* expected 238 tensors"):
        convert_codec(tmp_path / "sourcevae_ckpt")


def test_files_in_the_wrong_order_are_told_apart(publish, publish_codec, small, codec, tmp_path):
    publish(tmp_path / "msldm.ckpt", inputs=12, **OWN)
    publish_codec(tmp_path / "sourcevae_ckpt")
    with pytest.raises(
        ModelError, match=r"sourcevae_ckpt holds no 'state_dict'; .* it is a codec's file: .* after the network"
    ):
        convert(tmp_path / "sourcevae_ckpt", codec, [small])
    with pytest.raises(ModelError, match=r"msldm\.ckpt holds no 'generator'; .* it is a network's file: .* before the codec"):
        codec_of(tmp_path / "msldm.ckpt")
