"""Mel bands, and how far two sounds are apart in them: a measure, and a loss to train codecs by."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

FLOOR = 1e-5
"""Magnitude below which mel bands count as equal; a sine of amplitude 1 has about 1."""


class Scale(NamedTuple):
    """One resolution of `MelDistance`: a Hann window in samples, its hop a quarter of that, and a number of mel bands."""

    window: int
    bands: int


SCALES = tuple(Scale(32 << k, 5 << k) for k in range(7))
"""Those of 2306.06546: windows of 32 to 2048 samples, 5 to 320 bands."""


class MelDistance(nn.Module):
    """Multi-scale mel distance: the sum over scales of the mean over channels, bands and frames of |log10 M1 - log10 M2|.

    M is the magnitude in mel bands, at least `faint`. After 2306.06546 (its logarithmic term, power 1) and 2409.06190, but with
    triangles of HTK's mel scale and windows scaled to unit sum: not to be printed beside those papers' values. Rate in Hz;
    shapes: two of (batch, channels, samples) → a number.
    """

    scales: Sequence[Scale] = SCALES

    def __init__(self, rate: int, faint: float = FLOOR, scales: Sequence[Scale] = SCALES) -> None:
        super().__init__()
        self.faint, self.scales = faint, scales
        for window, bands in scales:
            self.register_buffer(f"window_{window}", torch.hann_window(window), persistent=False)
            self.register_buffer(f"filters_{window}", mel_filters(window // 2 + 1, rate, bands), persistent=False)

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        """0 for equal sounds; a gain of g changes it by |log10 g| at every scale."""
        each = [(self.log_mels(one, size) - self.log_mels(other, size)).abs().mean() for size, _ in self.scales]
        return torch.stack(each).sum()

    def log_mels(self, sounds: Tensor, size: int) -> Tensor:
        """At one scale. Shape: (batch, channels, samples) → (batch * channels, bands, frames)."""
        window, filters = self.get_buffer(f"window_{size}"), self.get_buffer(f"filters_{size}")
        spectra = torch.stft(sounds.flatten(0, 1), size, size // 4, window=window, pad_mode="constant", return_complex=True)
        return (filters @ (spectra.abs() * (2 / window.sum()))).clamp_min(self.faint).log10()


def mel_filters(bins: int, rate: int, bands: int) -> Tensor:
    """Triangles (bands, bins), each at least one bin wide."""
    edges = torch.tensor([to_hertz(at) for at in np.linspace(0, to_mel(rate / 2), bands + 2)])
    frequency = torch.linspace(0, rate / 2, bins, device=edges.device)
    width = edges.diff().clamp(min=rate / 2 / bins)
    up = (frequency - edges[1:-1, None]) / width[:-1, None] + 1
    down = (edges[1:-1, None] - frequency) / width[1:, None] + 1
    return torch.minimum(up, down).clamp(min=0).float()


def to_mel(hertz: float) -> float:
    """By HTK's formula."""
    return float(2595 * np.log10(1 + hertz / 700))


def to_hertz(mel: float) -> float:
    """Takes `to_mel` back."""
    return float(700 * (10 ** (mel / 2595) - 1))
