"""The published networks of 2409.06190: a prior over four stems' latents (MSLDM, MSLDM-Large), and the codec of every stem."""

from collections.abc import Sequence
from pathlib import Path

import torch

from stemweave.adapters.containers import Container, Watch, generator, lightning
from stemweave.adapters.names import expected, ours, source_vae, unet1d
from stemweave.adapters.unets import state_of
from stemweave.nets.sourcevae import SourceVAE, SourceVAEConfig
from stemweave.nets.unet1d import MSLDM, MSLDM_LARGE, UNet1d, UNet1dConfig

SIGMA_DATA = 0.4


def prior(path: Path, sizes: Sequence[UNet1dConfig] = (MSLDM, MSLDM_LARGE), watch: Watch = int) -> tuple[UNet1d, Container]:
    """The network of a Lightning file, of whichever size has as many tensors, and what else the file says.

    The tensors stay in the file until they are used. Raises ModelError for a file that is damaged, unsafe or of no such size.
    """
    container = lightning(path, watch)
    with torch.device("meta"):
        nets = [UNet1d(size) for size in sizes]
    net = next((net for net in nets if len(expected(net, unet1d)) == len(container.tensors)), nets[0])
    net.load_state_dict(state_of(container, net, SIGMA_DATA), assign=True)
    return net, container


def codec(path: Path, config: SourceVAEConfig = SourceVAEConfig(), watch: Watch = int) -> tuple[SourceVAE, Container]:
    """The codec of a file, weight norm folded. Raises ModelError for a file that is damaged, unsafe or another network's."""
    container = generator(path, watch)
    with torch.device("meta"):
        net = SourceVAE(config)
    net.load_state_dict(ours(net, source_vae, container.tensors, str(path)), assign=True)
    return net, container
