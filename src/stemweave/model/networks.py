"""The network of a configuration, in the one form that a model calls: stems, levels, mixture and whether it is given."""

import torch
from torch import Tensor, nn

from stemweave.errors import ModelError
from stemweave.model.config import ModelConfig, TextConfig
from stemweave.nets.dit import LatentTransformer, LatentTransformerConfig
from stemweave.nets.prompts import Prompt
from stemweave.nets.textunet import TextUNet
from stemweave.nets.unet import StemUNet, UNetConfig
from stemweave.nets.unet1d import UNet1d, UNet1dConfig


def network(config: ModelConfig) -> nn.Module:
    """Joint over all stems, one per stem, or one that is told what to hear. Raises ModelError where its size does not fit."""
    if config.text:
        return texted(config, config.text)
    if config.joint:
        return single(config, len(config.stems))
    return PerStem([single(config, 1) for _ in config.stems])


def single(config: ModelConfig, stems: int) -> nn.Module:
    """One network over so many stems."""
    match config.net:
        case UNet1dConfig(context=0) as net:
            check_size(config, (net.inputs,), (stems * config.width,))
            return Unconditioned(UNet1d(net), config.sigma_data)
        case UNetConfig() as net:
            check_size(config, (net.stems, net.channels), (stems, config.width))
            return StemUNet(net)
        case LatentTransformerConfig() as net:
            check_size(config, (net.stems, net.latents), (stems, config.width))
            return LatentTransformer(net)
    raise ModelError(f"{config.name}: its network is told in words what sounds, but the model has no text")


def check_size(config: ModelConfig, taken: tuple[int, ...], expected: tuple[int, ...]) -> None:
    """Raises ModelError where a network takes other signals than a model has: all together, or stems and those of each."""
    if taken != expected:
        (got, wanted), known = (" x ".join(map(str, size)) for size in (taken, expected)), ", ".join(config.stems)
        each = f" with {config.width} latents of codec {config.codec.name} each" if config.codec else ""
        raise ModelError(f"{config.name}: its network takes {got} signals, expected {wanted} for {known}{each}")


def texted(config: ModelConfig, text: TextConfig) -> nn.Module:
    """The network of a model of text: (x (batch, 1, channels, samples), σ (batch,), prompt) → as x."""
    net = config.net
    if isinstance(net, UNetConfig | LatentTransformerConfig):
        raise ModelError(f"{config.name}: a model with text needs a network with text, got {type(net).__name__}")
    channels, told = (net.inputs, net.context) if isinstance(net, UNet1dConfig) else (net.channels, net.text)
    if (channels, told) != (config.width, text.width):
        raise ModelError(
            f"{config.name}: its network takes {channels} channels and prompts of {told}, expected {config.width} "
            f"and {text.width}"
        )
    return Conditioned(UNet1d(net), config.sigma_data) if isinstance(net, UNet1dConfig) else TextUNet(net)


class Unconditioned(nn.Module):
    """A `UNet1d` over all stems' channels: one noise level for all of them, and nothing given."""

    def __init__(self, net: UNet1d, sigma_data: float) -> None:
        super().__init__()
        self.net, self.sigma_data = net, sigma_data

    def forward(self, x: Tensor, sigma: Tensor, mixture: Tensor, mixed: Tensor) -> Tensor:  # noqa: ARG002
        """Shapes as `StemUNet.forward`; the first stem's level counts, `mixture` and `mixed` are ignored."""
        return evaluated(self.net, x, sigma[:, 0] * self.sigma_data)


class Conditioned(nn.Module):
    """A `UNet1d` of one signal that hears a prompt."""

    def __init__(self, net: UNet1d, sigma_data: float) -> None:
        super().__init__()
        self.net, self.sigma_data = net, sigma_data

    def forward(self, x: Tensor, sigma: Tensor, prompt: Prompt) -> Tensor:
        """Shapes as `TextUNet.forward`, but of lengths that `UNet1d` takes."""
        return evaluated(self.net, x, sigma * self.sigma_data, prompt)


def evaluated(net: UNet1d, x: Tensor, sigma: Tensor, prompt: Prompt | None = None) -> Tensor:
    """F at noise levels themselves, not in units of the data, in the network's own precision.

    Shapes: x (batch, stems, channels, samples), sigma (batch,), prompt (batch) → as x.
    """
    kind = next(net.leave.parameters()).dtype
    told = None if prompt is None else Prompt(prompt.tokens.to(kind), prompt.mask, prompt.pooled.to(kind))
    return net(x.flatten(1, 2).to(kind), 0.25 * sigma.log(), told).view_as(x).to(x.dtype)


class PerStem(nn.Module):
    """One network per stem, each hearing only its own stem: the weakly supervised prior (2302.02257 §5.3, "ISDM").

    No mixture and no given stems reach the experts, so what is known about one stem says nothing about another.
    """

    def __init__(self, experts: list[nn.Module]) -> None:
        super().__init__()
        self.experts = nn.ModuleList(experts)

    def forward(self, x: Tensor, sigma: Tensor, mixture: Tensor, mixed: Tensor) -> Tensor:
        """Shapes as `StemUNet.forward`; `mixture` and `mixed` are ignored."""
        silent, never = torch.zeros_like(mixture), torch.zeros_like(mixed)
        each = [net(x[:, n : n + 1], sigma[:, n : n + 1], silent, never) for n, net in enumerate(self.experts)]
        return torch.cat(each, 1)
