"""Training codecs to be near-linear (2510.23530): what is asked of them for sums and for scaled sounds.

With E the encoder and D the decoder, a codec is linear where E(x + x') = E(x) + E(x') and D(z + z') = D(z) + D(z'), and the
same with factors. No term of the loss says so. A batch x is changed before the encoder, its latents again before the decoder,
and the decoder is to give what the second change makes of the sounds:

    y = A x,    z = E(y),    D(G B z) is to be G B y.

A and B add to some items the one before it in the batch: to each with a probability of `additive`, drawn anew for A and for B.
G scales each item by a gain of its own, of either sign, normal in dB with a standard deviation of `GAIN`. So D must add and
scale as sounds do; and since E hears sums, D(E(x + x')) = x + x' = D(E(x) + E(x')) leaves it little else but to add as well.
The paper has G and B, and mixtures for data; A is ours, since our data are single stems. Where `additive` is 0 nothing is
changed.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

GAIN = 6.0
"""Standard deviation of gains, dB."""


@dataclass(frozen=True, eq=False)
class Change:
    """Sums and gains of a batch: (batch,) each; sums are 1 where the item before it is added, 0 elsewhere."""

    sums: Tensor
    gains: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Shape: (batch, ...) → the same."""
        sums, gains = (each.view(-1, *[1] * (x.ndim - 1)) for each in (self.sums, self.gains))
        return gains * (x + sums * x.roll(1, 0))


def draw_sums(x: Tensor, additive: float) -> Change:
    """A of a batch of sounds (batch, ...)."""
    return Change((torch.rand(len(x), device=x.device) < additive).to(x.dtype), x.new_ones(len(x)))


def draw_change(x: Tensor, additive: float) -> Change:
    """G B of a batch of latents (batch, ...)."""
    sums = draw_sums(x, additive)
    decibels, sign = torch.randn_like(sums.gains), torch.randn_like(sums.gains).sign()
    return Change(sums.sums, sign * 10 ** (GAIN / 20 * decibels)) if additive else sums
