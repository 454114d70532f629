"""What a codec is trained by: the sound that comes back, the latents' distribution, and the discriminators' opinion."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from stemweave.audio.mels import FLOOR
from stemweave.nets.discriminators import Judgement


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
