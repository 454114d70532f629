"""Normal noise that can be asked for anywhere: a function of (seed, stem, draw, absolute sample).

One seed per item: an item does not change with the batch size or with its neighbours. Windows of one piece that share a seed
hear the same noise wherever they overlap, whatever their length. The numbers come from numpy's Philox, a counter-based
generator (Salmon et al. 2011), in float32 on the CPU, so they do not depend on the device or the precision of the walk.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stemweave.errors import UsageError

BLOCK = 1024
"""Samples made from one counter: the grain of random access."""

NoiseSource = Callable[[int, tuple[int, ...]], Tensor]
"""(number of the draw, shape (batch, stems, channels, samples)) → standard normal noise of that shape."""


@dataclass(frozen=True)
class Noise:
    """A `NoiseSource`: one seed per item of the batch.

    `seeds`: 0 to 2⁶⁴ − 1. `offsets`: for each item, the absolute sample of the piece where its window begins (default: all
    0). `stems`: the number each stem draws under (default: its place), so that noise follows a stem to another place.
    `UsageError` when the counts do not fit the shape asked for.
    """

    seeds: tuple[int, ...]
    offsets: tuple[int, ...] | None = None
    stems: tuple[int, ...] | None = None
    device: torch.device | str = "cpu"
    dtype: torch.dtype = torch.float32

    def __post_init__(self) -> None:
        if any(not 0 <= seed < 2**64 for seed in self.seeds):
            raise UsageError(f"got seeds {self.seeds}; expected whole numbers from 0 to 2^64 - 1")

    def __call__(self, draw: int, shape: tuple[int, ...], /) -> Tensor:
        """Draw number `draw` (0 ≤ draw < 2⁶⁴). Shape: (batch, stems, channels, samples)."""
        batch, stems, channels, samples = shape
        offsets = self.offsets or (0,) * batch
        numbers = self.stems or tuple(range(stems))
        if not len(self.seeds) == len(offsets) == batch or len(numbers) != stems:
            raise UsageError(
                f"got {len(self.seeds)} seeds, {len(offsets)} offsets and {len(numbers)} stem numbers for noise of shape"
                f" {tuple(shape)}; expected one seed and one offset per item and one number per stem"
            )
        out = np.empty((batch, stems, channels, samples), np.float32)
        for item, (seed, offset) in enumerate(zip(self.seeds, offsets, strict=True)):
            for place, stem in enumerate(numbers):
                for channel in range(channels):
                    _fill(out[item, place, channel], (seed, stem, draw, channel), offset)
        return brought(torch.from_numpy(out), torch.device(self.device)).to(self.dtype)


def brought(made: Tensor, device: torch.device) -> Tensor:
    """A tensor of the CPU on another device, without waiting for the copy; on Apple's, waiting (pytorch/pytorch#189690)."""
    source = made.pin_memory() if device.type == "cuda" else made
    return source.to(device, non_blocking=device.type != "mps")


def by_level(source: NoiseSource, sigma: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The draw that belongs to one noise level: the same whenever that level is visited. Shape: as asked for."""
    (number,) = struct.unpack(">Q", struct.pack(">d", float(sigma)))
    return source(number, shape)


def _fill(out: NDArray[np.float32], key: tuple[int, int, int, int], start: int) -> None:
    """Write samples start … start + len(out) − 1 of the endless noise that `key` names."""
    seed, stem, draw, channel = key
    bits = np.random.Philox(key=np.array([seed, stem], np.uint64))
    generator, state = np.random.Generator(bits), bits.state
    for block in range(start // BLOCK, -(-(start + len(out)) // BLOCK)):
        state["state"]["counter"] = np.array([0, block % 2**64, draw, channel], np.uint64)
        bits.state = state
        made = generator.standard_normal(BLOCK, np.float32)
        first = block * BLOCK - start
        out[max(first, 0) : first + BLOCK] = made[max(-first, 0) : len(out) - first]
