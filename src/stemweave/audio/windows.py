"""A long recording as overlapping segments, and the linear cross-fade that joins them again."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Segment:
    """Samples ``start`` to ``stop`` of a recording, of which ``head`` to ``stop`` are used.

    ``rise`` samples fade in from ``head``; the last ``fall`` samples fade out under the next segment's rise.
    """

    start: int
    stop: int
    head: int
    rise: int
    fall: int

    def gains(self) -> Tensor:
        """Weights (stop - start,) in 0..1; over all segments of a recording they sum to one exactly at every sample."""
        gains = torch.ones(self.stop - self.start)
        gains[: self.head - self.start] = 0.0
        gains[self.head - self.start : self.head - self.start + self.rise] = ramp(self.rise)
        if self.fall:
            gains[-self.fall :] = 1.0 - ramp(self.fall)
        return gains


def ramp(samples: int) -> Tensor:
    """A linear fade (samples,) strictly between 0 and 1, point-symmetric."""
    return (torch.arange(samples) + 0.5) / max(samples, 1)


def segments(total: int, length: int, overlap: int) -> list[Segment]:
    """Cover ``total`` samples with segments of ``length`` that fade into each other over ``overlap`` samples.

    All segments are ``length`` long (the last one begins earlier rather than being short); a recording no longer
    than ``length`` is one segment.
    """
    assert 0 <= 2 * overlap <= length, (length, overlap)
    hop = length - overlap
    count = 1 if total <= length else -(-(total - overlap) // hop)
    found = [Segment(0, min(total, length), 0, 0, overlap if count > 1 else 0)]
    for index in range(1, count):
        last = index == count - 1
        start = total - length if last else index * hop
        found.append(Segment(start, start + length, index * hop, overlap, 0 if last else overlap))
    return found


def crossfade(parts: Iterable[tuple[Segment, Tensor]]) -> Iterator[Tensor]:
    """Join the results of successive segments, each (..., stop - start), into successive blocks of the whole.

    Holds one overlap at a time. The blocks, joined, have the recording's length.
    """
    held: Tensor | None = None
    for segment, audio in parts:
        faded = (audio * segment.gains().to(audio))[..., segment.head - segment.start :]
        if held is not None:
            faded[..., : segment.rise] += held
        ready = faded.shape[-1] - segment.fall
        held = faded[..., ready:].clone()
        yield faded[..., :ready]
