"""Where training a `SourceVAE` of lapped frames starts: sounds about 1 within it, sure latents, a decoder that adds little."""

from typing import cast

import torch
from torch import Tensor, nn

from stemweave.nets.sourcevae import UNIT, SourceVAE

SMALL = 0.1
"""Of torch's own random weights, how much the decoder's last layer starts with."""

LOG_VARIANCE = -4.0
"""Of all latents at first."""


@torch.no_grad()
def initialise(net: SourceVAE) -> None:
    """Scale torch's own random weights."""
    first, last, latents = (cast(nn.Conv1d, layer) for layer in (net.encoder[0], net.decoder[-1], net.encoder[-1]))
    first.weight.div_(UNIT)
    last.weight.mul_(UNIT * SMALL)
    for layer in (first, last):
        cast(Tensor, layer.bias).zero_()
    latents.weight[-net.config.latent :] *= SMALL
    cast(Tensor, latents.bias)[-net.config.latent :] = LOG_VARIANCE
