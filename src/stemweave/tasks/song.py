"""Where a task's sound comes from: a file, read piece by piece, or samples already in memory."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stemweave.audio.files import Reader
from stemweave.errors import UsageError

Sound = str | PathLike[str] | Tensor | NDArray[Any]
"""A path, or samples: (channels, samples) or (samples,)."""

CHANNELS = 8
"""The most that a song has."""

BLOCK_SECONDS = 10


class Song(Protocol):
    """What a task needs of a sound: its rate (Hz), channels, length (samples), and any part of it."""

    @property
    def rate(self) -> int:
        """Hz."""
        ...

    @property
    def channels(self) -> int:
        """How many."""
        ...

    @property
    def frames(self) -> int:
        """Length in samples."""
        ...

    def read(self, start: int = 0, stop: int | None = None) -> Tensor:
        """Samples start to stop, (channels, stop - start); zeros outside."""
        ...


@dataclass(frozen=True, eq=False)
class Clip:
    """Samples in memory, (channels, samples), as a `Song`."""

    audio: Tensor
    rate: int

    @property
    def channels(self) -> int:
        """How many channels."""
        return self.audio.shape[0]

    @property
    def frames(self) -> int:
        """Length in samples."""
        return self.audio.shape[1]

    def read(self, start: int = 0, stop: int | None = None) -> Tensor:
        """Samples start to stop; zeros outside."""
        stop = self.frames if stop is None else stop
        inside = self.audio[:, max(start, 0) : max(min(stop, self.frames), 0)]
        before = max(0, min(-start, stop - start))
        return torch.nn.functional.pad(inside, (before, stop - start - before - inside.shape[1]))


@contextmanager
def opened(sound: Sound, rate: int | None) -> Iterator[Song]:
    """Open a path, or wrap samples of `rate` Hz. Raises AudioError or UsageError, in one line, for what cannot be used."""
    if isinstance(sound, np.ndarray):
        sound = torch.from_numpy(sound)
    if isinstance(sound, Tensor):
        yield Clip(checked(sound), checked_rate(rate))
        return
    with Reader(sound) as file:
        yield file


def checked(audio: Tensor) -> Tensor:
    """(channels, samples) float32 in main memory, finite and not empty."""
    audio = audio.unsqueeze(0) if audio.ndim == 1 else audio
    if audio.ndim != 2 or audio.shape[0] == 0 or audio.shape[1] == 0:
        raise UsageError(f"got audio of shape {tuple(audio.shape)}; expected (channels, samples), at least one of each")
    if audio.shape[0] > CHANNELS:
        raise UsageError(f"got audio of shape {tuple(audio.shape)}; expected (channels, samples), at most {CHANNELS} channels")
    if not audio.is_floating_point():
        raise UsageError(f"got audio of type {audio.dtype}; expected floating point in -1..1")
    if not audio.isfinite().all():
        raise UsageError("the audio holds NaN or infinite samples; export it again")
    return audio.float().cpu()


def checked_rate(rate: int | None) -> int:
    """A sample rate in Hz."""
    if rate is None or not 1000 <= rate <= 768000:
        raise UsageError(f"got rate {rate}; samples in memory need their sample rate in Hz, such as rate=44100")
    return int(rate)


def level(song: Song) -> float:
    """RMS of the song's mono mix (1 = full scale), read block by block. A song is listened to once before it is worked on."""
    block, energy = BLOCK_SECONDS * song.rate, 0.0
    for start in range(0, song.frames, block):
        energy += float(song.read(start, min(start + block, song.frames)).mean(0).double().square().sum())
    return (energy / song.frames) ** 0.5


def checked_seconds(seconds: float) -> float:
    """A duration to make: above 0 and at most an hour."""
    if not 0 < seconds <= 3600:
        raise UsageError(f"got {seconds} seconds; expected more than 0 and at most 3600")
    return float(seconds)


def checked_seed(seed: int | None) -> int:
    """The seed itself, or 32 bits drawn from the system."""
    if seed is None:
        return secrets.randbits(32)
    if not 0 <= seed < 2**63:
        raise UsageError(f"got seed {seed}; expected a whole number from 0 to 2^63 - 1")
    return int(seed)
