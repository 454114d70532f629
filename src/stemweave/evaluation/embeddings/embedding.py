"""Sounds as points: what an embedding is, and how clips are embedded so that none is lost on the way."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from stemweave.audio.resample import resample
from stemweave.errors import DataError
from stemweave.evaluation.checks import Floats, check_audio
from stemweave.evaluation.measures.loudness import loudness


class Embedding(Protocol):
    """Turns mono sound into one point per window; the rest after the last whole window is left out."""

    @property
    def name(self) -> str:
        """As reports print it."""
        ...

    @property
    def rate(self) -> int:
        """Hz at which it wants its sound."""
        ...

    @property
    def window(self) -> int:
        """Samples that a window takes, hence the shortest sound."""
        ...

    @property
    def dimension(self) -> int:
        """Of a point."""
        ...

    def settings(self) -> Mapping[str, Any]:
        """All that decides the points, weights included, as JSON."""
        ...

    def __call__(self, mono: Tensor) -> Floats:
        """Points (windows, dimension) of (samples,)."""
        ...


def embed(clips: Iterable[tuple[str, Tensor]], rate: int, embedding: Embedding) -> dict[str, Floats]:
    """The points of each clip, a name and (channels, samples) at ``rate`` Hz: mixed to mono, then resampled.

    Raises :class:`DataError` for no clips, two of one name, NaN, clips shorter than a window, and points that are not as
    the embedding says: a clip never goes missing.
    """
    found: dict[str, Floats] = {}
    for name, audio in clips:
        if name in found:
            raise DataError(f"two clips are called {name!r}: give each a name of its own")
        found[name] = _embedded(name, audio, rate, embedding)
    if not found:
        raise DataError(f"no clips to embed as {embedding.name}: give at least one")
    return found


def settings_hash(embedding: Embedding) -> str:
    """SHA-256 of all that decides the points, `embed` included: numbers of different hashes are not comparable."""
    decided = {"mono": "mean of channels", "resampler": "soxr HQ", **embedding.settings()}
    return hashlib.sha256(json.dumps(decided, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Levelled:
    """An embedding of sound brought to ``lufs`` first (BS.1770, of the mono mix as the embedding hears it).

    Sound that the loudness gate takes for silence is embedded as it is.
    """

    embedding: Embedding
    lufs: float = -23.0

    @property
    def name(self) -> str:
        """As reports print it."""
        return f"{self.embedding.name} at {self.lufs:g} LUFS"

    @property
    def rate(self) -> int:
        """Hz at which it wants its sound."""
        return self.embedding.rate

    @property
    def window(self) -> int:
        """Samples that a window takes."""
        return self.embedding.window

    @property
    def dimension(self) -> int:
        """Of a point."""
        return self.embedding.dimension

    def settings(self) -> Mapping[str, Any]:
        """All that decides the points."""
        return {"name": self.name, "lufs": self.lufs, "of": dict(self.embedding.settings())}

    def __call__(self, mono: Tensor) -> Floats:
        """Points (windows, dimension) of (samples,)."""
        level = loudness(mono[None], self.rate)
        return self.embedding(mono * 10 ** ((self.lufs - level) / 20) if np.isfinite(level) else mono)


@torch.inference_mode()
def _embedded(name: str, audio: Tensor, rate: int, embedding: Embedding) -> Floats:
    check_audio(audio, 2, f"clip {name!r}")
    mono = resample(audio.float().mean(0), rate, embedding.rate)
    if len(mono) < embedding.window:
        shortest = embedding.window / embedding.rate
        raise DataError(f"clip {name!r} has {len(mono) / embedding.rate:.2f} s, {embedding.name} needs {shortest:g} s: drop it")
    points = np.asarray(embedding(mono), np.float64)
    if points.ndim != 2 or len(points) == 0 or points.shape[1] != embedding.dimension or not np.isfinite(points).all():
        raise DataError(
            f"{embedding.name} gave clip {name!r} points of shape {points.shape}, or not finite;"
            f" expected (windows, {embedding.dimension})"
        )
    return points
