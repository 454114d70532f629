"""The training cache: int16 samples interleaved [time, stem, channel], read by memory map.

A cache is a folder of shards, each ``shard-00000.i16`` with its index ``shard-00000.json`` beside it. The index is
written last, so a shard without it does not exist; a shard is complete in itself, so several machines can write one.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemweave.audio.files import staged
from stemweave.data.tracks import Track
from stemweave.errors import DataError, OutputError

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


@dataclass(frozen=True)
class Shard:
    """One shard to write: its place without suffix, and its tracks."""

    path: Path
    tracks: Sequence[Track]

    @property
    def index(self) -> Path:
        """The file that makes the shard complete."""
        return self.path.with_suffix(".json")


def plan(tracks: Sequence[Track], folder: Path, shard: int = 0, shards: int = 1) -> list[Shard]:
    """The shards that machine ``shard`` of ``shards`` writes; all machines together write the whole."""
    starts = range(0, len(tracks), GROUP)
    groups = [Shard(folder / f"shard-{k:05d}", tracks[start : start + GROUP]) for k, start in enumerate(starts)]
    return groups[shard::shards]


def write(shard: Shard, recipe: Recipe, mapping: Map = map, overwrite: bool = False) -> Iterator[str]:
    """Write one shard, yielding ids as their tracks are done; a shard that holds just these inputs is left alone.

    ``mapping`` is ``map`` or a process pool's. Raises :class:`OutputError` if the shard exists with other inputs or
    settings and ``overwrite`` is not given. Stopped at any point, it leaves either a whole shard or none.
    """
    hashes = list(mapping(partial(fingerprint, recipe=recipe), shard.tracks))
    if shard.index.is_file() and not overwrite:
        if [entry["sha256"] for entry in _load(shard.index)["tracks"]] != hashes:
            raise OutputError(f"{shard.index} holds other tracks or settings; give --overwrite or another folder")
        yield from (track.id for track in shard.tracks)
        return
    try:
        yield from _write(shard, recipe, mapping, hashes)
    except OSError as error:
        raise OutputError(f"{shard.index.parent} cannot be written: {error.strerror or error}") from error


def _write(shard: Shard, recipe: Recipe, mapping: Map, hashes: Sequence[str]) -> Iterator[str]:
    entries: list[Entry] = []
    shard.index.parent.mkdir(parents=True, exist_ok=True)
    with staged(shard.index.parent) as scratch:
        with (scratch / shard.path.name).with_suffix(".i16").open("wb") as samples:
            packed = mapping(partial(pack, recipe=recipe), shard.tracks)
            for track, (audio, gain), sha256 in zip(shard.tracks, packed, hashes, strict=True):
                offset = entries[-1].offset + entries[-1].frames if entries else 0
                samples.write(audio.tobytes())
                entries.append(_entry(track, audio, recipe, offset, gain, sha256))
                yield track.id
        (scratch / shard.index.name).write_bytes(_dump(recipe, entries))
        shard.index.unlink(missing_ok=True)


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
        indices = sorted(Path(folder).glob("shard-*.json"))
        if not indices:
            raise DataError(f"{folder} holds no cache (shard-*.json); make one with `stemweave preprocess audio`")
        loaded = [_load(path) for path in indices]
        if len({json.dumps(index["recipe"]) for index in loaded}) != 1:
            raise DataError(f"{folder} mixes shards of different stems, rates or channels; write it anew")
        entries = [
            (_read(entry), _samples(path, index))
            for path, index in zip(indices, loaded, strict=True)
            for entry in index["tracks"]
        ]
        if len({entry.id for entry, _ in entries}) != len(entries):
            raise DataError(f"{folder} holds a track twice; write it anew")
        recipe = loaded[0]["recipe"]
        tracks, files = zip(*entries, strict=True)
        return cls(tuple(recipe["stems"]), recipe["rate"], recipe["channels"], tracks, files)

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


def _dump(recipe: Recipe, entries: Sequence[Entry]) -> bytes:
    index = {"format": FORMAT, "recipe": asdict(recipe), "tracks": [asdict(entry) for entry in entries]}
    return (json.dumps(index, indent=1, ensure_ascii=False) + "\n").encode()


def _load(path: Path) -> dict[str, Any]:
    try:
        index: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if index["format"] != FORMAT:
            raise DataError(f"{path} is a cache of format {index['format']}, expected {FORMAT}; write it anew")
        return index | {"tracks": list(index["tracks"])}
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is not the index of a cache: {error}") from error


def _read(entry: dict[str, Any]) -> Entry:
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    return Entry(**fields)


def _samples(path: Path, index: dict[str, Any]) -> Path:
    samples, recipe = path.with_suffix(".i16"), index["recipe"]
    frames = sum(entry["frames"] for entry in index["tracks"])
    expected = frames * len(recipe["stems"]) * recipe["channels"] * 2
    if not samples.is_file() or samples.stat().st_size != expected:
        raise DataError(f"{samples} is missing or not {expected} bytes long as its index says; write it anew")
    return samples
