"""The published U-Net: the same numbers as audio-diffusion-pytorch 0.0.43 from the same weights, and its sizes."""

import math

import pytest
import torch
from torch import Tensor, nn

from stemweave.adapters import names
from stemweave.errors import ModelError
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


@pytest.mark.parametrize("name", SHAPES)
def test_it_is_the_package_s_function(name: str) -> None:
    package = pytest.importorskip("audio_diffusion_pytorch.modules", reason="needs audio-diffusion-pytorch 0.0.43")
    config = SHAPES[name]
    theirs = package.UNet1d(
        in_channels=config.inputs, channels=config.width, patch_blocks=1, patch_factor=config.patch,
        multipliers=config.multipliers, factors=config.factors, num_blocks=config.blocks, attentions=config.attention,
        attention_heads=config.heads, attention_features=config.head_width, attention_multiplier=2,
        resnet_groups=config.groups, kernel_multiplier_downsample=2, kernel_sizes_init=[1, 3, 7], use_nearest_upsample=False,
        use_skip_scale=True, use_attention_bottleneck=True, use_context_time=True,
    )  # fmt: skip
    torch.manual_seed(0)
    for parameter in theirs.parameters():  # gains and biases too, or a missing one would not show
        parameter.data.add_(0.2 * torch.randn_like(parameter))
    ours = UNet1d(config)
    ours.load_state_dict(names.ours(ours, names.unet1d, theirs.state_dict(), "the package's network"))
    x, time = inputs(config)
    with torch.no_grad():
        wanted, got = theirs(x.clone(), time), ours(x, time)
    assert (got - wanted).abs().max() < 1e-5 * wanted.abs().max()
    assert wanted.std() > 0.1


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


def test_every_weight_matters() -> None:
    net = UNet1d(SHAPES["waveform"])
    x, time = inputs(net.config)
    net(x, time).square().mean().backward()
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
