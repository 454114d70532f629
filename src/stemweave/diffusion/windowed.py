"""A prior of a fixed length on a piece of any length: overlapping windows of one state, faded together (2302.08113)."""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from stemweave.diffusion.denoiser import Denoiser, describe
from stemweave.errors import UsageError


def starts(samples: int, length: int, hop: int) -> tuple[int, ...]:
    """First samples of the windows; the last is flush with the end.

    >>> starts(10, 4, 2), starts(11, 4, 2), starts(3, 4, 2)
    ((0, 2, 4, 6), (0, 2, 4, 6, 7), (0,))
    """
    regular = tuple(range(0, max(samples - length, 0) + 1, hop))
    return regular if samples <= length or regular[-1] == samples - length else (*regular, samples - length)


def windows(x: Tensor, length: int, hop: int) -> Tensor:
    """All windows of each item, one after another, as a batch: to cut conditions as `Windowed` cuts the state.

    Shape: (batch, ..., samples) → (batch·windows, ..., length); one window of the whole where samples ≤ length.
    """
    cut = [x[..., start : start + length] for start in starts(x.shape[-1], length, hop)]
    return torch.stack(cut, 1).flatten(0, 1)


@dataclass(frozen=True, eq=False)
class Windowed:
    """Σ_w fade_w·D(x_w) / Σ_w fade_w, with D called once for all windows, or for at most `batch` at a time.

    `length` and `hop` in samples; hop = length/2 is advised. A prior bound to conditions cut by `windows` expects all windows
    at once. Likelihoods go outside: `DiracTangent(Windowed(prior, ...), ...)`. `UsageError` unless 1 ≤ hop ≤ length and
    batch ≥ 1.
    """

    prior: Denoiser
    length: int
    hop: int
    batch: int | None = None
    __repr__ = describe

    def __post_init__(self) -> None:
        if not 1 <= self.hop <= self.length:
            raise UsageError(f"got windows of {self.length} every {self.hop} samples; expected 1 <= hop <= length")
        if self.batch is not None and self.batch < 1:
            raise UsageError(f"got {self.batch} windows at a time; expected at least 1")

    def __call__(self, x: Tensor, sigma: Tensor, /) -> Tensor:
        """Shape: (batch, stems, channels, samples) → the same."""
        cut = windows(x, self.length, self.hop)
        parts = cut.split(self.batch or len(cut))
        made = torch.cat([self.prior(part, sigma) for part in parts]) if len(parts) > 1 else self.prior(cut, sigma)
        return _joined(made.unflatten(0, (len(x), -1)), x.shape[-1], self.hop)


def _joined(made: Tensor, samples: int, hop: int) -> Tensor:
    """Windows (batch, windows, ..., length) faded together. Shape: (batch, ..., samples)."""
    if made.shape[1] == 1:
        return made.squeeze(1)
    length = made.shape[-1]
    fade, total = _fades(samples, length, hop, made.device, made.dtype)
    faded = made * fade
    out = faded.new_zeros((*made.shape[:1], *made.shape[2:-1], samples))
    for window, start in enumerate(starts(samples, length, hop)):
        out[..., start : start + length] += faded[:, window]
    return out / total


@lru_cache(maxsize=8)
def _fades(samples: int, length: int, hop: int, device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """One window's fade (Hann, kept above 0) and the sum of all fades over the piece."""
    place = (torch.arange(length, dtype=torch.float64) + 0.5) / length
    fade = (math.pi * place).sin().square().clamp(min=1e-4)
    total = torch.zeros(samples, dtype=torch.float64)
    for start in starts(samples, length, hop):
        total[start : start + length] += fade
    with torch.inference_mode(False):
        return fade.to(device, dtype, copy=True), total.to(device, dtype, copy=True)
