"""Songs to work on, from files, folders and patterns, and where each one's results go."""

import glob
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stemweave.audio.formats import SUFFIXES
from stemweave.errors import AudioError, UsageError


@dataclass(frozen=True)
class Song:
    """A file, and the folder its stems go to below OUTPUT/<model>: folders mirror the tree they were found in."""

    path: Path
    track: Path


def find_songs(places: Sequence[str], results: Path) -> list[Song]:
    """The songs that ``places`` name: files, folders (searched to the bottom) and patterns such as ``"*.flac"``.

    What lies below ``results`` is not taken for a song. Raises AudioError for a folder without songs or a pattern
    without matches, UsageError when two songs would share a place.
    """
    homes: dict[Path, Song] = {}
    for song in (song for place in places for song in _songs(place, results.resolve())):
        other = homes.setdefault(song.track, song)
        if other.path != song.path:
            raise UsageError(f"{other.path} and {song.path} would both go to {song.track}: rename one, or run them apart")
    return list(homes.values())


def _songs(place: str, results: Path) -> list[Song]:
    path = Path(place)
    if path.is_dir():
        return _sounds(path.rglob("*"), path, results) or _none(f"{path} holds no songs (no {', '.join(SUFFIXES)})")
    if not path.exists() and glob.has_magic(place):
        matches = (Path(match) for match in glob.glob(place, recursive=True))  # noqa: PTH207 (absolute patterns too)
        return _sounds(matches, _fixed(path), results) or _none(f"{place} matches no songs")
    return [Song(path, Path(path.stem))]


def _none(message: str) -> list[Song]:
    raise AudioError(message)


def _sounds(paths: Iterable[Path], base: Path, results: Path) -> list[Song]:
    found = [
        path
        for path in sorted(paths)
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.resolve().is_relative_to(results)
    ]
    tracks = [path.relative_to(base) for path in found]
    visible = [not any(part.startswith(".") for part in track.parts) for track in tracks]
    return [Song(path, track.with_suffix("")) for path, track, seen in zip(found, tracks, visible, strict=True) if seen]


def _fixed(pattern: Path) -> Path:
    """The part of a pattern before its first wildcard."""
    parts = pattern.parts
    wild = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:wild])


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
