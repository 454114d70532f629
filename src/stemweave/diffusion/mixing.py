"""The mixing row a: y = Σ_n a_n·x_n. Without one every stem counts once.

A row is a tensor (stems,) of the walk's precision, on its device. Mixtures are (batch, channels, samples).
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def mix(x: Tensor, row: Tensor | None = None) -> Tensor:
    """y = aᵀx. Shape: (batch, stems, channels, samples) → (batch, channels, samples)."""
    return x.sum(1) if row is None else torch.einsum("n,bnct->bct", row, x)


def spread(mixture: Tensor, row: Tensor | None = None) -> Tensor:
    """a·y. Shape: (batch, channels, samples) → what broadcasts with (batch, stems, channels, samples)."""
    each = mixture.unsqueeze(1)
    return each if row is None else row[:, None, None] * each


def power(stems: int, row: Tensor | None = None) -> Tensor | int:
    """‖a‖², the number of stems where each counts once."""
    return stems if row is None else row.square().sum()


def share(x: Tensor, mixture: Tensor, row: Tensor | None = None) -> Tensor:
    """x + a·(y − aᵀx)/‖a‖²: the nearest stems that sum to the mixture. Shape: x → x."""
    return x + spread(mixture - mix(x, row), row) / power(x.shape[1], row)


def loudest(levels: Sequence[float]) -> int:
    """The stem with the largest expected level (RMS): the best anchor of a Dirac constraint."""
    return max(range(len(levels)), key=levels.__getitem__)
