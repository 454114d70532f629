"""Where training a codec starts: what it gives at once, and that nothing is stuck."""

import pytest
import torch

from stemweave.nets import start
from stemweave.nets.sourcevae import UNIT, SourceVAE, SourceVAEConfig

SMALL = SourceVAEConfig(latent=12, encoder_width=6, decoder_width=12, strides=(4,), patch=16, straight=8)
"""Twelve latents for 64 samples, eight of them the lowest eighth of the frequencies."""


@torch.no_grad()
def test_low_frequencies_come_back_from_the_start() -> None:
    torch.manual_seed(0)
    net, time = SourceVAE(SMALL), torch.arange(2000)
    start.initialise(net)
    low, high = (UNIT * torch.sin(2 * torch.pi * pitch * time)[None, None] for pitch in (0.02, 0.3))
    mean, logvar = net.distribution(low)
    assert 0.2 < mean.std() < 4
    assert (logvar - start.LOG_VARIANCE).abs().max() < 1
    for sound, least, most in ((low, 0.97, 1), (high, -0.3, 0.3)):
        coded = net.decode(net.encode(sound), 2000)
        assert least < torch.corrcoef(torch.cat((coded[:, 0], sound[:, 0])))[0, 1] < most


@pytest.mark.parametrize("straight", [0, 8])
def test_gradients_reach_every_weight(straight: int) -> None:
    torch.manual_seed(0)
    net = SourceVAE(SourceVAEConfig(**{**vars(SMALL), "straight": straight}))
    sound = 0.05 * torch.randn(1, 1, 400)
    start.initialise(net)
    mean, logvar = net.distribution(sound)
    (net.decode(mean, 400).square().mean() + logvar.square().mean()).backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
