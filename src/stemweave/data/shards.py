"""The training cache: int16 samples interleaved [time, stem, channel], read by memory map.

A cache is a folder of shards, each ``shard-00000.i16`` with its index ``shard-00000.json`` beside it.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemweave.data.indexed import Kind, Shard, divided, opened, store
from stemweave.data.tracks import Track

FORMAT = 1
GROUP = 32
"""Tracks in one shard."""
FULL_SCALE = 32768.0
ACTIVE = 1e-3
"""RMS of a one-second window from which a stem counts as active: -60 dBFS."""

Map = Callable[[Callable[[Track], Any], Iterable[Track]], Iterable[Any]]


@dataclass(frozen=True)
class Recipe:
    """What a cache holds of each track: which stems, at which rate (Hz), in how many channels."""

    stems: tuple[str, ...]
    rate: int
    channels: int = 1

    @property
    def frame(self) -> int:
        """Bytes of one frame of [stem, channel]."""
        return len(self.stems) * self.channels * 2


@dataclass(frozen=True)
class Entry:
    """One cached track; ``offset`` and ``frames`` count frames of [stem, channel].

    ``power`` is the mean square of each stem over its ``active`` one-second windows; ``gain`` is what the track was
    multiplied by so that no stem clips.
    """

    id: str
    offset: int
    frames: int
    known: tuple[bool, ...]
    present: tuple[bool, ...]
    power: tuple[float, ...]
    active: tuple[int, ...]
    gain: float
    text: str
    sha256: str


KIND = Kind("shard", ".i16", FORMAT, Recipe, Entry, "stemweave preprocess audio")


def plan(tracks: Sequence[Track], folder: Path) -> list[Shard[Track]]:
    """The shards of a cache; several machines can write some each."""
    return divided(tracks, GROUP, folder / KIND.name)


def write(shard: Shard[Track], recipe: Recipe, mapping: Map = map, overwrite: bool = False) -> Iterator[str]:
    """Write one shard, yielding ids as their tracks are done; a shard that holds just these inputs is left alone.

    ``mapping`` is ``map`` or a process pool's. Raises :class:`OutputError` if the shard exists with other inputs or
    settings and ``overwrite`` is not given. Stopped at any point, it leaves either a whole shard or none.
    """
    hashes = list(mapping(partial(fingerprint, recipe=recipe), shard.tracks))
    yield from store(shard, KIND, recipe, hashes, _packed(shard.tracks, recipe, mapping, hashes), overwrite)


def _packed(tracks: Sequence[Track], recipe: Recipe, mapping: Map, hashes: Sequence[str]) -> Iterator[tuple[bytes, Entry]]:
    offset = 0
    packed = mapping(partial(pack, recipe=recipe), tracks)
    for track, (audio, gain), sha256 in zip(tracks, packed, hashes, strict=True):
        yield audio.tobytes(), _entry(track, audio, recipe, offset, gain, sha256)
        offset += len(audio)


def pack(track: Track, recipe: Recipe) -> tuple[NDArray[np.int16], float]:
    """A track as int16 (samples, stems, channels), and the gain that kept its loudest stem from clipping."""
    audio = track.read(recipe.stems, recipe.rate, recipe.channels).numpy()
    peak = float(np.abs(audio).max(initial=0.0))
    gain = 1.0 if peak * FULL_SCALE <= FULL_SCALE - 1 else (FULL_SCALE - 1) / FULL_SCALE / peak
    scaled = np.rint(audio * np.float32(gain * FULL_SCALE)).clip(-FULL_SCALE, FULL_SCALE - 1)
    return np.ascontiguousarray(scaled.transpose(2, 0, 1).astype("<i2")), gain


def fingerprint(track: Track, recipe: Recipe) -> str:
    """SHA-256 of what a cached track depends on: its files' bytes, what is known of its stems, and the recipe."""
    facts = (FORMAT, asdict(recipe), track.id, track.rate, track.frames, track.text, track.known(recipe.stems))
    digest = hashlib.sha256(repr(facts).encode())
    for stem in recipe.stems:
        for path in track.stems.get(stem, ()):
            with path.open("rb") as file:
                digest.update(f"{stem}:".encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


@dataclass(frozen=True)
class Cache:
    """A folder of shards, open for reading; holds no file open, so it travels to worker processes."""

    stems: tuple[str, ...]
    rate: int
    channels: int
    tracks: tuple[Entry, ...]
    files: tuple[Path, ...]
    """The samples of each track."""

    @classmethod
    def open(cls, folder: str | Path) -> "Cache":
        """Open the cache in ``folder``; :class:`DataError` if there is none, or its shards do not fit together."""
        recipe, tracks, files = opened(Path(folder), KIND)
        return cls(recipe.stems, recipe.rate, recipe.channels, tracks, files)

    @property
    def hours(self) -> float:
        """Hours of music, counting a moment of all stems once."""
        return sum(entry.frames for entry in self.tracks) / self.rate / 3600

    def levels(self) -> dict[str, float]:
        """RMS of each stem over its active seconds (1.0 is full scale); 0 for a stem that never sounds."""
        return {name: _rms(self.tracks, [stem]) for stem, name in enumerate(self.stems)}

    def sigma_data(self) -> float:
        """RMS over the active seconds of all stems: sigma_data of EDM (2206.00364), as one number."""
        return _rms(self.tracks, range(len(self.stems)))

    def read(self, track: int, start: int, length: int) -> NDArray[np.float32]:
        """``length`` samples of a track from ``start``: float32 (stems, channels, length), zeros past the end."""
        entry, frame = self.tracks[track], (len(self.stems), self.channels)
        stop = min(start + length, entry.frames)
        audio = np.zeros((*frame, length), dtype=np.float32)
        if stop > start:
            first = (entry.offset + start) * frame[0] * frame[1] * 2
            samples = np.memmap(self.files[track], "<i2", "r", offset=first, shape=(stop - start, *frame))
            np.multiply(samples.transpose(1, 2, 0), np.float32(1 / FULL_SCALE), out=audio[..., : stop - start])
        return audio


def _entry(track: Track, audio: NDArray[np.int16], recipe: Recipe, offset: int, gain: float, sha256: str) -> Entry:
    power, active = zip(*(_activity(audio[:, stem], recipe.rate) for stem in range(audio.shape[1])), strict=True)
    known, present = track.known(recipe.stems), track.present(recipe.stems)
    return Entry(track.id, offset, len(audio), known, present, power, active, gain, track.text, sha256)


def _activity(stem: NDArray[np.int16], rate: int) -> tuple[float, int]:
    """Mean square over the one-second windows at or above -60 dBFS, and their number; stem (samples, channels)."""
    square = np.square(stem / FULL_SCALE).mean(axis=1)
    starts = range(0, len(square), rate)
    power = np.array([square[start : start + rate].mean() for start in starts])
    loud = power[power >= ACTIVE**2]
    return (float(loud.mean()), len(loud)) if len(loud) else (0.0, 0)


def _rms(entries: Iterable[Entry], stems: Iterable[int]) -> float:
    pairs = [(entry.power[stem], entry.active[stem]) for entry in entries for stem in stems]
    seconds = sum(count for _, count in pairs)
    return float(np.sqrt(sum(power * count for power, count in pairs) / seconds)) if seconds else 0.0
