"""The 1-D U-Net of 2302.02257 and 2409.06190, both of whose weights are published: `UNet1d` of audio-diffusion-pytorch 0.0.43.

The same function of the same weights, quirks included, so that those files give here what they gave there: every block's output
is a skip, the bottleneck's attention has no residual, what entered the first level is added once more at the end. Our own
networks are in `unet`.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stemweave.errors import ModelError


@dataclass(frozen=True)
class UNet1dConfig:
    """Shape of a `UNet1d` over `inputs` signals.

    Level i goes from `width * multipliers[i]` to `width * multipliers[i + 1]` channels and is `factors[i]` times shorter;
    it has `blocks[i]` blocks, and a transformer where `attention[i]`.
    """

    inputs: int
    width: int = 256
    multipliers: tuple[int, ...] = (1, 2, 4, 4, 4, 4, 4)
    factors: tuple[int, ...] = (4, 4, 4, 2, 2, 2)
    blocks: tuple[int, ...] = (2, 2, 2, 2, 2, 2)
    attention: tuple[bool, ...] = (False, False, False, True, True, True)
    heads: int = 8
    head_width: int = 128
    patch: int = 16
    groups: int = 8

    def __post_init__(self) -> None:
        levels = len(self.factors)
        if not levels == len(self.blocks) == len(self.attention) == len(self.multipliers) - 1:
            raise ModelError(
                f"net: factors, blocks and attention need one value per level and multipliers one more, got {levels}, "
                f"{len(self.blocks)}, {len(self.attention)} and {len(self.multipliers)}"
            )
        if self.width % self.patch:
            raise ModelError(f"net: width ({self.width}) must be a multiple of patch ({self.patch})")

    @property
    def grain(self) -> int:
        """Lengths must be multiples of this."""
        return self.patch * math.prod(self.factors)


MSDM = UNet1dConfig(4)
"""2302.02257: four stems of 2^18 samples, 405 497 700 parameters."""

ISDM = UNet1dConfig(1)
"""The same for one stem: 2302.02257's weakly supervised prior has four of them."""

MSLDM = UNet1dConfig(
    320, 512, (1, 2, 2, 2, 1, 1, 1), (1, 1, 2, 1, 1, 2), (2, 2, 2, 2, 2, 4), (False, True, True, True, True, True), 12, 64
)
"""2409.06190: four stems of 80 latent channels, 364 416 864 parameters."""

MSLDM_LARGE = UNet1dConfig(
    320, 512, (1, 2, 2, 1, 1, 1, 1, 1, 1), (1, 1, 2, 1, 1, 2, 2, 2), (2, 2, 2, 2, 2, 4, 4, 6), (False, *[True] * 7), 12, 128
)
"""2409.06190, the large one: 441 314 656 parameters."""


class UNet1d(nn.Module):
    """F of EDM's preconditioning (2206.00364 eq. 7), unconditional. Shape: (batch, inputs, time) → the same."""

    def __init__(self, config: UNet1dConfig) -> None:
        super().__init__()
        self.config = config
        condition = 4 * config.width
        widths = [config.width * multiplier for multiplier in config.multipliers]
        edge, narrow = min(config.patch, config.inputs), config.width // config.patch
        self.time = TimeFeatures(config.width, condition)
        self.mapping = nn.Sequential(nn.Linear(condition, condition), nn.GELU(), nn.Linear(condition, condition), nn.GELU())
        self.enter = ResnetBlock(config.inputs, narrow, condition, edge)
        self.down = nn.ModuleList(Down(config, level, widths[level], widths[level + 1]) for level in range(len(widths) - 1))
        self.bottom = Bottleneck(config, widths[-1])
        levels = reversed(range(len(widths) - 1))
        self.up = nn.ModuleList(Up(config, level, widths[level + 1], widths[level]) for level in levels)
        self.leave = ResnetBlock(narrow, config.inputs, condition, edge)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """One evaluation.

        Shapes: x (batch, inputs, samples), samples a multiple of the config's `grain`; time (batch,), ln(σ)/4.
        Raises ModelError for other lengths.
        """
        if x.shape[-1] % self.config.grain:
            raise ModelError(f"got {x.shape[-1]} samples; this network takes multiples of {self.config.grain}")
        patch = self.config.patch
        condition = F.silu(self.mapping(self.time(time)))
        entered = self.enter(x, condition).unflatten(-1, (-1, patch)).transpose(2, 3).flatten(1, 2)
        hidden, skips = entered, []
        for down in self.down:
            hidden, made = down(hidden, condition)
            skips += made
        hidden = self.bottom(hidden, condition)
        for up in self.up:
            hidden = up(hidden, skips, condition)
        left = (hidden + entered).unflatten(1, (-1, patch)).transpose(2, 3).flatten(2)
        return self.leave(left, condition)


class TimeFeatures(nn.Module):
    """t, sin 2πwt and cos 2πwt with learned w, then a linear layer. Shape: (batch,) → (batch, condition)."""

    def __init__(self, width: int, condition: int) -> None:
        super().__init__()
        self.rates = nn.Parameter(torch.randn(width // 2))
        self.project = nn.Linear(width + 1, condition)

    def forward(self, time: Tensor) -> Tensor:
        """The phases are taken in float32 whatever the layers run in."""
        phase = 2 * math.pi * time.float()[:, None] * self.rates.float()
        features = torch.cat((time.float()[:, None], phase.sin(), phase.cos()), -1)
        return F.gelu(self.project(features.to(self.project.weight.dtype)))


class ResnetBlock(nn.Module):
    """Two convolutions, each after a group norm; the condition scales and shifts the second's input. Shape: channels change."""

    def __init__(self, inner: int, outer: int, condition: int, groups: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(groups, inner), nn.Conv1d(inner, outer, 3, padding=1)
        self.film = nn.Linear(condition, 2 * outer)
        self.norm2, self.conv2 = nn.GroupNorm(groups, outer), nn.Conv1d(outer, outer, 3, padding=1)
        self.skip = nn.Conv1d(inner, outer, 1) if inner != outer else nn.Identity()

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Shape: x (batch, inner, time), condition (batch, condition) → (batch, outer, time)."""
        hidden = self.conv1(F.silu(self.norm1(x), inplace=True))
        scale, shift = self.film(condition).unsqueeze(-1).chunk(2, 1)
        hidden = self.conv2(F.silu(torch.addcmul(shift, self.norm2(hidden), 1 + scale), inplace=True))
        return hidden.add_(self.skip(x))


class Attention(nn.Module):
    """Self-attention over time without positions, normed at both ends. Shape: (batch, channels, time) → the same."""

    def __init__(self, channels: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(channels, bias=False)
        self.query = nn.Linear(channels, heads * head_width, bias=False)
        self.key_value = nn.Linear(channels, 2 * heads * head_width, bias=False)
        self.out = nn.Linear(heads * head_width, channels, bias=False)
        self.norm_out = nn.LayerNorm(channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """The residual is the caller's."""
        x = self.norm(x.transpose(1, 2))
        parts = (self.query(x), *self.key_value(x).chunk(2, -1))
        query, key, value = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        mixed = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        return self.norm_out(self.out(mixed)).transpose(1, 2)


class FeedForward(nn.Module):
    """Two linear layers over channels, each after a layer norm. Shape: (batch, channels, time) → the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm, self.widen = nn.LayerNorm(channels, bias=False), nn.Linear(channels, 2 * channels, bias=False)
        self.norm_wide, self.narrow = nn.LayerNorm(2 * channels, bias=False), nn.Linear(2 * channels, channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """The residual is the caller's."""
        wide = F.gelu(self.widen(self.norm(x.transpose(1, 2))))
        return self.narrow(self.norm_wide(wide)).transpose(1, 2)


class Transformer(nn.Module):
    """Attention and feed-forward, each with a residual. Shape: (batch, channels, time) → the same."""

    def __init__(self, config: UNet1dConfig, channels: int) -> None:
        super().__init__()
        self.attention = Attention(channels, config.heads, config.head_width)
        self.feed_forward = FeedForward(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Any length."""
        x = x + self.attention(x)
        return x + self.feed_forward(x)


class Down(nn.Module):
    """Shorten, then blocks and a transformer; each one's output is a skip."""

    def __init__(self, config: UNet1dConfig, level: int, inner: int, outer: int) -> None:
        super().__init__()
        factor = config.factors[level]
        self.shorten = nn.Conv1d(inner, outer, 2 * factor + 1, stride=factor, padding=factor)
        self.blocks = nn.ModuleList(
            ResnetBlock(outer, outer, 4 * config.width, config.groups) for _ in range(config.blocks[level])
        )
        self.transformers = nn.ModuleList(Transformer(config, outer) for _ in range(config.attention[level]))

    def forward(self, x: Tensor, condition: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Shape: (batch, inner, time) → (batch, outer, time / factor), and the skips in the order they were made."""
        x, skips = self.shorten(x), []
        for block in self.blocks:
            x = block(x, condition)
            skips.append(x)
        for transformer in self.transformers:
            x = transformer(x)
            skips.append(x)
        return x, skips


class Bottleneck(nn.Module):
    """Block, attention without a residual, block. Shape: (batch, channels, time) → the same."""

    def __init__(self, config: UNet1dConfig, channels: int) -> None:
        super().__init__()
        self.before = ResnetBlock(channels, channels, 4 * config.width, config.groups)
        self.attention = Attention(channels, config.heads, config.head_width)
        self.after = ResnetBlock(channels, channels, 4 * config.width, config.groups)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Any length."""
        return self.after(self.attention(self.before(x, condition)), condition)


class Up(nn.Module):
    """Blocks that each take a skip, a transformer, then lengthen."""

    def __init__(self, config: UNet1dConfig, level: int, inner: int, outer: int) -> None:
        super().__init__()
        count = config.blocks[level] + config.attention[level]
        self.blocks = nn.ModuleList(ResnetBlock(2 * inner, inner, 4 * config.width, config.groups) for _ in range(count))
        self.transformers = nn.ModuleList(Transformer(config, inner) for _ in range(config.attention[level]))
        self.lengthen = lengthening(inner, outer, config.factors[level])

    def forward(self, x: Tensor, skips: list[Tensor], condition: Tensor) -> Tensor:
        """Shape: (batch, inner, time) → (batch, outer, factor * time); takes its skips off the end of `skips`."""
        for block in self.blocks:
            x = block(torch.cat((x, 2**-0.5 * skips.pop()), 1), condition)
        for transformer in self.transformers:
            x = transformer(x)
        return self.lengthen(x)


def lengthening(inner: int, outer: int, factor: int) -> nn.Module:
    """A convolution that makes the time axis `factor` times longer."""
    if factor == 1:
        return nn.Conv1d(inner, outer, 3, padding=1)
    odd = factor % 2
    return nn.ConvTranspose1d(inner, outer, 2 * factor, stride=factor, padding=factor // 2 + odd, output_padding=odd)
