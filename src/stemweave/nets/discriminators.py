"""Discriminators of sound, as 2306.06546 has them: multi-period (2010.05646), and of spectra's bands at several resolutions.

Each hears sounds (sounds, samples), scaled to a peak of 0.8, and gives its features and a score at many places: towards 1 where
it takes the sound for real.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stemweave.nets.weightnorm import normed

PEAK = 0.8
SLOPE = 0.1
"""Of leaky rectifiers."""


@dataclass(frozen=True)
class DiscriminatorConfig:
    """Sizes; as published: 42.5 million parameters.

    periods: of the multi-period discriminators, in samples; widths: channels of their layers, all but the last of which keep a
    third of the time. windows: of the spectra, in samples; edges: where their bands meet, as shares of half the rate;
    band_width: channels of these.
    """

    periods: tuple[int, ...] = (2, 3, 5, 7, 11)
    widths: tuple[int, ...] = (32, 128, 512, 1024, 1024)
    windows: tuple[int, ...] = (2048, 1024, 512)
    edges: tuple[float, ...] = (0.1, 0.25, 0.5, 0.75)
    band_width: int = 32


class Judgement(NamedTuple):
    """Of one discriminator: its features, layer by layer, and its scores; of any shape."""

    features: list[Tensor]
    score: Tensor


class Discriminators(nn.Module):
    """All of them side by side, with weight norm. Shape: (batch, channels, samples) → a judgement of each."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        periods = [PeriodDiscriminator(period, config.widths) for period in config.periods]
        spectra = [SpectrumDiscriminator(window, config.edges, config.band_width) for window in config.windows]
        self.each = nn.ModuleList([*periods, *spectra])
        normed(self)

    def forward(self, sound: Tensor) -> list[Judgement]:
        """Channels are judged as sounds of their own."""
        mono = sound.flatten(0, 1)
        centred = mono - mono.mean(-1, keepdim=True)
        levelled = PEAK * centred / centred.abs().amax(-1, keepdim=True).clamp_min(1e-9)
        return [judge(levelled) for judge in self.each]


class PeriodDiscriminator(nn.Module):
    """Hears every `period`-th sample, from each of as many places: convolutions over time, the same for every place."""

    def __init__(self, period: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.period = period
        strides = [3] * (len(widths) - 1) + [1]
        shapes = zip((1, *widths), widths, strides, strict=False)
        self.layers = nn.ModuleList(nn.Conv1d(before, after, 5, stride, padding=2) for before, after, stride in shapes)
        self.score = nn.Conv1d(widths[-1], 1, 3, padding=1)

    def forward(self, sound: Tensor) -> Judgement:
        """Shape: (sounds, samples); a sound that does not fill its last period is reflected at its end."""
        lacking = -sound.shape[-1] % self.period
        hidden = (
            F.pad(sound, (0, lacking), "reflect").unflatten(-1, (-1, self.period)).transpose(1, 2).flatten(0, 1).unsqueeze(1)
        )
        features = climb(self.layers, hidden)
        return Judgement(features, self.score(features[-1]))


class SpectrumDiscriminator(nn.Module):
    """Hears the complex spectrum, each band by convolutions of its own over time and frequency, then all bands together."""

    window: Tensor

    def __init__(self, window: int, edges: Sequence[float], width: int) -> None:
        super().__init__()
        bins = window // 2 + 1
        places = [0, *(int(edge * bins) for edge in edges), bins]
        self.sizes = [high - low for low, high in pairwise(places)]
        self.register_buffer("window", torch.hann_window(window), persistent=False)
        self.bands = nn.ModuleList(band_layers(width) for _ in self.sizes)
        self.score = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, sound: Tensor) -> Judgement:
        """Shape: (sounds, samples)."""
        size = len(self.window)
        spectrum = torch.stft(sound, size, size // 4, window=self.window, pad_mode="constant", return_complex=True)
        parts = torch.view_as_real(spectrum).permute(0, 3, 2, 1).split(self.sizes, -1)
        bands = [climb(layers, part) for layers, part in zip(self.bands, parts, strict=True)]
        features = [feature for band in bands for feature in band]
        return Judgement(features, self.score(torch.cat([band[-1] for band in bands], -1)))


def climb(layers: nn.Module, hidden: Tensor) -> list[Tensor]:
    """What each layer gives in turn, rectified."""
    features = []
    for layer in layers.children():
        hidden = F.leaky_relu(layer(hidden), SLOPE)
        features.append(hidden)
    return features


def band_layers(width: int) -> nn.ModuleList:
    """Convolutions over (2, time, frequency), three of which halve the frequencies."""
    halving = (nn.Conv2d(width, width, (3, 9), (1, 2), padding=(1, 4)) for _ in range(3))
    first, last = nn.Conv2d(2, width, (3, 9), padding=(1, 4)), nn.Conv2d(width, width, 3, padding=1)
    return nn.ModuleList([first, *halving, last])
