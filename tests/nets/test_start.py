"""Where training a codec starts: what passes at once, and that nothing is stuck."""

import pytest
import torch

from stemweave.nets import start
from stemweave.nets.sourcevae import Snake, SourceVAE, SourceVAEConfig

SMALL = SourceVAEConfig(latent=8, encoder_width=6, decoder_width=12, strides=(4,), patch=16)
"""Eight latents for four lapped frames of 16: the lowest two of their coefficients."""


@torch.no_grad()
def test_low_frequencies_come_back_from_the_start() -> None:
    torch.manual_seed(0)
    net, time = SourceVAE(SMALL), torch.arange(2000)
    start.initialise(net)
    low, high = (0.05 * torch.sin(2 * torch.pi * pitch * time)[None, None] for pitch in (0.02, 0.3))
    mean, logvar = net.distribution(low)
    assert 0.2 < mean.std() < 2
    assert (logvar - start.LOG_VARIANCE).abs().max() < 0.1
    for sound, least, most in ((low, 0.7, 1), (high, -0.3, 0.3)):
        coded = net.decode(net.encode(sound), 2000)
        assert least < torch.corrcoef(torch.cat((coded[:, 0], sound[:, 0])))[0, 1] < most


@torch.no_grad()
@pytest.mark.parametrize("strides", [(4,), (2, 2)])
def test_what_passes(strides: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without random weights and Snake's bend: at each stride a channel's steps become channels, later steps again."""
    monkeypatch.setattr(start, "SMALL", 0.0)
    net = SourceVAE(SourceVAEConfig(latent=8, encoder_width=4, decoder_width=16, strides=strides, patch=16))
    sound = torch.randn(1, 1, 304)
    start.initialise(net)
    for module in net.modules():
        if isinstance(module, Snake):
            module.alpha.fill_(1e-6)
    frames, latents = net.apart(sound), net.encode(sound)
    steps = frames[:, :2].unflatten(-1, (5, 4)).transpose(2, 3).flatten(1, 2) / start.LEVEL
    torch.testing.assert_close(latents.sort(1).values, steps.sort(1).values, atol=1e-3, rtol=1e-3)
    low = torch.cat((frames[:, :2], torch.zeros_like(frames[:, 2:])), 1)
    torch.testing.assert_close(net.decode(latents, 304), net.together(low), atol=1e-3, rtol=1e-3)


def test_gradients_reach_every_weight() -> None:
    torch.manual_seed(0)
    net, sound = SourceVAE(SMALL), 0.05 * torch.randn(1, 1, 400)
    start.initialise(net)
    mean, logvar = net.distribution(sound)
    (net.decode(mean, 400).square().mean() + logvar.square().mean()).backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
