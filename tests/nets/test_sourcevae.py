"""The codec: the published network's numbers, every length kept, and what it is made of."""

import dataclasses
import math

import pytest
import torch

from stemweave.adapters.names import expected, ours, source_vae
from stemweave.errors import ModelError
from stemweave.nets.lapped import Lapped
from stemweave.nets.sourcevae import UNIT, Residual, Snake, SourceVAE, SourceVAEConfig

TINY = SourceVAEConfig(latent=3, encoder_width=4, decoder_width=8, strides=(2, 5))


STRAIGHT = SourceVAEConfig(latent=9, encoder_width=4, decoder_width=8, strides=(4,), patch=16, dilations=(1, 3), straight=3)
PATCHED = SourceVAEConfig(latent=3, encoder_width=4, decoder_width=8, strides=(4,), patch=16, dilations=(1, 3))
"""Begins and ends with lapped frames; 64 samples to a frame, of which the last frame loses a patch."""


@pytest.fixture(name="tiny")
def make_tiny() -> SourceVAE:
    torch.manual_seed(0)
    return SourceVAE(TINY)


@pytest.fixture(name="plain")
def make_plain() -> SourceVAE:
    """Weights by a formula, given under their published names: 0.5 cos(0.7 i + n) + 1 for alpha, the n-th name by alphabet."""
    net = SourceVAE(TINY).double()
    forms = {"alpha": (0.5, 1.0), "weight_g": (0.25, 1.0), "weight_v": (1.0, 0.0), "bias": (0.1, 0.0)}
    tensors = {}
    for index, (name, shape) in enumerate(sorted(expected(net, source_vae).items())):
        scale, shift = forms[name.rpartition(".")[2]]
        tensors[name] = scale * torch.cos(0.7 * torch.arange(math.prod(shape)).double() + index).reshape(shape) + shift
    net.load_state_dict(ours(net, source_vae, tensors, "the formula"))
    return net


MEAN = """
-1.420096804344e+00 9.360532686345e-01 5.936646420120e-01 -9.302786947340e-01 5.099037483755e-01
3.517586313087e-02 -1.050102807874e+00 -7.191326916619e-01 1.353547748718e+00 -1.010954605303e+00
1.671208439983e+00 -2.752530132773e-02 6.834556576907e-04 -6.303756244997e-01 4.780254935399e-01
"""
LOGVAR = """
-1.819945072601 1.221456045097 0.839189788609 -0.655653292272 0.617220121524
0.647627740370 -1.036124199424 -0.662141834747 1.449874726637 -0.848865021655
1.008779973513 0.305081029056 0.232669769762 -0.694065832989 0.590778443825
"""
SOUND = """
-3.271989129411 3.547421575753 -3.010051061110 0.402972495612 2.009176953105 1.013578781181 2.487958270687 6.694389035376
"""


def numbers(text: str) -> torch.Tensor:
    return torch.tensor([[float(word) for word in line.split()] for line in text.strip().splitlines()], dtype=torch.float64)


def test_the_numbers_are_the_published_networks(plain: SourceVAE) -> None:
    """Frozen from XZWY/MSLDM@ba5a9f5:SourceVAE/models/model/dac_vae.py with these weights, in float64; every sixth sample."""
    x = 0.5 * torch.sin(0.3 * torch.arange(48).double())[None, None]
    mean, logvar = plain.distribution(x)
    torch.testing.assert_close(mean[0], numbers(MEAN), rtol=0, atol=1e-10)
    torch.testing.assert_close(logvar[0], numbers(LOGVAR), rtol=0, atol=1e-10)
    torch.testing.assert_close(plain.decode(mean, 48)[0, :, ::6], numbers(SOUND), rtol=0, atol=1e-10)


@torch.no_grad()
def test_every_length_is_kept(tiny: SourceVAE) -> None:
    for samples in range(1, 701):
        z = tiny.encode(torch.zeros(1, 1, samples))
        assert z.shape == (1, 3, tiny.frames(samples))
        assert tiny.decode(z, samples).shape == (1, 1, samples)


def test_lengths_where_the_published_network_loses_nothing() -> None:
    config = SourceVAEConfig()
    with torch.device("meta"):
        net, sound = SourceVAE(config), torch.zeros(1, 1, 327_672)
    assert (config.hop, config.lost) == (320, 8)
    assert net.encoder(sound).shape == (1, 160, 1024)
    assert net.decoder(torch.zeros(1, 80, 1024, device="meta")).shape == (1, 1, 327_672)
    assert (net.frames(327_672), net.frames(327_673), net.frames(262_144)) == (1024, 1025, 820)


def test_padding_is_silence_at_the_end(tiny: SourceVAE) -> None:
    sound = torch.randn(2, 1, 43)
    longer = torch.cat((sound, torch.zeros(2, 1, 5)), -1)
    torch.testing.assert_close(tiny.encode(sound), tiny.encode(longer), rtol=0, atol=0)
    z = tiny.encode(sound)
    torch.testing.assert_close(tiny.decode(z, 43), tiny.decode(z, 48)[..., :43], rtol=0, atol=0)


@pytest.mark.parametrize("strides", [(3,), (4, 2), (5, 3), (3, 5, 2)])
def test_other_strides_keep_lengths_too(strides: tuple[int, ...]) -> None:
    net = SourceVAE(SourceVAEConfig(2, 3, 4, 8, strides))
    for samples in (1, 2, net.config.hop - 1, net.config.hop, net.config.hop + 1, 97):
        z = net.encode(torch.zeros(1, 2, samples))
        assert z.shape[-1] == net.frames(samples)
        assert net.decode(z, samples).shape == (1, 2, samples)


@torch.no_grad()
@pytest.mark.parametrize("channels", [1, 2])
def test_patches_keep_every_length(channels: int) -> None:
    net = SourceVAE(dataclasses.replace(PATCHED, channels=channels))
    assert (net.config.hop, net.config.lost) == (64, 16)
    for samples in (*range(1, 140), 640 - 16, 640 - 15):
        z = net.encode(torch.zeros(2, channels, samples))
        assert z.shape == (2, 3, math.ceil((samples + 16) / 64))
        assert net.decode(z, samples).shape == (2, channels, samples)


@torch.no_grad()
@pytest.mark.parametrize("channels", [1, 2])
def test_straight_latents_keep_every_length(channels: int) -> None:
    net = SourceVAE(dataclasses.replace(STRAIGHT, channels=channels))
    assert (net.config.hop, net.config.lost, net.config.dropped, net.config.passed) == (64, 64, 16, 3 * channels)
    for samples in (*range(1, 140), 640 - 64, 640 - 63):
        z = net.encode(torch.zeros(2, channels, samples))
        assert z.shape == (2, 9, math.ceil((samples + 64) / 64))
        assert net.decode(z, samples).shape == (2, channels, samples)


@torch.no_grad()
def test_straight_latents_are_the_lowest_frequencies_to_which_the_network_adds() -> None:
    """Linear, whatever the network's weights are; without it, what comes back is the sound below these frequencies."""
    net, low = SourceVAE(dataclasses.replace(STRAIGHT, channels=2)), Lapped(64)
    sound = torch.randn(3, 2, 9 * 64)
    mean, logvar = net.distribution(sound)
    assert mean.shape == logvar.shape == (3, 9, 10)
    frames = low.cosines(sound)
    torch.testing.assert_close(mean[:, 3:6], frames[:, 1, :, :3].mT / UNIT, atol=1e-5, rtol=1e-5)
    added = net.together(net.decoder(mean))
    frames[..., 3:] = 0
    torch.testing.assert_close(net.decode(mean, 9 * 64) - added, low.inverse(frames), atol=1e-5, rtol=0)


@torch.no_grad()
def test_a_codec_of_straight_latents_alone_is_linear() -> None:
    net = SourceVAE(dataclasses.replace(STRAIGHT, straight=9))
    one, other = torch.randn(2, 1, 1, 9 * 64)
    mean, logvar = net.distribution(one + other)
    assert mean.shape == logvar.shape == (1, 9, 10)
    torch.testing.assert_close(mean, net.encode(one) + net.encode(other), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(mean, net.lowest(Lapped(64), one + other), atol=1e-5, rtol=1e-5)
    assert net.decode(mean, 500).shape == (1, 1, 500)


def test_the_networks_frames_lie_where_the_straight_ones_do() -> None:
    """What a frame of the network hears of noise is centred on the middle of the straight frame that is told with it.

    For weights that are the same at every place of a kernel.
    """
    net, noise = SourceVAE(dataclasses.replace(STRAIGHT, dilations=())), torch.randn(400, 1, 9 * 64, requires_grad=True)
    torch.manual_seed(0)
    for parameter in net.parameters():
        kernel = parameter.ndim == 3 and parameter.shape[0] > 1
        parameter.data = (
            torch.randn(*parameter.shape[:2], 1).expand_as(parameter) if kernel else torch.full_like(parameter, 1e-6)
        )
    for frame in (3, 5):
        (heard,) = torch.autograd.grad(net.encoder(net.apart(noise))[:, :, frame].square().sum(), noise)
        power = heard.square().sum((0, 1))
        assert ((power * (torch.arange(9 * 64) + 0.5)).sum() / power.sum()).item() == pytest.approx(64 * frame, abs=4)


@torch.no_grad()
def test_lengths_of_a_small_codec_around_its_hop() -> None:
    net = SourceVAE(SourceVAEConfig(latent=2, encoder_width=2, decoder_width=4, strides=(8,), patch=128))
    assert (net.config.hop, net.frames(128 * 1024 - 128), net.frames(128 * 1024)) == (1024, 128, 129)
    for edge in (1, 128, 896, 1024, 2048, 4096):
        for samples in (max(edge - 1, 1), edge, edge + 1):
            z = net.encode(torch.zeros(1, 1, samples))
            assert z.shape == (1, 2, net.frames(samples))
            assert net.decode(z, samples).shape == (1, 1, samples)


@torch.no_grad()
def test_patches_of_odd_strides_keep_lengths_too() -> None:
    net = SourceVAE(dataclasses.replace(PATCHED, strides=(3, 5), decoder_width=8))
    for samples in (1, 15, 16, 17, net.config.hop - 1, net.config.hop, net.config.hop + 1, 700):
        z = net.encode(torch.zeros(1, 1, samples))
        assert z.shape[-1] == net.frames(samples)
        assert net.decode(z, samples).shape == (1, 1, samples)


def test_patches_are_lapped_frames_that_keep_the_sound() -> None:
    net, sound = SourceVAE(dataclasses.replace(PATCHED, channels=2)), torch.randn(3, 2, 5 * 64 - 16)
    frames = net.apart(sound)
    assert frames.shape == (3, 2 * 16, 5 * 4)
    torch.testing.assert_close(frames[:, 16:], Lapped(16).cosines(sound[:, 1]).mT, atol=1e-5, rtol=0)
    torch.testing.assert_close(frames.square().sum(), sound.square().sum())
    torch.testing.assert_close(net.together(frames), sound, atol=1e-5, rtol=0)


def test_without_patches_the_network_works_on_the_sound_itself(tiny: SourceVAE) -> None:
    sound = torch.randn(2, 1, 48)
    assert tiny.apart(sound) is sound
    assert tiny.together(sound) is sound


def test_padding_of_patches_is_silence_at_the_end() -> None:
    torch.manual_seed(0)
    net, sound = SourceVAE(PATCHED), torch.randn(2, 1, 100)
    z = net.encode(sound)
    torch.testing.assert_close(z, net.encode(torch.cat((sound, torch.zeros(2, 1, 12)), -1)), rtol=0, atol=0)
    torch.testing.assert_close(net.decode(z, 100), net.decode(z, 112)[..., :100], rtol=0, atol=0)


def test_dilations_are_of_the_residuals() -> None:
    net = SourceVAE(PATCHED)
    found = [layer[1].dilation for layer in net.modules() if isinstance(layer, Residual)]
    assert found == [(1,), (3,)] * 2


def test_mean_and_variance(tiny: SourceVAE) -> None:
    sound = torch.randn(2, 1, 48)
    mean, logvar = tiny.distribution(sound)
    torch.testing.assert_close(tiny.encode(sound), mean, rtol=0, atol=0)
    torch.testing.assert_close(torch.cat((mean, logvar), 1), tiny.encoder(sound), rtol=0, atol=0)
    with torch.no_grad():
        tiny.encoder[-1].bias += torch.tensor([1e3, 0, 0, -1e3, 0, 1e3])
    mean, logvar = tiny.distribution(sound)
    assert (mean[:, 0] > 900).all()
    assert (logvar[:, 0] == -30).all()
    assert (logvar[:, 2] == 20).all()


def test_snake_is_its_formula() -> None:
    snake, x = Snake(2), torch.linspace(-3, 3, 8).expand(1, 2, -1)
    with torch.no_grad():
        snake.alpha.copy_(torch.tensor([0.5, 2.0])[None, :, None])
    half, two = snake(x)[0]
    torch.testing.assert_close(half, x[0, 0] + 2 * (0.5 * x[0, 0]).sin() ** 2)
    torch.testing.assert_close(two, x[0, 0] + (2 * x[0, 0]).sin() ** 2 / 2)
    with torch.no_grad():
        snake.alpha.zero_()
    torch.testing.assert_close(snake(x), x)


def test_a_residual_adds_to_what_came() -> None:
    residual, x = Residual(4, 3), torch.randn(1, 4, 9)
    for parameter in residual[-1].parameters():
        torch.nn.init.zeros_(parameter)
    torch.testing.assert_close(residual(x), x, rtol=0, atol=0)


@pytest.mark.parametrize("config", [TINY, PATCHED])
def test_gradients_reach_every_weight(config: SourceVAEConfig) -> None:
    torch.manual_seed(0)
    net, sound = SourceVAE(config), torch.randn(1, 1, 400)
    mean, logvar = net.distribution(sound)
    (net.decode(mean, 400).square().mean() + logvar.mean()).backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_folded_parameters_of_the_published_size() -> None:
    """Weight norm's g, a number for each index of a weight's first axis, is folded away."""
    with torch.device("meta"):
        net = SourceVAE(SourceVAEConfig())
    for part, with_norm in ((net.encoder, 18_865_600), (net.decoder, 42_184_802)):
        weights = [value for name, value in part.named_parameters() if name.endswith(".weight")]
        assert sum(value.numel() for value in part.parameters()) == with_norm - sum(map(len, weights))


def test_what_cannot_be_is_refused(tiny: SourceVAE) -> None:
    with pytest.raises(ModelError, match="no samples"):
        tiny.encode(torch.zeros(1, 1, 0))
    with pytest.raises(ModelError, match="49 samples need 6 frames, got 5"):
        tiny.decode(torch.zeros(1, 3, 5), 49)
    with pytest.raises(ModelError, match=r"decoder_width \(12\) must halve 4 times"):
        SourceVAEConfig(decoder_width=12)
    for patch in (0, -2, 3):
        with pytest.raises(ModelError, match=f"patch is {patch}, expected 1 or an even number"):
            SourceVAEConfig(patch=patch)
    with pytest.raises(ModelError, match="10 of 9 latents are straight, expected no more, and a patch of 2 or more"):
        dataclasses.replace(STRAIGHT, straight=10)
    with pytest.raises(ModelError, match="3 of 9 latents are straight, expected no more, and a patch of 2 or more"):
        dataclasses.replace(STRAIGHT, patch=1)
