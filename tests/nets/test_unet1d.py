"""The published U-Net: the same numbers as audio-diffusion-pytorch 0.0.43 from the same weights, and its sizes."""

import dataclasses
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from stemweave.adapters import names, unets
from stemweave.errors import ModelError
from stemweave.nets.prompts import Prompt
from stemweave.nets.unet1d import ISDM, MSDM, MSLDM, MSLDM_LARGE, UNet1d, UNet1dConfig, lengthening

SHAPES = {
    "waveform": UNet1dConfig(4, 32, (1, 2, 2, 1), (4, 3, 1), (1, 2, 2), (False, True, True), 2, 16, 4, 4),
    "latent": UNet1dConfig(32, 256, (1, 2, 1), (1, 2), (2, 1), (False, True), 3, 16, 16, 8),
}


def deterministic(net: nn.Module) -> nn.Module:
    """Every weight from its place alone: no generator's stream to depend on."""
    with torch.no_grad():
        for place, parameter in enumerate(net.parameters()):
            count = torch.arange(parameter.numel(), dtype=torch.float64)
            fan = max(parameter[0].numel() if parameter.ndim > 1 else 4, 4)
            wave = torch.sin(0.7 * (place + 1) + 1.3 * count) * 1.5 / math.sqrt(fan)
            parameter.copy_((wave + float(parameter.ndim == 1 and bool(parameter.mean() == 1))).view_as(parameter))
    return net.eval().requires_grad_(False)


def inputs(config: UNet1dConfig) -> tuple[Tensor, Tensor]:
    count = torch.arange(2 * config.inputs * 3 * config.grain, dtype=torch.float64)
    x = torch.sin(0.37 * count + 0.001 * count**1.3).float().view(2, config.inputs, -1)
    return x, torch.tensor([-1.7, 0.4])


@pytest.mark.parametrize(
    ("config", "parameters"),
    [(MSDM, 405_497_700), (ISDM, 405_491_100), (MSLDM, 364_416_864), (MSLDM_LARGE, 441_314_656)],
)
def test_published_sizes(config: UNet1dConfig, parameters: int) -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in UNet1d(config).parameters()) == parameters


@pytest.mark.parametrize(("config", "grain"), [(MSDM, 8192), (MSLDM, 64), (MSLDM_LARGE, 256)])
def test_lengths_are_multiples_of_the_grain(config: UNet1dConfig, grain: int) -> None:
    assert config.grain == grain


def made_with(config: UNet1dConfig) -> dict[str, Any]:
    """What the package is told to make such a network."""
    return unets.made_with(config) | {"kernel_sizes_init": [1, 3, 7], "use_context_time": True}


def moved(net: nn.Module) -> nn.Module:
    """Gains and biases too are random, or a missing one would not show."""
    torch.manual_seed(0)
    for parameter in net.parameters():
        parameter.data.add_(0.2 * torch.randn_like(parameter))
    return net.requires_grad_(False)


@pytest.mark.parametrize("name", SHAPES)
def test_it_is_the_package_s_function(name: str) -> None:
    package = pytest.importorskip("audio_diffusion_pytorch.modules", reason="needs audio-diffusion-pytorch 0.0.43")
    config = SHAPES[name]
    theirs = moved(package.UNet1d(**made_with(config)))
    ours = UNet1d(config)
    ours.load_state_dict(names.ours(ours, names.unet1d, theirs.state_dict(), "the package's network"))
    x, time = inputs(config)
    with torch.no_grad():
        wanted, got = theirs(x.clone(), time), ours(x, time)
    assert (got - wanted).abs().max() < 1e-5 * wanted.abs().max()
    assert wanted.std() > 0.1


def prompted(name: str) -> tuple[UNet1dConfig, Prompt]:
    """That shape with a context, and two prompts of five tokens, none of them padded."""
    generator = torch.Generator().manual_seed(3)
    tokens, pooled = torch.randn(2, 5, 24, generator=generator), torch.randn(2, 24, generator=generator)
    return dataclasses.replace(SHAPES[name], context=24), Prompt(tokens, torch.ones(2, 5, dtype=torch.bool), pooled)


@pytest.mark.parametrize("name", SHAPES)
def test_told_a_prompt_it_is_the_package_s_conditional_function(name: str) -> None:
    """Tokens are the package's embedding, the vector is its features, of which a published network may have either or both."""
    package = pytest.importorskip("audio_diffusion_pytorch.modules", reason="needs audio-diffusion-pytorch 0.0.43")
    config, prompt = prompted(name)
    theirs = moved(
        package.UNetConditional1d(24, context_embedding_max_length=5, context_features=24, **made_with(config)),
    )
    state = {key: value for key, value in theirs.state_dict().items() if not key.startswith("fixed_embedding")}
    ours = UNet1d(config).requires_grad_(False)
    ours.load_state_dict(names.ours(ours, names.unet1d, state, "the package's network"))
    x, time = inputs(config)
    wanted, got = theirs(x.clone(), time, embedding=prompt.tokens, features=prompt.pooled), ours(x, time, prompt)
    assert (got - wanted).abs().max() < 1e-5 * wanted.abs().max()
    assert wanted.std() > 0.1
    other = theirs(x.clone(), time, embedding=prompt.tokens.flip(2), features=prompt.pooled)
    assert (other - wanted).abs().max() > 0.01 * wanted.abs().max(), "the tokens are heard"


@pytest.mark.parametrize("name", SHAPES)
def test_untrained_it_is_the_package_s_network_without_features(name: str) -> None:
    package = pytest.importorskip("audio_diffusion_pytorch.modules", reason="needs audio-diffusion-pytorch 0.0.43")
    config, prompt = prompted(name)
    ours = UNet1d(config).requires_grad_(False)
    state = {
        known: value.view(shape)
        for key, value in ours.state_dict().items()
        for known, shape in names.unet1d(key, tuple(value.shape)).items()
    }
    theirs = package.UNet1d(context_embedding_features=24, **made_with(config)).requires_grad_(False)
    theirs.load_state_dict({key: value for key, value in state.items() if not key.startswith("to_features")})
    x, time = inputs(config)
    wanted = theirs(x.clone(), time, embedding=prompt.tokens)
    assert (ours(x, time, prompt) - wanted).abs().max() < 1e-5 * wanted.abs().max()


def test_padded_tokens_are_not_heard() -> None:
    config, prompt = prompted("waveform")
    net, (x, time) = moved(UNet1d(config)).double(), inputs(config)
    tokens, pooled = torch.cat((prompt.tokens, prompt.tokens.flip(2)), 1).double(), prompt.pooled.double()
    alone = net(x.double(), time, Prompt(tokens[:, :5], prompt.mask, pooled))
    padded = net(x.double(), time, Prompt(tokens, prompt.padded(10).mask, pooled))
    torch.testing.assert_close(padded, alone, rtol=1e-9, atol=1e-9)
    every = net(x.double(), time, Prompt(tokens, torch.ones(2, 10, dtype=torch.bool), pooled))
    assert not torch.allclose(every, alone, rtol=0.01, atol=0.01)


def test_tokens_have_no_order_and_items_hear_their_own() -> None:
    config, prompt = prompted("waveform")
    net, (x, time) = moved(UNet1d(config)), inputs(config)
    both = net(x, time, prompt)
    turned = Prompt(prompt.tokens.flip(1), prompt.mask, prompt.pooled)
    torch.testing.assert_close(net(x, time, turned), both, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(net(x[1:], time[1:], prompt.split()[1]), both[1:], rtol=1e-4, atol=1e-5)
    swapped = Prompt(prompt.tokens.flip(0), prompt.mask, prompt.pooled.flip(0))
    assert not torch.allclose(net(x, time, swapped), both, rtol=0.01, atol=0.01)


def test_the_prompt_s_vector_counts_once_it_is_learned() -> None:
    config, prompt = prompted("waveform")
    net, (x, time) = UNet1d(config).requires_grad_(False), inputs(config)
    other = Prompt(prompt.tokens, prompt.mask, prompt.pooled + 1)
    assert torch.equal(net(x, time, prompt), net(x, time, other))
    moved(net)
    assert not torch.allclose(net(x, time, prompt), net(x, time, other), rtol=0.01, atol=0.01)


@pytest.mark.parametrize(
    ("context", "width", "message"),
    [(24, 0, "of width 0; this network takes 24"), (24, 16, "of width 16; this network takes 24"), (0, 24, "takes 0 .0: none")],
)
def test_a_prompt_of_another_width_missing_or_too_many(context: int, width: int, message: str) -> None:
    config = dataclasses.replace(SHAPES["waveform"], context=context)
    told = Prompt(torch.zeros(2, 1, width), torch.ones(2, 1, dtype=torch.bool), torch.zeros(2, width)) if width else None
    with pytest.raises(ModelError, match=f"got prompts .*{message}"):
        UNet1d(config)(*inputs(config), told)


def test_the_size_of_a_published_shape_with_prompts() -> None:
    """By hand: of every block two gains, q, k and v, the way out and its gain; and the vector's layer."""
    with torch.device("meta"):
        net = UNet1d(dataclasses.replace(ISDM, context=512))
    widths = [
        2 * 512,
        2 * 1024,
        *[2 * 1024] * 4,
    ]  # blocks on the way down times their channels; the way up has transformers' too
    up = [2 * 512, 2 * 1024, 2 * 1024, *[3 * 1024] * 3]
    channels, blocks = sum(widths) + sum(up) + 2 * 1024, 12 + 15 + 2
    heads = 8 * 128
    cross = channels * (1 + heads + heads + 1) + blocks * (512 + 512 * 2 * heads)
    assert sum(p.numel() for p in net.parameters()) == 405_491_100 + cross + 512 * 1024 + 1024


FROZEN = {
    "waveform": [-1.48222, 2.60859, 0.185897, 0.0327063, 4.84394, 4.30587, -0.734331],
    "latent": [0.434671, -0.97809, -4.38048, -0.768879, -2.74912, 1.38255, 3.25305],
}


@pytest.mark.parametrize(("name", "frozen"), FROZEN.items())
def test_frozen_numbers_of_the_package(name: str, frozen: list[float]) -> None:
    """Made with the package's network holding these weights."""
    config = SHAPES[name]
    x, time = inputs(config)
    answer = deterministic(UNet1d(config))(x, time).flatten()
    assert answer[:: len(answer) // 7][:7].tolist() == pytest.approx(frozen, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
@pytest.mark.parametrize("frames", [1, 5])
def test_lengthening_makes_time_as_many_times_longer(factor: int, frames: int) -> None:
    assert lengthening(3, 2, factor)(torch.randn(2, 3, frames)).shape == (2, 2, factor * frames)


@pytest.mark.parametrize("told", [False, True])
def test_every_weight_matters(told: bool) -> None:
    config, prompt = prompted("waveform") if told else (SHAPES["waveform"], None)
    net = UNet1d(config)
    net(*inputs(config), prompt).square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().max() > 0 for parameter in net.parameters())


def test_inputs_are_left_alone_and_items_do_not_hear_each_other() -> None:
    net = deterministic(UNet1d(SHAPES["waveform"]))
    x, time = inputs(net.config)  # type: ignore[arg-type]
    kept = x.clone()
    both = net(x, time)
    assert torch.equal(x, kept)
    torch.testing.assert_close(net(x[1:], time[1:]), both[1:], rtol=1e-4, atol=1e-5)


def test_other_lengths_are_refused() -> None:
    net = UNet1d(SHAPES["waveform"])
    with pytest.raises(ModelError, match="got 47 samples; this network takes multiples of 48"):
        net(torch.zeros(1, 4, 47), torch.zeros(1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"factors": (4, 3)}, "one value per level"),
        ({"multipliers": (1, 2)}, "multipliers one more"),
        ({"patch": 5}, "multiple of patch"),
    ],
)
def test_misshapen_configurations(change: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        UNet1dConfig(**({"inputs": 4} | change))  # type: ignore[arg-type]
