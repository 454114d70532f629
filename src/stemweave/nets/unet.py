"""A 1-D U-Net over all stems jointly, in the paper's role (2302.02257), for CPUs: patchify early, stay wide, multiply matrices.

Tracks are cut into overlapping patches by an orthonormal lapped transform; the U-Net runs over frames with frequencies as
channels. Each stem has its own noise level (0 = given). Far more coefficients come in than the trunk is wide, so an answer has
three parts: coefficients of its own, for the lower frequencies; what to *keep* of each noised coefficient, by how far it stands
out, the trunk saying per band what counts as standing out; and, where a mixture is given, a *share* of it: a soft mask, as
separation networks do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stemweave.errors import ModelError
from stemweave.nets.lapped import Lapped, powers
from stemweave.nets.layers import Attention, ConvBlock, NoiseEmbedding


@dataclass(frozen=True)
class UNetConfig:
    """Shape of a `StemUNet`: level i has `blocks[i]` blocks of `widths[i]` channels; time halves between levels.

    The trunk reads and writes the lowest `coefficients` of `hop` frequencies one by one, and all of them in `bands`.
    """

    stems: int
    channels: int = 1
    hop: int = 512
    coefficients: int = 432
    widths: tuple[int, ...] = (368, 384)
    blocks: tuple[int, ...] = (3, 2)
    condition: int = 64
    bands: int = 128
    kernel: int = 7
    expand: int = 2

    def __post_init__(self) -> None:
        if not 1 <= self.coefficients <= self.hop:
            raise ModelError(f"net: coefficients must be 1 to hop ({self.hop}), got {self.coefficients}")


class StemUNet(nn.Module):
    """F of EDM's preconditioning (2206.00364 eq. 7) for N stems, optionally given some stems and a mixture."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        stems, channels, low, bands, width = config.stems, config.channels, config.coefficients, config.bands, config.widths[0]
        self.lapped = Lapped(config.hop)
        self.noise = NoiseEmbedding(stems, config.condition)
        matrix = band_matrix(config.hop, bands)
        self.register_buffer("bands", matrix, persistent=False)
        self.register_buffer("spread", (matrix.T > 0).float(), persistent=False)
        self.upper = int((self.spread[:, low:].sum(1) > 0).sum())
        self.enter = nn.Linear(channels * (stems * (low + bands) + 2 * low + bands), width)
        self.trunk = Trunk(config.widths, config.blocks, config.condition, config.kernel, config.expand)
        self.own = nn.Linear(width, stems * channels * low)
        self.keep = nn.Linear(width, stems * channels * 3 * bands)
        self.mask = nn.Linear(width, (stems + 1) * channels * (low + self.upper))
        self.share = nn.Linear(config.condition, stems)
        for part in (self.own, self.mask):
            nn.init.normal_(part.weight, std=0.02 / width**0.5)
            nn.init.zeros_(part.bias)
        for part in (self.keep, self.share):
            nn.init.zeros_(part.weight)
            nn.init.zeros_(part.bias)
        nn.init.ones_(self.share.bias)

    bands: Tensor
    spread: Tensor

    def forward(self, x: Tensor, sigma: Tensor, mixture: Tensor, mixed: Tensor) -> Tensor:
        """One evaluation.

        Shapes: x (batch, stems, channels, samples), preconditioned to unit scale; sigma (batch, stems), in units of the
        data's level, 0 = given; mixture (batch, channels, samples), unit scale, zeros where absent; mixed (batch,), 1 or 0.
        Returns (batch, stems, channels, samples).
        """
        samples = x.shape[-1]
        pad = (0, -samples % self.config.hop)
        x, mixture = F.pad(x, pad), F.pad(mixture, pad).unsqueeze(1)
        stems, cosines, sines = self.lapped.cosines(x), self.lapped.cosines(mixture), self.lapped.sines(mixture)
        power, condition = powers(stems), self.noise(sigma, mixed)
        hidden = self.trunk(self.enter(self.features(stems, power, cosines, sines)), condition)
        own = self.split(self.own(hidden), self.config.stems)
        answer = self.gains(hidden, power, sigma) * stems + F.pad(own, (0, self.config.hop - self.config.coefficients))
        share = self.shares(hidden, condition, mixed)
        return self.lapped.inverse(answer + share * cosines, share * sines)[..., :samples]

    def lower(self, dtype: torch.dtype) -> None:
        """Run the matrix products in `dtype`; the transforms and what they touch stay in float32."""
        for part in (self.noise.mlp, self.enter, self.trunk, self.own, self.keep, self.mask, self.share):
            part.to(dtype)

    def features(self, stems: Tensor, power: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
        """What enters at each frame: low coefficients and log bands of stems and mixture; its low log magnitudes too."""
        low = self.config.coefficients
        loud = torch.hypot(cosines, sines)
        parts = (
            stems[..., :low],
            torch.log1p(10 * (power.sqrt() @ self.bands)),
            cosines[..., :low],
            torch.log1p(10 * loud[..., :low]),
            torch.log1p(10 * (loud @ self.bands)),
        )
        flat = [part.permute(0, 3, 1, 2, 4).flatten(2) for part in parts]
        return torch.cat(flat, -1).to(self.enter.weight.dtype)

    def split(self, answer: Tensor, groups: int) -> Tensor:
        """Shape: (batch, frames, groups * channels * n) → (batch, groups, channels, frames, n)."""
        return answer.float().unflatten(-1, (groups, self.config.channels, -1)).permute(0, 2, 3, 1, 4).contiguous()

    def gains(self, hidden: Tensor, power: Tensor, sigma: Tensor) -> Tensor:
        """What F must add so that D keeps a share w of each noised coefficient: (w − c_skip)/(c_out·c_in).

        logit w = b₀ + b₁ ln(power here) + b₂ ln(power around, in time) − 2 ln σ, with b from the trunk, per band: the posterior
        mean of a coefficient that is silent or sounds has this form. w starts at c_skip, the best share for white data.
        Shape: (batch, stems, channels, frames, hop); 0 for given stems.
        """
        bands = self.split(self.keep(hidden), self.config.stems).unflatten(-1, (3, -1))
        offset, here, near = (bands @ self.spread).unbind(-2)
        logit = offset + here * (power + FLOOR).log() + near * (around(power) + FLOOR).log()
        return keeping(logit, sigma[:, :, None, None, None])

    def shares(self, hidden: Tensor, condition: Tensor, mixed: Tensor) -> Tensor:
        """Each stem's share of the mixture's coefficients. Shape: (batch, stems, channels, frames, hop)."""
        stems, low = self.config.stems, self.config.coefficients
        mask = self.split(self.mask(hidden), stems + 1).softmax(1)[:, :stems]
        mask = torch.cat((mask[..., :low], mask[..., low:] @ self.spread[self.config.bands - self.upper :, low:]), -1)
        weight = 0.5 * self.share(condition).float() * mixed.unsqueeze(1)
        return weight[:, :, None, None, None] * mask


FLOOR = 1e-3
"""Added to powers before their logarithm; noised stems have power 1 or so."""


def around(power: Tensor) -> Tensor:
    """The mean over five frames, at the ends over those there are. Shape: (..., frames, hop) → the same."""
    return five(power) / five(power.new_ones(power.shape[-2], 1))


def five(values: Tensor) -> Tensor:
    """The sum of five frames. Shape: (..., frames, hop) → the same."""
    return F.pad(values, (0, 0, 2, 2)).unfold(-2, 5, 1).sum(-1)


def keeping(logit: Tensor, sigma: Tensor) -> Tensor:
    """(w − c_skip)/(c_out·c_in) for logit w = `logit` − 2 ln σ, so that D keeps w of each coefficient; 0 at σ = 0, given.

    Shapes: any, and what broadcasts with it.
    """
    ratio = torch.where(sigma > 0, sigma, 1.0)
    kept = (logit - 2 * ratio.log()).sigmoid() - 1 / (1 + ratio**2)
    return kept * (ratio + 1 / ratio) * (sigma > 0).to(kept.dtype)


class Trunk(nn.Module):
    """Frames in, frames out: two halves of levels with skips, attention at the bottom. Shape: (batch, frames, widths[0])."""

    def __init__(self, widths: Sequence[int], blocks: Sequence[int], condition: int, kernel: int, expand: int) -> None:
        super().__init__()
        self.factor = 2 ** (len(widths) - 1)

        def level(width: int, count: int) -> nn.ModuleList:
            return nn.ModuleList(ConvBlock(width, condition, kernel, expand) for _ in range(count))

        steps = list(pairwise(widths))
        self.down = nn.ModuleList(level(w, n) for w, n in zip(widths[:-1], blocks, strict=False))
        self.merge = nn.ModuleList(nn.Linear(2 * outer, inner) for outer, inner in steps)
        self.bottom = level(widths[-1], blocks[-1])
        self.attention = nn.ModuleList(Attention(widths[-1], condition) for _ in self.bottom)
        self.split = nn.ModuleList(nn.Linear(inner, 2 * outer) for outer, inner in steps)
        self.up = nn.ModuleList(level(w, n) for w, n in zip(widths[:-1], blocks, strict=False))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Any number of frames: padded at the end to the U-Net's factor, cropped after."""
        frames, skips = x.shape[1], []
        x = F.pad(x, (0, 0, 0, -frames % self.factor))
        for blocks, merge in zip(self.down, self.merge, strict=True):
            x = run(blocks, x, condition)
            skips.append(x)
            x = merge(x.unflatten(1, (-1, 2)).flatten(2))
        for block, attention in zip(self.bottom, self.attention, strict=True):
            x = attention(block(x, condition), condition)
        for blocks, split in zip(reversed(self.up), reversed(self.split), strict=True):
            x = split(x).unflatten(2, (2, -1)).flatten(1, 2) + skips.pop()
            x = run(blocks, x, condition)
        return x[:, :frames]


def run(blocks: nn.Module, x: Tensor, condition: Tensor) -> Tensor:
    """Apply blocks in turn."""
    for block in blocks.children():
        x = block(x, condition)
    return x


def band_matrix(bins: int, bands: int) -> Tensor:
    """Averages of neighbouring frequency bins, single bins at the bottom, wider with frequency. Shape: (bins, bands)."""
    linear = torch.arange(bands + 1)
    growth = (bins / bands - 1) / bands**2
    edges = (linear + growth * linear**3).clamp(max=bins).round().long()
    edges[-1] = bins
    matrix = torch.zeros(bins, bands)
    for band in range(bands):
        low, high = int(edges[band]), max(int(edges[band + 1]), int(edges[band]) + 1)
        matrix[low:high, band] = 1 / (high - low)
    return matrix
