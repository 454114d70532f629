"""A cache of latents: float16 interleaved [time, stem, latent], read by memory map.

Made once from a cache of audio, so that a model of latents trains without its codec; see `stemweave.data.indexed`.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stemweave.data.indexed import Kind, Shard, divided, opened, store
from stemweave.data.shards import Cache
from stemweave.data.tracks import BAND
from stemweave.errors import DataError

FORMAT = 1
GROUP = 32
"""Tracks in one shard."""

Encode = Callable[[Tensor], Tensor]
"""A codec: (stems, channels, samples) → (stems, latents, frames)."""


@dataclass(frozen=True)
class Coding:
    """What all latents of a cache have in common: a codec by name and digest, and which stems it coded.

    Rate in Hz, hop in samples per frame; ``silence`` is the latents of silence, stem by stem.
    """

    codec: str = field(compare=False)  # what it is depends on the digest
    digest: str
    stems: tuple[str, ...]
    rate: int
    hop: int
    latents: int
    silence: tuple[float, ...] = field(compare=False)  # another machine rounds otherwise

    def __post_init__(self) -> None:
        if len(self.silence) != len(self.stems) * self.latents:
            raise ValueError(f"silence has {len(self.silence)} numbers, expected {len(self.stems)} stems of {self.latents}")

    @property
    def frame(self) -> int:
        """Bytes of one frame of [stem, latent]."""
        return len(self.stems) * self.latents * 2


@dataclass(frozen=True)
class Entry:
    """One track's latents; ``offset`` and ``frames`` count frames of [stem, latent].

    ``sha256`` is of the audio and the codec that they were made from, ``checksum`` of their own bytes.
    """

    id: str
    offset: int
    frames: int
    known: tuple[bool, ...]
    present: tuple[bool, ...]
    sha256: str
    checksum: str


KIND = Kind("latents", ".f16", FORMAT, Coding, Entry, "stemweave preprocess latents")


@dataclass(frozen=True)
class Song:
    """A track to encode: what it is, and how to read it, float32 (stems, channels, samples)."""

    id: str
    known: tuple[bool, ...]
    present: tuple[bool, ...]
    sha256: str
    read: Callable[[], NDArray[np.float32]]


def songs(cache: Cache) -> list[Song]:
    """The tracks of a cache of audio."""
    return [
        Song(entry.id, entry.known, entry.present, entry.sha256, partial(cache.read, number, 0, entry.frames))
        for number, entry in enumerate(cache.tracks)
    ]


def mixed(song: Song) -> Song:
    """Its mixture as its only stem, `BAND`: known where all stems are, present where any is."""

    def read() -> NDArray[np.float32]:
        mixture: NDArray[np.float32] = song.read().sum(0, keepdims=True)
        return mixture

    known, present = (all(song.known),), (any(song.present),)
    return replace(song, known=known, present=present, sha256=_hash(BAND, song.sha256), read=read)


def copies(song: Song, count: int, hop: int) -> list[Song]:
    """The song itself, or so many copies, each ``hop / count`` samples later than the one before, after silence.

    A codec is shift-invariant by whole hops at most, so that these are as many views of one song.
    """
    return [song] if count == 1 else [_delayed(song, number, number * hop // count) for number in range(count)]


def _delayed(song: Song, number: int, samples: int) -> Song:
    def read() -> NDArray[np.float32]:
        return np.pad(song.read(), ((0, 0), (0, 0), (samples, 0)))

    return replace(song, id=f"{song.id}@{number}", sha256=_hash(samples, song.sha256), read=read)


def plan(tracks: Sequence[Song], folder: Path) -> list[Shard[Song]]:
    """The shards of a cache; several machines can write some each."""
    return divided(tracks, GROUP, folder / KIND.name)


def write(shard: Shard[Song], coding: Coding, encode: Encode, overwrite: bool = False) -> Iterator[str]:
    """Write one shard, yielding ids as their tracks are done; one of just these tracks by this codec is left alone.

    Raises :class:`OutputError` if the shard exists with other tracks or by another codec and ``overwrite`` is not given, and
    :class:`DataError` for latents that float16 does not hold. Stopped at any point, it leaves either a whole shard or none.
    """
    hashes = [_hash(FORMAT, coding.digest, song.sha256) for song in shard.tracks]
    yield from store(shard, KIND, coding, hashes, _packed(shard.tracks, encode, hashes), overwrite)


def _packed(tracks: Sequence[Song], encode: Encode, hashes: Sequence[str]) -> Iterator[tuple[bytes, Entry]]:
    offset = 0
    for song, sha256 in zip(tracks, hashes, strict=True):
        latents = _half(song, encode)
        data = latents.tobytes()
        yield data, Entry(song.id, offset, len(latents), song.known, song.present, sha256, hashlib.sha256(data).hexdigest())
        offset += len(latents)


def _half(song: Song, encode: Encode) -> NDArray[np.float16]:
    """float16 (frames, stems, latents)."""
    latents = encode(torch.from_numpy(song.read())).permute(2, 0, 1).cpu().half()
    if not latents.isfinite().all():
        raise DataError(f"the latents of {song.id} are NaN, or too large for float16; use another codec")
    return np.ascontiguousarray(latents.numpy().astype("<f2"))


def _hash(*facts: object) -> str:
    return hashlib.sha256(repr(facts).encode()).hexdigest()


@dataclass(frozen=True)
class Latents:
    """A folder of latents, open for reading; holds no file open, so it travels to worker processes."""

    coding: Coding
    tracks: tuple[Entry, ...]
    files: tuple[Path, ...]
    """The latents of each track."""

    @classmethod
    def open(cls, folder: str | Path) -> "Latents":
        """Open the latents in ``folder``; :class:`DataError` if there are none, or their shards do not fit together."""
        return cls(*opened(Path(folder), KIND))

    @property
    def stems(self) -> tuple[str, ...]:
        """By name, in order."""
        return self.coding.stems

    @property
    def hours(self) -> float:
        """Hours of music, counting a moment of all stems once."""
        return sum(entry.frames for entry in self.tracks) * self.coding.hop / self.coding.rate / 3600

    def verify(self) -> None:
        """Read everything; :class:`DataError` for the first track that is not as it was written."""
        for entry, file in zip(self.tracks, self.files, strict=True):
            if hashlib.sha256(self._stored(entry, file, 0, entry.frames).tobytes()).hexdigest() != entry.checksum:
                raise DataError(f"{file} is damaged in {entry.id}; delete it, and run `{KIND.command}` again")

    def read(self, track: int, start: int, length: int) -> NDArray[np.float32]:
        """``length`` frames of a track from ``start``: float32 (stems, latents, length), of silence past the end."""
        entry, stop = self.tracks[track], min(start + length, self.tracks[track].frames)
        silence = np.array(self.coding.silence, dtype=np.float32).reshape(len(self.stems), -1, 1)
        latents = np.repeat(silence, length, axis=2)
        if stop > start:
            latents[..., : stop - start] = self._stored(entry, self.files[track], start, stop).transpose(1, 2, 0)
        return latents

    def _stored(self, entry: Entry, file: Path, start: int, stop: int) -> NDArray[np.float16]:
        """Frames ``start`` to ``stop``: (frames, stems, latents)."""
        first = (entry.offset + start) * self.coding.frame
        return np.memmap(file, "<f2", "r", offset=first, shape=(stop - start, len(self.stems), self.coding.latents))
