"""Where training a `SourceVAE` of lapped frames starts: from a codec of their lowest frequencies, nearly linear.

Random weights alone take long to find a sound's phase; what passes from the start need not be found.
"""

from typing import cast

import torch
from torch import Tensor, nn

from stemweave.nets.sourcevae import Residual, SourceVAE

Convolution = nn.Conv1d | nn.ConvTranspose1d

LEVEL = 0.2
"""What is 1 within the network at first: about the loudest coefficients of a stem that sounds."""

SMALL = 0.1
"""Gain of the random weights beside what passes."""

LOG_VARIANCE = -4.0
"""Of all latents at first."""


@torch.no_grad()
def initialise(net: SourceVAE) -> None:
    """Set all weights: each channel passes, at a stride each of its steps, as far as there are channels for them."""
    encoder, decoder = outer(net.encoder), outer(net.decoder)
    for layer in (*encoder, *decoder):
        let_through(layer)
    for residual in (module for module in net.modules() if isinstance(module, Residual)):
        randomise(cast(Convolution, residual[1]), 1.0)
        randomise(cast(Convolution, residual[-1]), SMALL)
    encoder[0].weight.div_(LEVEL)
    decoder[-1].weight.mul_(LEVEL)
    _, log_variance = encoder[-1].weight.chunk(2)
    log_variance.normal_(std=0.001)  # not 0, which has no direction for weight norm
    cast(Tensor, encoder[-1].bias)[net.config.latent :] = LOG_VARIANCE


def outer(part: nn.Module) -> list[Convolution]:
    """The convolutions of an encoder or a decoder, in order, but for those of its residuals."""
    inner = {layer for module in part.modules() if isinstance(module, Residual) for layer in module}
    return [module for module in part.modules() if isinstance(module, Convolution) and module not in inner]


def let_through(layer: Convolution) -> None:
    """Small random weights, and 1 from channel c at step j of a stride to channel c * stride + j, or back."""
    randomise(layer, SMALL)
    for step in range(layer.stride[0]):
        part = layer.weight[step :: layer.stride[0], :, int(layer.padding[0]) + step]
        part += torch.eye(*part.shape)


def randomise(layer: Convolution, gain: float) -> None:
    """Normal weights that keep the power of white noise but for a gain; no bias."""
    taps = layer.kernel_size[0] // (layer.stride[0] if isinstance(layer, nn.ConvTranspose1d) else 1)
    layer.weight.normal_(std=gain * (layer.in_channels * taps) ** -0.5)
    cast(Tensor, layer.bias).zero_()
