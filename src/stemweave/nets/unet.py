"""A 1-D U-Net over all stems jointly, in the paper's role (2302.02257), for CPUs: patchify early, stay wide, multiply matrices.

Tracks are cut into overlapping patches by an orthonormal lapped transform; the U-Net runs over frames with frequencies as
channels. Each stem has its own noise level (0 = given). Far more coefficients come in than the trunk is wide, so an answer has
three parts: coefficients of its own; a gain on the noised stem per band, since removing noise where nothing sounds takes a
number per band, not per coefficient; and, where a mixture is given, a *share* of it: a soft mask, as separation networks do.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stemweave.nets.lapped import Lapped, magnitudes
from stemweave.nets.layers import Attention, ConvBlock, NoiseEmbedding


@dataclass(frozen=True)
class UNetConfig:
    """Shape of a `StemUNet`: level i has `blocks[i]` blocks of `widths[i]` channels; time halves between levels."""

    stems: int
    channels: int = 1
    hop: int = 512
    widths: tuple[int, ...] = (368, 384)
    blocks: tuple[int, ...] = (3, 2)
    condition: int = 64
    bands: int = 128
    kernel: int = 7
    expand: int = 2


class StemUNet(nn.Module):
    """F of EDM's preconditioning (2206.00364 eq. 7) for N stems, optionally given some stems and a mixture."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        tracks, hop, channels = config.stems, config.hop, config.channels
        self.lapped = Lapped(hop)
        self.noise = NoiseEmbedding(tracks, config.condition)
        self.register_buffer("bands", band_matrix(hop, config.bands), persistent=False)
        self.register_buffer("spread", (self.bands.T > 0).float(), persistent=False)
        per_stem, per_mixture = channels * (hop + config.bands), channels * 2 * hop
        self.enter = nn.Linear(tracks * per_stem + per_mixture, config.widths[0])
        self.trunk = Trunk(config)
        self.leave = nn.Linear(config.widths[0], channels * hop * (2 * tracks + 1))
        nn.init.normal_(self.leave.weight, std=0.02 / config.widths[0] ** 0.5)
        nn.init.zeros_(self.leave.bias)
        self.keep = nn.Linear(config.widths[0], tracks * channels * config.bands)
        nn.init.zeros_(self.keep.weight)
        nn.init.zeros_(self.keep.bias)
        self.share = nn.Linear(config.condition, tracks)
        nn.init.zeros_(self.share.weight)
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
        stems = self.lapped.cosines(F.pad(x, pad))
        frames = self.lapped.frames(F.pad(mixture, pad))
        cosines, sines = frames @ self.lapped.cosine, frames @ self.lapped.sine
        condition = self.noise(sigma, mixed)
        hidden = self.trunk(self.enter(self.features(stems, cosines, sines, sigma)), condition)
        own, share = self.answer(hidden, condition, mixed)
        own = own + self.gains(hidden, sigma) * stems
        cosines, sines = share * cosines.unsqueeze(1), share * sines.unsqueeze(1)
        return self.lapped.inverse(own + cosines, sines)[..., :samples]

    def gains(self, hidden: Tensor, sigma: Tensor) -> Tensor:
        """What F must add so that D keeps a learned share w of each noised coefficient: (w − c_skip)/(c_out·c_in).

        w starts at c_skip, the best gain for white data. Shape: (batch, stems, channels, frames, hop); 0 for given stems.
        """
        ratio = torch.where(sigma > 0, sigma, 1.0)[:, :, None, None, None]
        bands = self.keep(hidden).float().unflatten(-1, (self.config.stems, self.config.channels, -1)).permute(0, 2, 3, 1, 4)
        kept = (bands - 2 * ratio.log()).sigmoid() - 1 / (1 + ratio**2)
        noised = (sigma > 0).to(kept.dtype)[:, :, None, None, None]
        return (kept * (ratio + 1 / ratio) * noised) @ self.spread

    def lower(self, dtype: torch.dtype) -> None:
        """Run the matrix products in `dtype`; the transforms and what they touch stay in float32."""
        for part in (self.noise.mlp, self.enter, self.trunk, self.leave, self.keep, self.share):
            part.to(dtype)

    def features(self, stems: Tensor, cosines: Tensor, sines: Tensor, sigma: Tensor) -> Tensor:
        """What enters at each frame: every track's MDCT; log bands of given stems; log magnitudes of the mixture."""
        given = (sigma == 0).to(stems.dtype)[:, :, None, None, None]
        log_bands = torch.log1p(10 * (magnitudes(stems * given) @ self.bands))
        log_mixture = torch.log1p(10 * torch.hypot(cosines, sines)).unsqueeze(1)
        parts = (stems, log_bands, cosines.unsqueeze(1), log_mixture)
        flat = [part.permute(0, 3, 1, 2, 4).flatten(2) for part in parts]
        return torch.cat(flat, -1).to(self.enter.weight.dtype)

    def answer(self, hidden: Tensor, condition: Tensor, mixed: Tensor) -> tuple[Tensor, Tensor]:
        """Each stem's own coefficients, and its share of the mixture's. Shapes: (batch, stems, channels, frames, hop)."""
        stems, channels, hop = self.config.stems, self.config.channels, self.config.hop
        out = self.leave(hidden).float().unflatten(-1, (2 * stems + 1, channels, hop)).permute(0, 2, 3, 1, 4)
        weight = 0.5 * self.share(condition).float() * mixed.unsqueeze(1)
        return out[:, :stems], weight[:, :, None, None, None] * out[:, stems:].softmax(1)[:, :stems]


class Trunk(nn.Module):
    """Frames in, frames out: two halves of levels with skips, attention at the bottom. Shape: (batch, frames, widths[0])."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        widths, condition = config.widths, config.condition
        self.factor = 2 ** (len(widths) - 1)

        def level(width: int, count: int) -> nn.ModuleList:
            return nn.ModuleList(ConvBlock(width, condition, config.kernel, config.expand) for _ in range(count))

        steps = list(pairwise(widths))
        self.down = nn.ModuleList(level(w, n) for w, n in zip(widths[:-1], config.blocks, strict=False))
        self.merge = nn.ModuleList(nn.Linear(2 * outer, inner) for outer, inner in steps)
        self.bottom = level(widths[-1], config.blocks[-1])
        self.attention = nn.ModuleList(Attention(widths[-1], condition) for _ in self.bottom)
        self.split = nn.ModuleList(nn.Linear(inner, 2 * outer) for outer, inner in steps)
        self.up = nn.ModuleList(level(w, n) for w, n in zip(widths[:-1], config.blocks, strict=False))

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
