"""What a codec is trained by: the sound that comes back, the latents' distribution, and the discriminators' opinion."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from stemweave.audio.pictures import mel_filters
from stemweave.nets.discriminators import Judgement

FLOOR = 1e-5
"""Magnitude below which nothing counts; a sine of amplitude 1 has about 1."""


class MelDistance(nn.Module):
    """Multi-scale mel distance (2306.06546): the sum over scales of the mean of |log10 M1 - log10 M2|.

    Windows of 32 to 2048 samples, a quarter of each apart; 5 to 320 bands of magnitudes, no linear term: as 2409.06190.
    Ours: triangles of HTK's mel scale, windows scaled to unit sum. Bands below a magnitude of `faint` count as equal; a sine of
    amplitude 1 has about 1. Shapes: two of (batch, channels, samples) → a number.
    """

    scales = tuple((32 << k, 5 << k) for k in range(7))
    """Windows in samples, and their numbers of bands."""

    def __init__(self, rate: int, faint: float = FLOOR) -> None:
        super().__init__()
        self.faint = faint
        for window, bands in self.scales:
            self.register_buffer(f"window_{window}", torch.hann_window(window), persistent=False)
            self.register_buffer(f"filters_{window}", mel_filters(window // 2 + 1, rate, bands), persistent=False)

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        """0 for equal sounds; a gain of g changes it by |log10 g| at every scale."""
        return sum_of([(self.log_mels(one, size) - self.log_mels(other, size)).abs().mean() for size, _ in self.scales])

    def log_mels(self, sounds: Tensor, size: int) -> Tensor:
        """At one scale. Shape: (batch, channels, samples) → (batch * channels, bands, frames)."""
        window, filters = self.get_buffer(f"window_{size}"), self.get_buffer(f"filters_{size}")
        spectra = torch.stft(sounds.flatten(0, 1), size, size // 4, window=window, pad_mode="constant", return_complex=True)
        return (filters @ (spectra.abs() * (2 / window.sum()))).clamp_min(self.faint).log10()


def waveform_distance(wanted: Tensor, made: Tensor) -> Tensor:
    """Mean absolute difference relative to the mean absolute value of what is wanted, averaged over the batch.

    Shape: two of (batch, channels, samples) → a number; 1 for silence in place of a sound.
    """
    return ((wanted - made).abs().mean((1, 2)) / wanted.abs().mean((1, 2)).clamp_min(FLOOR)).mean()


def kl_divergence(mean: Tensor, logvar: Tensor) -> Tensor:
    """Of normal latents from N(0, 1), the mean over all of them. Shapes: (batch, latents, frames) → a number, nats."""
    return 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean()


def discrimination(real: Sequence[Judgement], made: Sequence[Judgement]) -> Tensor:
    """What discriminators pay: least squares to 1 for real sounds and to 0 for made ones (1611.04076), summed over them."""
    return sum_of([(1 - yes.score).square().mean() + no.score.square().mean() for yes, no in zip(real, made, strict=True)])


def deception(made: Sequence[Judgement]) -> Tensor:
    """What the codec pays for being found out: least squares to 1 for what it made, summed over discriminators."""
    return sum_of([(1 - one.score).square().mean() for one in made])


def feature_distance(real: Sequence[Judgement], made: Sequence[Judgement]) -> Tensor:
    """How far real and made sounds lie apart in discriminators' features: the sum over all maps of their mean distance."""
    pairs = [pair for yes, no in zip(real, made, strict=True) for pair in zip(yes.features, no.features, strict=True)]
    return sum_of([(one.detach() - other).abs().mean() for one, other in pairs])


def sum_of(terms: Sequence[Tensor]) -> Tensor:
    """The sum of some numbers."""
    return torch.stack(list(terms)).sum()


def additivity_error(function: Callable[[Tensor], Tensor], one: Tensor, other: Tensor) -> Tensor:
    """‖f(a + b) - f(a) - f(b)‖ / ‖f(a + b)‖ over a whole batch: 0 for a function that adds up.

    Shape: two of (batch, ...) → a number.
    """
    whole = function(one + other)
    return (whole - function(one) - function(other)).norm() / whole.norm().clamp_min(1e-12)
