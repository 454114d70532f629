"""The parts of `unet1d`, as audio-diffusion-pytorch 0.0.43 has them: norms with gains alone, attention normed at both ends."""

import math
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stemweave.nets.prompts import Prompt


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
        return self.norm_out(self.out(attended(self.query(x), self.key_value(x), self.heads))).transpose(1, 2)


class CrossAttention(nn.Module):
    """Each position attends to a prompt's tokens, which have no order. Shape: (batch, channels, time) → the same."""

    def __init__(self, channels: int, context: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_in, self.norm_context = nn.LayerNorm(channels, bias=False), nn.LayerNorm(context, bias=False)
        self.query = nn.Linear(channels, heads * head_width, bias=False)
        self.key_value = nn.Linear(context, 2 * heads * head_width, bias=False)
        self.out = nn.Linear(heads * head_width, channels, bias=False)
        self.norm_out = nn.LayerNorm(channels, bias=False)

    def forward(self, x: Tensor, prompt: Prompt) -> Tensor:
        """The residual is the caller's. Padded tokens are not heard, which the package cannot do."""
        query, told = self.query(self.norm_in(x.transpose(1, 2))), self.key_value(self.norm_context(prompt.tokens))
        return self.norm_out(self.out(attended(query, told, self.heads, prompt.mask[:, None, None]))).transpose(1, 2)


def attended(query: Tensor, key_value: Tensor, heads: int, mask: Tensor | None = None) -> Tensor:
    """Attention of so many heads (1706.03762 eq. 1), before its last linear layer.

    Shapes: query (batch, time, width), key_value (batch, n, 2 * width), mask (batch, 1, 1, n), False where not to be heard.
    """
    parts = (query, *key_value.chunk(2, -1))
    query, key, value = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in parts)
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask).transpose(1, 2).flatten(2)


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


class ResnetBlock(nn.Module):
    """Two convolutions, each after a group norm; the condition scales and shifts the second's input. Shape: channels change.

    Between the two a prompt is heard by each of `hearing`: one, or none.
    """

    def __init__(self, inner: int, outer: int, condition: int, groups: int, hearing: Iterable[CrossAttention] = ()) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(groups, inner), nn.Conv1d(inner, outer, 3, padding=1)
        self.film = nn.Linear(condition, 2 * outer)
        self.hearing = nn.ModuleList(hearing)
        self.norm2, self.conv2 = nn.GroupNorm(groups, outer), nn.Conv1d(outer, outer, 3, padding=1)
        self.skip = nn.Conv1d(inner, outer, 1) if inner != outer else nn.Identity()

    def forward(self, x: Tensor, condition: Tensor, prompt: Prompt | None = None) -> Tensor:
        """Shape: x (batch, inner, time), condition (batch, condition), prompt (batch) → (batch, outer, time)."""
        hidden = self.conv1(F.silu(self.norm1(x), inplace=True))
        for hear in self.hearing:
            hidden = hidden + hear(hidden, prompt)
        scale, shift = self.film(condition).unsqueeze(-1).chunk(2, 1)
        hidden = self.conv2(F.silu(torch.addcmul(shift, self.norm2(hidden), 1 + scale), inplace=True))
        return hidden.add_(self.skip(x))
