"""The parts of the networks, all (batch, time, channels): channels last, so that a linear layer is one matrix product."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Film(nn.Module):
    """Normalise each position over its channels, then scale and shift it by the condition (2302.02257's scale-shift)."""

    def __init__(self, width: int, condition: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.project = nn.Linear(condition, 2 * width)
        nn.init.zeros_(self.project.weight)
        nn.init.zeros_(self.project.bias)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Shape: x (batch, time, width), condition (batch, condition)."""
        scale, shift = self.project(condition).unsqueeze(1).chunk(2, -1)
        return torch.addcmul(shift, self.norm(x), 1 + scale)


class ConvBlock(nn.Module):
    """Depthwise convolution over time, then two linear layers over channels: most of the work is matrix products."""

    def __init__(self, width: int, condition: int, kernel: int = 7, expand: int = 2) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, (1, kernel), padding=(0, kernel // 2), groups=width)
        self.film = Film(width, condition)
        self.widen = nn.Linear(width, expand * width)
        self.narrow = nn.Linear(expand * width, width)
        nn.init.normal_(self.narrow.weight, std=0.1 / math.sqrt(expand * width))
        nn.init.zeros_(self.narrow.bias)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Shape: (batch, time, width) → the same."""
        local = self.depthwise(x.transpose(1, 2).unsqueeze(2)).squeeze(2).transpose(1, 2)
        return x + self.narrow(F.gelu(self.widen(self.film(local, condition))))


class Attention(nn.Module):
    """Self-attention over time with rotary positions (2104.09864), so that any length works."""

    def __init__(self, width: int, condition: int, head: int = 64) -> None:
        super().__init__()
        self.head = head
        self.film = Film(width, condition)
        self.project_in = nn.Linear(width, 3 * width, bias=False)
        self.project_out = nn.Linear(width, width, bias=False)
        nn.init.normal_(self.project_out.weight, std=0.1 / math.sqrt(width))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Shape: (batch, time, width) → the same."""
        heads = self.project_in(self.film(x, condition)).unflatten(-1, (3, -1, self.head)).permute(2, 0, 3, 1, 4)
        query, key = rotate(heads[:2]).unbind(0)
        mixed = F.scaled_dot_product_attention(query, key, heads[2])
        return x + self.project_out(mixed.transpose(1, 2).flatten(2))


class CrossAttention(nn.Module):
    """Each position attends to a prompt's tokens, which have no order."""

    def __init__(self, width: int, condition: int, text: int, head: int = 64) -> None:
        super().__init__()
        self.heads = max(1, width // head)
        self.film = Film(width, condition)
        inner = self.heads * head
        self.query = nn.Linear(width, inner, bias=False)
        self.key_value = nn.Linear(text, 2 * inner, bias=False)
        self.project_out = nn.Linear(inner, width, bias=False)
        nn.init.normal_(self.project_out.weight, std=0.1 / math.sqrt(inner))

    def forward(self, x: Tensor, condition: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        """Shape: x (batch, time, width), tokens (batch, n, text), mask (batch, n), False where padded → as x."""
        parts = (self.query(self.film(x, condition)), *self.key_value(tokens).chunk(2, -1))
        query, key, value = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None, :])
        return x + self.project_out(mixed.transpose(1, 2).flatten(2))


def rotate(x: Tensor, longest: float = 1000.0) -> Tensor:
    """Turn pairs of channels by angles proportional to the position. Shape: (..., time, channels)."""
    time, half = x.shape[-2], x.shape[-1] // 2
    rates = longest ** (-torch.arange(half, device=x.device) / half)
    angles = torch.arange(time, device=x.device)[:, None] * rates
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, a * sin + b * cos), -1)


class NoiseEmbedding(nn.Module):
    """One vector from a noise level per stem (0 = given) and a flag for the mixture.

    Shape: sigma (batch, stems), mixed (batch,) → (batch, width).
    """

    rates: Tensor

    def __init__(self, stems: int, width: int, octaves: int = 8) -> None:
        super().__init__()
        self.register_buffer("rates", 0.25 * 2 ** (0.5 * torch.arange(octaves)), persistent=False)
        self.mlp = nn.Sequential(nn.Linear(stems * (2 * octaves + 1) + 1, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())

    def forward(self, sigma: Tensor, mixed: Tensor) -> Tensor:
        """`sigma` in units of the data's own level."""
        given = (sigma == 0).to(sigma.dtype)
        phase = torch.where(sigma > 0, sigma, 1.0).log().unsqueeze(-1) * self.rates
        waves = torch.cat((phase.sin(), phase.cos()), -1) * (1 - given).unsqueeze(-1)
        features = torch.cat((waves.flatten(1), given, mixed.unsqueeze(1)), 1)
        return self.mlp(features.to(next(self.mlp.parameters()).dtype))
