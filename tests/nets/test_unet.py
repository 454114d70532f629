"""The network: shapes, lengths, what each input does, and that nothing leaks where it must not."""

from dataclasses import replace

import pytest
import torch

from stemweave.errors import ModelError
from stemweave.nets.unet import StemUNet, UNetConfig, around, band_matrix

TINY = UNetConfig(stems=3, hop=32, coefficients=20, widths=(64, 64), blocks=(1, 1), condition=16, bands=8)


@pytest.fixture(name="net")
def make_net() -> StemUNet:
    torch.manual_seed(0)
    net = StemUNet(TINY)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return net.eval()


def call(net: StemUNet, x: torch.Tensor, sigma: torch.Tensor, mixture: torch.Tensor, mixed: float) -> torch.Tensor:
    with torch.no_grad():
        return net(x, sigma, mixture, torch.full(x.shape[:1], mixed))


@pytest.mark.parametrize("samples", [1, 31, 32, 33, 500])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_length_comes_back_as_long(samples: int, channels: int) -> None:
    config = replace(TINY, channels=channels)
    x = torch.randn(2, 3, channels, samples)
    assert call(StemUNet(config), x, torch.ones(2, 3), torch.zeros(2, channels, samples), 0.0).shape == x.shape


def test_items_of_a_batch_do_not_hear_each_other(net: StemUNet) -> None:
    x, sigma, mixture = torch.randn(4, 3, 1, 200), torch.rand(4, 3) + 0.1, torch.randn(4, 1, 200)
    whole = call(net, x, sigma, mixture, 1.0)
    for item in range(4):
        alone = call(net, x[item : item + 1], sigma[item : item + 1], mixture[item : item + 1], 1.0)
        torch.testing.assert_close(whole[item : item + 1], alone, atol=1e-4, rtol=1e-4)


def test_the_answer_depends_on_every_input(net: StemUNet) -> None:
    x, sigma, mixture = torch.randn(1, 3, 1, 200), torch.ones(1, 3), torch.randn(1, 1, 200)
    base = call(net, x, sigma, mixture, 1.0)
    assert not torch.allclose(base, call(net, x.flip(-1), sigma, mixture, 1.0))
    assert not torch.allclose(base, call(net, x, sigma * 0.1, mixture, 1.0))
    assert not torch.allclose(base, call(net, x, sigma, mixture.flip(-1), 1.0))
    given = torch.tensor([[0.0, 1.0, 1.0]])
    assert not torch.allclose(base, call(net, x, given, mixture, 1.0))


def test_context_has_a_gradient() -> None:
    """Every given stem is heard by the stems that are made (a tiny model must pass before a large one can)."""
    torch.manual_seed(0)
    net = StemUNet(TINY)
    torch.nn.init.normal_(net.own.weight, std=0.1)
    x = torch.randn(1, 3, 1, 256, requires_grad=True)
    out = net(x, torch.tensor([[0.0, 1.0, 1.0]]), torch.zeros(1, 1, 256), torch.zeros(1))
    out[:, 1:].square().sum().backward()
    assert x.grad is not None
    assert x.grad[:, 0].abs().mean() > 1e-5


def test_masks_never_share_out_more_than_the_mixture() -> None:
    net, mixture = StemUNet(TINY), torch.randn(1, 1, 320)
    torch.nn.init.zeros_(net.own.weight)
    torch.nn.init.zeros_(net.mask.weight)
    out = call(net, torch.randn(1, 3, 1, 320), torch.ones(1, 3), mixture, 1.0)
    torch.testing.assert_close(out, (mixture / 4).expand_as(out[:, :, 0]).unsqueeze(2), atol=1e-4, rtol=1e-4)
    assert call(net, torch.randn(1, 3, 1, 320), torch.ones(1, 3), mixture, 0.0).abs().max() == 0


def test_lower_precision_stays_close(net: StemUNet) -> None:
    x, sigma, mixture = torch.randn(2, 3, 1, 200), torch.ones(2, 3), torch.randn(2, 1, 200)
    full = call(net, x, sigma, mixture, 1.0)
    net.lower(torch.bfloat16)
    low = call(net, x, sigma, mixture, 1.0)
    assert low.dtype == torch.float32
    assert ((low - full).norm() / full.norm()).item() < 0.05


def test_bands_average_every_bin_once() -> None:
    matrix = band_matrix(512, 128)
    assert torch.allclose(matrix.sum(0), torch.ones(128))
    assert ((matrix > 0).sum(1) == 1).all()
    widths = (matrix > 0).sum(0)
    assert widths[0] == 1
    assert widths[-1] > 4


@pytest.mark.parametrize("count", [0, 33])
def test_refuses_more_coefficients_than_there_are(count: int) -> None:
    with pytest.raises(ModelError, match=rf"1 to hop \(32\), got {count}"):
        replace(TINY, coefficients=count)


def test_keeps_what_stands_out_and_lets_the_rest_go() -> None:
    """With a gate set by hand to a hard threshold, the denoiser keeps a tone and removes white noise 20 dB above it."""
    net = StemUNet(UNetConfig(stems=1, hop=256, coefficients=256, widths=(64, 64), blocks=(1, 1), condition=16, bands=32))
    for weight in net.parameters():
        torch.nn.init.zeros_(weight)
    ratio, length = 3.0, 256 * 24
    offset, here, near = net.keep.bias.data.view(3, 32)
    offset.fill_(-6.0), here.fill_(1.0), near.fill_(3.0)
    tone = 3 * torch.sin(2 * torch.pi * 1000 / 22050 * torch.arange(length))
    noise = ratio * torch.randn(length, generator=torch.Generator().manual_seed(0))
    sigma = torch.full((1, 1), ratio)
    scale, skip, out = 1 / (1 + ratio**2) ** 0.5, 1 / (1 + ratio**2), ratio / (1 + ratio**2) ** 0.5
    x = (tone + noise).view(1, 1, 1, -1)
    denoised = skip * x + out * call(net, scale * x, sigma, torch.zeros(1, 1, length), 0.0)
    error = (denoised - tone).square().mean() / tone.square().mean()
    assert error < 0.5 * (skip * x - tone).square().mean() / tone.square().mean()


@pytest.mark.parametrize("frames", [1, 3, 9])
def test_powers_around_are_means_over_five_frames_of_those_there_are(frames):
    power = torch.rand(2, 4, 1, frames, 3)
    means = [power[..., max(k - 2, 0) : k + 3, :].mean(-2) for k in range(frames)]
    assert torch.allclose(around(power), torch.stack(means, -2))
