"""A small transformer over the latents of all stems jointly, in the role of 2409.06190's U-Net, for CPUs.

A token is one stem's latents over a frame, or a few, and is `width` wide from the first layer to the last. Tokens attend over
time within their stem, then over stems within their frame: two short attentions cost less than one over all tokens. Each stem
has its own noise level (0 = given), which scales and shifts its tokens in every layer (2212.09748). Each has its own way in and
out, too: its latents may be those of a codec of its own.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stemweave.errors import ModelError
from stemweave.nets.layers import Film, NoiseEmbedding, rotate


@dataclass(frozen=True)
class LatentTransformerConfig:
    """Shape of a `LatentTransformer`: `depth` blocks over tokens of `width` channels, `patch` frames each.

    Attention has `heads`; blocks widen to `expand * width` gated channels; `condition` is how wide a noise level is told.
    Raises ModelError where heads do not share the width out in even numbers, or a size is less than 1.
    """

    stems: int
    latents: int
    width: int = 256
    depth: int = 4
    heads: int = 4
    expand: int = 2
    condition: int = 32
    patch: int = 1

    def __post_init__(self) -> None:
        for name, size in vars(self).items():
            if size < 1:
                raise ModelError(f"net: {name} is {size}, expected 1 or more")
        if self.width % (2 * self.heads):
            raise ModelError(f"net: width ({self.width}) must be a multiple of twice the heads, {2 * self.heads}")


class LatentTransformer(nn.Module):
    """F of EDM's preconditioning (2206.00364 eq. 7) for N stems' latents, optionally given some stems."""

    def __init__(self, config: LatentTransformerConfig) -> None:
        super().__init__()
        self.config = config
        inner = config.latents * config.patch
        self.noise = NoiseEmbedding(1, config.condition)
        self.stem = nn.Embedding(config.stems, config.condition)
        self.enter = EachStem(config.stems, inner, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.film = Film(config.width, config.condition)
        self.leave = EachStem(config.stems, config.width, inner)
        nn.init.normal_(self.stem.weight, std=0.3)
        nn.init.zeros_(self.leave.weight)

    def forward(self, x: Tensor, sigma: Tensor, mixture: Tensor, mixed: Tensor) -> Tensor:  # noqa: ARG002
        """One evaluation.

        Shapes: x (batch, stems, latents, frames), preconditioned to unit scale, any number of frames; sigma (batch, stems), in
        units of the data's level, 0 = given; `mixture` and `mixed` are ignored. Returns (batch, stems, latents, frames).
        """
        frames, patch = x.shape[-1], self.config.patch
        tokens = F.pad(x, (0, -frames % patch)).unflatten(-1, (-1, patch)).transpose(2, 3).flatten(3)
        condition = self.condition(sigma).flatten(0, 1)
        hidden = self.enter(tokens.to(self.enter.weight.dtype)).flatten(0, 1)
        for block in self.blocks:
            hidden = block(hidden, condition)
        answer = self.leave(self.film(hidden, condition).unflatten(0, sigma.shape)).to(x.dtype)
        return answer.unflatten(-1, (-1, patch)).transpose(2, 3).flatten(3)[..., :frames]

    def condition(self, sigma: Tensor) -> Tensor:
        """What each stem's tokens are scaled and shifted by. Shape: (batch, stems) → (batch, stems, condition)."""
        level = self.noise(sigma.reshape(-1, 1), sigma.new_zeros(sigma.numel()))
        return level.unflatten(0, sigma.shape) + self.stem.weight

    def lower(self, dtype: torch.dtype) -> None:
        """Run the matrix products in `dtype`; what the noise levels are turned into waves by stays in float32."""
        for part in (self.noise.mlp, self.stem, self.enter, self.blocks, self.film, self.leave):
            part.to(dtype)


class EachStem(nn.Module):
    """A linear layer for each stem, whose bias tells them apart. Shape: (batch, stems, tokens, inner) → (..., outer)."""

    def __init__(self, stems: int, inner: int, outer: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(stems, inner, outer) / math.sqrt(inner))
        self.bias = nn.Parameter(torch.zeros(stems, outer))

    def forward(self, x: Tensor) -> Tensor:
        """As many stems as it has."""
        return torch.einsum("bsti,sio->bsto", x, self.weight) + self.bias[:, None]


Attend = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Queries, keys and values, (batch · stems, tokens, heads, channels) → what each token hears, the same shape."""


def over_time(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Within each stem, by rotary positions (2104.09864): where a token is from another counts, not where it is."""
    query, key, value = (part.transpose(1, 2) for part in (query, key, value))
    return F.scaled_dot_product_attention(rotate(query), rotate(key), value).transpose(1, 2)


def over_stems(query: Tensor, key: Tensor, value: Tensor, stems: int) -> Tensor:
    """Within each frame, whose tokens are told apart by what they are; a few at a time, too few for a fused attention."""
    query, key, value = (part.unflatten(0, (-1, stems)) for part in (query, key, value))
    scores = torch.einsum("bithd,bjthd->bthij", query, key) / math.sqrt(query.shape[-1])
    return torch.einsum("bthij,bjthd->bithd", scores.softmax(-1), value).flatten(0, 1)


class Block(nn.Module):
    """Attention over time, over stems where there are several, and a gated layer over channels (SwiGLU, 2002.05202)."""

    def __init__(self, config: LatentTransformerConfig) -> None:
        super().__init__()
        ways: list[Attend] = [over_time]
        if config.stems > 1:
            ways.append(partial(over_stems, stems=config.stems))
        self.attentions = nn.ModuleList(Attention(config, way) for way in ways)
        inner = config.expand * config.width
        self.film = Film(config.width, config.condition)
        self.widen = nn.Linear(config.width, 2 * inner, bias=False)
        self.narrow = nn.Linear(inner, config.width, bias=False)
        nn.init.normal_(self.narrow.weight, std=0.1 / math.sqrt(inner))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Shape: x (batch · stems, tokens, width), condition (batch · stems, condition) → as x."""
        for attention in self.attentions:
            x = attention(x, condition)
        gate, value = self.widen(self.film(x, condition)).chunk(2, -1)
        return x + self.narrow(F.silu(gate) * value)


class Attention(nn.Module):
    """Attention over one axis; queries and keys are normalised before they meet (2302.05442)."""

    def __init__(self, config: LatentTransformerConfig, attend: Attend) -> None:
        super().__init__()
        self.attend, self.heads, width = attend, config.heads, config.width
        self.film = Film(width, config.condition)
        self.project_in = nn.Linear(width, 3 * width, bias=False)
        self.query, self.key = (nn.LayerNorm(width // self.heads, bias=False) for _ in range(2))
        self.project_out = nn.Linear(width, width, bias=False)
        nn.init.normal_(self.project_out.weight, std=0.1 / math.sqrt(width))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Shape: x (batch · stems, tokens, width), condition (batch · stems, condition) → as x."""
        query, key, value = self.project_in(self.film(x, condition)).unflatten(-1, (3, self.heads, -1)).unbind(2)
        mixed = self.attend(self.query(query), self.key(key), value)
        return x + self.project_out(mixed.flatten(2))
