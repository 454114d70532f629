"""Sample-rate conversion with exact lengths (soxr, high quality, no delay)."""

import numpy as np
import soxr
import torch
from torch import Tensor


def resampled_length(samples: int, source: int, target: int) -> int:
    """How many samples ``samples`` at ``source`` Hz become at ``target`` Hz: rounded up, so that none is lost."""
    return -(-samples * target // source)


def resample(audio: Tensor, source: int, target: int, length: int | None = None) -> Tensor:
    """Convert (..., samples) float32 from ``source`` to ``target`` Hz; the result has exactly ``length`` samples.

    ``length`` defaults to `resampled_length`. Where the converter gives fewer, the end is padded with zeros.
    """
    length = resampled_length(audio.shape[-1], source, target) if length is None else length
    if source == target or audio.shape[-1] == 0:
        return _fit(audio, length)
    flat = audio.detach().reshape(-1, audio.shape[-1]).cpu().numpy().astype(np.float32, copy=False)
    converted = np.stack([soxr.resample(row, source, target) for row in flat])
    return _fit(torch.from_numpy(converted).reshape(*audio.shape[:-1], -1).to(audio.device), length)


class Stream:
    """`resample` block by block: as many samples in all as `resampled_length` says. The same rate passes through."""

    def __init__(self, channels: int, source: int, target: int) -> None:
        self._rates = source, target
        self._channels = channels
        self._soxr = None if source == target else soxr.ResampleStream(source, target, channels, dtype="float32")
        self._taken = self._given = 0

    def convert(self, audio: Tensor, *, last: bool = False) -> Tensor:
        """The samples that the next block (channels, samples) completes; with ``last``, all that remain."""
        if self._soxr is None:
            return audio
        frames = np.ascontiguousarray(audio.detach().cpu().numpy().T)
        made = torch.from_numpy(self._soxr.resample_chunk(frames, last=last).reshape(-1, self._channels).T.copy())
        self._taken += audio.shape[-1]
        made = _fit(made, resampled_length(self._taken, *self._rates) - self._given) if last else made
        self._given += made.shape[-1]
        return made


def _fit(audio: Tensor, length: int) -> Tensor:
    missing = length - audio.shape[-1]
    return torch.nn.functional.pad(audio, (0, missing)) if missing > 0 else audio[..., :length]
