"""Shards: tracks as numbers in one file, and beside it an index in JSON that is written last.

A shard without its index does not exist, so that whatever is interrupted leaves whole shards only; a shard is complete in
itself, so several machines can write one cache.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from stemweave.audio.files import staged
from stemweave.errors import DataError, OutputError


class Recipe(Protocol):
    """What all shards of a cache have in common, as a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def frame(self) -> int:
        """Bytes of one frame."""


class Entry(Protocol):
    """One track in a shard, as a dataclass; ``sha256`` is of all that it was made from."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def id(self) -> str:
        """Of the track."""

    @property
    def frames(self) -> int:
        """Of the track."""

    @property
    def sha256(self) -> str:
        """Of what it was made from."""


T = TypeVar("T")
R = TypeVar("R", bound=Recipe)
E = TypeVar("E", bound=Entry)


@dataclass(frozen=True)
class Kind(Generic[R, E]):
    """A kind of cache: what its files are called, the version of their form, what they hold, and the command that writes it."""

    name: str
    suffix: str
    format: int
    recipe: type[R]
    entry: type[E]
    command: str


@dataclass(frozen=True)
class Shard(Generic[T]):
    """One shard to write: its place without suffix, and its tracks."""

    path: Path
    tracks: Sequence[T]

    @property
    def index(self) -> Path:
        """The file that makes the shard complete."""
        return self.path.with_suffix(".json")


def divided(tracks: Sequence[T], size: int, path: Path, shard: int, shards: int) -> list[Shard[T]]:
    """Of shards of ``size`` tracks each, ``path``-00000 and on, those that machine ``shard`` of ``shards`` writes."""
    starts = range(0, len(tracks), size)
    groups = [Shard(path.with_name(f"{path.name}-{k:05d}"), tracks[start : start + size]) for k, start in enumerate(starts)]
    return groups[shard::shards]


def store(
    shard: Shard[Any], kind: Kind[R, E], recipe: R, hashes: Sequence[str], packed: Iterable[tuple[bytes, E]], overwrite: bool
) -> Iterator[str]:
    """Write the packed tracks to a shard, yielding their ids as they are done; one that was made from just this is left alone.

    ``hashes`` are the entries' ``sha256``, known before anything is packed. Raises :class:`OutputError` if the shard exists,
    made from something else, and ``overwrite`` is not given. Stopped at any point, it leaves either a whole shard or none.
    """
    if shard.index.is_file() and not overwrite:
        _, entries = _load(shard.index, kind)
        if [entry.sha256 for entry in entries] != list(hashes):
            raise OutputError(f"{shard.index} holds other tracks or settings; give --overwrite or another folder")
        yield from (entry.id for entry in entries)
        return
    try:
        yield from _store(shard, kind, recipe, packed)
    except OSError as error:
        raise OutputError(f"{shard.index.parent} cannot be written: {error.strerror or error}") from error


def _store(shard: Shard[Any], kind: Kind[R, E], recipe: R, packed: Iterable[tuple[bytes, E]]) -> Iterator[str]:
    entries: list[E] = []
    shard.index.parent.mkdir(parents=True, exist_ok=True)
    with staged(shard.index.parent) as scratch:
        with (scratch / shard.path.name).with_suffix(kind.suffix).open("wb") as numbers:
            for data, entry in packed:
                numbers.write(data)
                entries.append(entry)
                yield entry.id
        index = {"format": kind.format, "recipe": asdict(recipe), "tracks": [asdict(entry) for entry in entries]}
        (scratch / shard.index.name).write_bytes((json.dumps(index, indent=1, ensure_ascii=False) + "\n").encode())
        shard.index.unlink(missing_ok=True)


def opened(folder: Path, kind: Kind[R, E]) -> tuple[R, tuple[E, ...], tuple[Path, ...]]:
    """What the shards in ``folder`` have in common, all their tracks, and the file of each track's numbers.

    Raises :class:`DataError` if there are none, if they do not fit together, or if a file is not as long as its index says.
    """
    indices = sorted(folder.glob(f"{kind.name}-*.json"))
    if not indices:
        raise DataError(f"{folder} holds no cache ({kind.name}-*.json); make one with `{kind.command}`")
    loaded = [_load(path, kind) for path in indices]
    recipe = loaded[0][0]
    if any(other != recipe for other, _ in loaded):
        raise DataError(f"{folder} mixes shards of different settings; write it anew")
    placed = [
        (entry, _numbers(path.with_suffix(kind.suffix), recipe, entries))
        for path, (_, entries) in zip(indices, loaded, strict=True)
        for entry in entries
    ]
    if len({entry.id for entry, _ in placed}) != len(placed):
        raise DataError(f"{folder} holds a track twice; write it anew")
    return recipe, tuple(entry for entry, _ in placed), tuple(path for _, path in placed)


def _numbers(path: Path, recipe: Recipe, entries: Sequence[Entry]) -> Path:
    expected = sum(entry.frames for entry in entries) * recipe.frame
    if not path.is_file() or path.stat().st_size != expected:
        raise DataError(f"{path} is missing or not {expected} bytes long as its index says; write it anew")
    return path


def _load(path: Path, kind: Kind[R, E]) -> tuple[R, list[E]]:
    try:
        index: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if index["format"] != kind.format:
            raise DataError(f"{path} is a cache of format {index['format']}, expected {kind.format}; write it anew")
        return kind.recipe(**_frozen(index["recipe"])), [kind.entry(**_frozen(entry)) for entry in index["tracks"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is not the index of a cache: {error}") from error


def _frozen(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
