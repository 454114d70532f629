"""Short-time spectra and the mel bands that sum them up."""

import math

import torch
from torch import Tensor

BREAK, SLOPE = 700.0, 1127.0
"""Of the mel scale (HTK's): mel = 1127 ln(1 + Hz / 700)."""


def magnitudes(audio: Tensor, size: int, hop: int, transform: int) -> Tensor:
    """Magnitudes (..., frames, bins) of (..., samples): Hann windows of ``size`` every ``hop``, zeros up to ``transform``.

    Only whole frames, neither centred nor padded; a sine of amplitude a peaks at a × size / 4.
    """
    frames = audio.unfold(-1, size, hop) * torch.hann_window(size, dtype=audio.dtype, device=audio.device)
    return torch.fft.rfft(frames, transform).abs()


def mel_bands(bins: int, rate: int, bands: int, lowest: float, highest: float) -> Tensor:
    """Triangles (bands, bins), straight in mel and evenly spaced there, from ``lowest`` to ``highest`` Hz."""
    at = SLOPE * torch.log1p(torch.linspace(0, rate / 2, bins, dtype=torch.float64) / BREAK)
    first, last = (SLOPE * math.log1p(hertz / BREAK) for hertz in (lowest, highest))
    edges = torch.linspace(first, last, bands + 2, dtype=torch.float64)[:, None]
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    return torch.minimum((at - low) / (middle - low), (high - at) / (high - middle)).clamp_min(0).float()
