"""The 1-D U-Net of 2302.02257 and 2409.06190, both of whose weights are published: `UNet1d` of audio-diffusion-pytorch 0.0.43.

The same function of the same weights, quirks included, so that those files give here what they gave there: every block's output
is a skip, the bottleneck's attention has no residual, what entered the first level is added once more at the end. With a
`context` it is the package's conditional network, for 2403.11706: every block within attends to a prompt's tokens, and the
prompt's vector joins the noise level. Our own networks are in `unet` and `textunet`.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stemweave.errors import ModelError
from stemweave.nets.prompts import Prompt
from stemweave.nets.unet1d_layers import Attention, CrossAttention, FeedForward, ResnetBlock, TimeFeatures


@dataclass(frozen=True)
class UNet1dConfig:
    """Shape of a `UNet1d` over `inputs` signals.

    Level i goes from `width * multipliers[i]` to `width * multipliers[i + 1]` channels and is `factors[i]` times shorter;
    it has `blocks[i]` blocks, and a transformer where `attention[i]`. `context` is the width of prompts, 0 for none.
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
    context: int = 0

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
    """F of EDM's preconditioning (2206.00364 eq. 7), told nothing, or a prompt. Shape: (batch, inputs, time) → the same."""

    def __init__(self, config: UNet1dConfig) -> None:
        super().__init__()
        self.config = config
        condition = 4 * config.width
        widths = [config.width * multiplier for multiplier in config.multipliers]
        edge, narrow = min(config.patch, config.inputs), config.width // config.patch
        self.time = TimeFeatures(config.width, condition)
        self.told = nn.ModuleList(nn.Linear(config.context, condition) for _ in range(bool(config.context)))
        self.mapping = nn.Sequential(nn.Linear(condition, condition), nn.GELU(), nn.Linear(condition, condition), nn.GELU())
        self.enter = ResnetBlock(config.inputs, narrow, condition, edge)
        self.down = nn.ModuleList(Down(config, level, widths[level], widths[level + 1]) for level in range(len(widths) - 1))
        self.bottom = Bottleneck(config, widths[-1])
        levels = reversed(range(len(widths) - 1))
        self.up = nn.ModuleList(Up(config, level, widths[level + 1], widths[level]) for level in levels)
        self.leave = ResnetBlock(narrow, config.inputs, condition, edge)
        for blank in self.told.parameters():  # ours: at first the noise level alone counts
            nn.init.zeros_(blank)

    def forward(self, x: Tensor, time: Tensor, prompt: Prompt | None = None) -> Tensor:
        """One evaluation.

        Shapes: x (batch, inputs, samples), samples a multiple of the config's `grain`; time (batch,), ln(σ)/4; prompt (batch),
        `context` wide. Raises ModelError for other lengths and widths, and for a prompt too many or missing.
        """
        if x.shape[-1] % self.config.grain:
            raise ModelError(f"got {x.shape[-1]} samples; this network takes multiples of {self.config.grain}")
        patch, condition = self.config.patch, self.condition(time, prompt)
        entered = self.enter(x, condition).unflatten(-1, (-1, patch)).transpose(2, 3).flatten(1, 2)
        hidden, skips = entered, []
        for down in self.down:
            hidden, made = down(hidden, condition, prompt)
            skips += made
        hidden = self.bottom(hidden, condition, prompt)
        for up in self.up:
            hidden = up(hidden, skips, condition, prompt)
        left = (hidden + entered).unflatten(1, (-1, patch)).transpose(2, 3).flatten(2)
        return self.leave(left, condition)

    def condition(self, time: Tensor, prompt: Prompt | None) -> Tensor:
        """The noise level and the prompt's vector as one. Shape: (batch, 4 * the config's width)."""
        width = 0 if prompt is None else prompt.pooled.shape[-1]
        if width != self.config.context:
            raise ModelError(f"got prompts of width {width}; this network takes {self.config.context} (0: none)")
        features = self.time(time)
        if prompt is not None:
            features = features + F.gelu(self.told[0](prompt.pooled))
        return F.silu(self.mapping(features))


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
        self.blocks = nn.ModuleList(block(config, outer, outer) for _ in range(config.blocks[level]))
        self.transformers = nn.ModuleList(Transformer(config, outer) for _ in range(config.attention[level]))

    def forward(self, x: Tensor, condition: Tensor, prompt: Prompt | None) -> tuple[Tensor, list[Tensor]]:
        """Shape: (batch, inner, time) → (batch, outer, time / factor), and the skips in the order they were made."""
        x, skips = self.shorten(x), []
        for block in self.blocks:
            x = block(x, condition, prompt)
            skips.append(x)
        for transformer in self.transformers:
            x = transformer(x)
            skips.append(x)
        return x, skips


class Bottleneck(nn.Module):
    """Block, attention without a residual, block. Shape: (batch, channels, time) → the same."""

    def __init__(self, config: UNet1dConfig, channels: int) -> None:
        super().__init__()
        self.before = block(config, channels, channels)
        self.attention = Attention(channels, config.heads, config.head_width)
        self.after = block(config, channels, channels)

    def forward(self, x: Tensor, condition: Tensor, prompt: Prompt | None) -> Tensor:
        """Any length."""
        return self.after(self.attention(self.before(x, condition, prompt)), condition, prompt)


class Up(nn.Module):
    """Blocks that each take a skip, a transformer, then lengthen."""

    def __init__(self, config: UNet1dConfig, level: int, inner: int, outer: int) -> None:
        super().__init__()
        count = config.blocks[level] + config.attention[level]
        self.blocks = nn.ModuleList(block(config, 2 * inner, inner) for _ in range(count))
        self.transformers = nn.ModuleList(Transformer(config, inner) for _ in range(config.attention[level]))
        self.lengthen = lengthening(inner, outer, config.factors[level])

    def forward(self, x: Tensor, skips: list[Tensor], condition: Tensor, prompt: Prompt | None) -> Tensor:
        """Shape: (batch, inner, time) → (batch, outer, factor * time); takes its skips off the end of `skips`."""
        for block in self.blocks:
            x = block(torch.cat((x, 2**-0.5 * skips.pop()), 1), condition, prompt)
        for transformer in self.transformers:
            x = transformer(x)
        return self.lengthen(x)


def block(config: UNet1dConfig, inner: int, outer: int) -> ResnetBlock:
    """A block within the network, which hears the prompt where there is one."""
    hearing = (CrossAttention(outer, config.context, config.heads, config.head_width) for _ in range(bool(config.context)))
    return ResnetBlock(inner, outer, 4 * config.width, config.groups, hearing)


def lengthening(inner: int, outer: int, factor: int) -> nn.Module:
    """A convolution that makes the time axis `factor` times longer."""
    if factor == 1:
        return nn.Conv1d(inner, outer, 3, padding=1)
    odd = factor % 2
    return nn.ConvTranspose1d(inner, outer, 2 * factor, stride=factor, padding=factor // 2 + odd, output_padding=odd)
