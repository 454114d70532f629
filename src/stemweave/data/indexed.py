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
    def stems(self) -> tuple[str, ...]:
        """By name, in order."""

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
    def offset(self) -> int:
        """Frames of the tracks before it in its shard."""

    @property
    def frames(self) -> int:
        """Of the track."""

    @property
    def known(self) -> tuple[bool, ...]:
        """Stem by stem: whether it is known of it how it sounds."""

    @property
    def present(self) -> tuple[bool, ...]:
        """Stem by stem: whether it sounds at all."""

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


def divided(tracks: Sequence[T], size: int, path: Path) -> list[Shard[T]]:
    """Shards of ``size`` tracks each, ``path``-00000 and on."""
    starts = range(0, len(tracks), size)
    return [Shard(path.with_name(f"{path.name}-{k:05d}"), tracks[start : start + size]) for k, start in enumerate(starts)]


def only(shards: Iterable[Shard[Any]], folder: Path, kind: Kind[Any, Any], overwrite: bool) -> None:
    """See to it that a folder holds no shards but these, which are all of its cache: others would be read with them.

    Raises :class:`OutputError` if there are others and ``overwrite`` is not given; else they are removed.
    """
    others = sorted(set(folder.glob(f"{kind.name}-*.json")) - {shard.index for shard in shards})
    if others and not overwrite:
        raise OutputError(f"{others[0]} is of more songs than there are now; give --overwrite or another folder")
    for index in others:
        index.unlink()
        index.with_suffix(kind.suffix).unlink(missing_ok=True)


def store(
    shard: Shard[Any], kind: Kind[R, E], recipe: R, hashes: Sequence[str], packed: Iterable[tuple[bytes, E]], overwrite: bool
) -> Iterator[str]:
    """Write the packed tracks to a shard, yielding their ids as they are done; one that was made from just this is left alone.

    ``hashes`` are the entries' ``sha256``, known before anything is packed. Raises :class:`OutputError` if the shard exists,
    made from something else, and ``overwrite`` is not given; one whose numbers are lost or cut is made again. Stopped at any
    point, it leaves either a whole shard or none.
    """
    if shard.index.is_file() and not overwrite:
        there, entries = _load(shard.index, kind)
        if [entry.sha256 for entry in entries] != list(hashes):
            raise OutputError(f"{shard.index} holds other tracks or settings; give --overwrite or another folder")
        if _whole(shard.path.with_suffix(kind.suffix), there, entries):
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
        raise DataError(f"{folder} mixes shards of different settings; write it anew with --overwrite")
    placed = [
        (entry, _numbers(path.with_suffix(kind.suffix), recipe, entries, kind))
        for path, (_, entries) in zip(indices, loaded, strict=True)
        for entry in entries
    ]
    if len({entry.id for entry, _ in placed}) != len(placed):
        raise DataError(f"{folder} holds a track twice; write it anew with --overwrite")
    return recipe, tuple(entry for entry, _ in placed), tuple(path for _, path in placed)


def _numbers(path: Path, recipe: Recipe, entries: Sequence[Entry], kind: Kind[Any, Any]) -> Path:
    if not _whole(path, recipe, entries):
        raise DataError(f"{path} is missing, or not as long as its index says; run `{kind.command}` again")
    return path


def _whole(numbers: Path, recipe: Recipe, entries: Sequence[Entry]) -> bool:
    return numbers.is_file() and numbers.stat().st_size == sum(entry.frames for entry in entries) * recipe.frame


def _load(path: Path, kind: Kind[R, E]) -> tuple[R, list[E]]:
    try:
        index: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if index["format"] != kind.format:
            raise DataError(f"{path} is of format {index['format']}, expected {kind.format}; write it anew with --overwrite")
        recipe, entries = kind.recipe(**_frozen(index["recipe"])), [kind.entry(**_frozen(entry)) for entry in index["tracks"]]
        _check(recipe, entries)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is not the index of a cache: {error}; delete it, and run `{kind.command}` again") from error
    return recipe, entries


def _check(recipe: Recipe, entries: Sequence[Entry]) -> None:
    """ValueError unless these are tracks one after another, of all stems."""
    if not entries:
        raise ValueError("no tracks")
    first = 0
    for entry in entries:
        if entry.offset != first or not isinstance(entry.frames, int) or entry.frames < 0:
            raise ValueError(f"{entry.id} is {entry.frames} frames from {entry.offset}, expected to begin at {first}")
        if not len(entry.known) == len(entry.present) == len(recipe.stems):
            raise ValueError(f"{entry.id} does not say of each of {len(recipe.stems)} stems whether it is there")
        first += entry.frames


def _frozen(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
