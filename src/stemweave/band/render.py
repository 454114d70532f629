"""Sets of songs on disk: ``<root>/<split>/Track00001/{stem}.flac`` and ``track.json``, by worker processes.

A track is written into a temporary folder and renamed, so it is whole or not there; a track that is there and was made
from the same numbers is kept, so a set that was interrupted goes on.
"""

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import soundfile

from stemweave.band.composer import LONGEST, VERSION
from stemweave.band.score import STEMS
from stemweave.band.song import Band, as_json, render_song
from stemweave.band.soundfont import library, version
from stemweave.errors import DataError, OutputError, StemweaveError, UsageError

SOUND = 2  # the version of instruments, effects and levels; notes have the composer's
PROCEDURAL_LICENCE = "procedural instruments: no third-party sound"


@dataclass(frozen=True)
class Order:
    """A set of songs to render: the first `songs` of (band, seed) into `root`."""

    band: Band
    root: Path
    songs: int
    seconds: float
    seed: int
    rate: int = 22050

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("songs", self.songs, 1, 99999), ("seconds", self.seconds, 1.0, LONGEST),
            ("seed", self.seed, 0, 2**63 - 1), ("rate", self.rate, 8000, 192000),
        ):  # fmt: skip
            if not low <= value <= high:
                raise UsageError(f"{name} is {value}; give a number from {low} to {high}")
        if not self.band.split or set(self.band.split) & set("/\\\0") or self.band.split.startswith("."):
            raise UsageError(f"split {self.band.split!r} cannot name a folder; give a plain word such as train")

    @property
    def folder(self) -> Path:
        """Where the tracks go."""
        return self.root / self.band.split

    def track(self, index: int) -> Path:
        """The folder of song `index`; tracks count from 1."""
        return self.folder / f"Track{index + 1:05d}"

    def recipe(self, index: int) -> dict[str, Any]:
        """All that song `index` follows from; two equal recipes give the same song."""
        fonts = {font.path.name: font.sha256 for font in self.band.fonts}
        return {
            "split": self.band.split, "seed": self.seed, "index": index, "composer": VERSION, "sound": SOUND,
            "notes": self.band.write.name,
            "seconds": self.seconds, "rate": self.rate, "fonts": fonts, "procedural": self.band.procedural,
            "programs": {stem: list(numbers) for stem, numbers in self.band.programs.items()},
            "kinds": {stem: [kind.name for kind in kinds] for stem, kinds in self.band.kinds.items()},
        }  # fmt: skip


@dataclass(frozen=True)
class Made:
    """One track that is done: its index, its length in s, and the CPU-seconds it took (0 when it was there)."""

    index: int
    seconds: float
    cpu: float


def render_set(order: Order, workers: int = 1, overwrite: bool = False) -> Iterator[Made]:
    """Render the songs that are not there yet, yielding each track as it is done, in any order.

    Closing the iterator early lets the songs in hand finish or vanish; no half track stays.

    Raises:
        UsageError: for fewer than one worker.
        OutputError: when a track is there that another recipe made and `overwrite` is off, or nothing can be written.
    """
    if workers < 1:
        raise UsageError(f"workers is {workers}; give 1 or more")
    _prepare(order.folder)
    there = [index for index in range(order.songs) if not overwrite and _is_made(order, index)]
    if order.band.fonts and len(there) < order.songs:
        library()
    yield from (Made(index, order.seconds, 0.0) for index in there)
    missing = sorted(set(range(order.songs)) - set(there))
    yield from _in_processes(order, missing, workers)


def _prepare(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(".Track*"):
            shutil.rmtree(left)
    except OSError as error:
        raise OutputError(f"cannot write to {folder} ({error.strerror}); choose another place with -o") from error


def _is_made(order: Order, index: int) -> bool:
    """Whether song `index` is there already, by the same recipe."""
    place = order.track(index)
    if not place.exists():
        return False
    try:
        recipe = json.loads((place / "track.json").read_text())["recipe"]
    except (OSError, ValueError, KeyError, TypeError):
        recipe = {}
    wanted = order.recipe(index)
    differing = [key for key in wanted if recipe.get(key) != wanted[key]]
    if differing:
        raise OutputError(
            f"{place} holds another song (differs in {', '.join(differing)}); choose another place or give --overwrite"
        )
    return True


def _in_processes(order: Order, indices: list[int], workers: int) -> Iterator[Made]:
    if not indices:
        return
    with _one_thread_each():
        pool = ProcessPoolExecutor(min(workers, len(indices)), get_context("spawn"), _ignore_interrupts)
        try:
            for done in as_completed([pool.submit(make_track, order, index) for index in indices]):
                yield done.result()
        except BrokenProcessPool as error:
            raise StemweaveError("a render process died, perhaps for lack of memory; try fewer --workers") from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes started inside use one thread each in their matrix products."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def _ignore_interrupts() -> None:
    """Ctrl-C is for the parent, which lets a worker finish its song."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def make_track(order: Order, index: int) -> Made:
    """Render song `index` and put it in its place.

    Raises:
        OutputError: when it cannot be written.
    """
    started = time.process_time()
    stems, _, facts = render_song(order.band, order.seed, index, order.seconds, order.rate)
    if order.band.fonts:
        facts["fluidsynth"] = version()
    place = order.track(index)
    draft = place.with_name(f".{place.name}-{os.getpid()}")
    try:
        draft.mkdir()
        for stem, audio in zip(STEMS, stems, strict=True):
            if facts["stems"][stem]["present"]:
                soundfile.write(draft / f"{stem}.flac", audio, order.rate, subtype="PCM_16")
        (draft / "track.json").write_text(as_json({"id": place.name, "recipe": order.recipe(index)} | facts))
        if place.exists():
            shutil.rmtree(place)
        draft.rename(place)
    except (OSError, soundfile.SoundFileError) as error:
        raise OutputError(f"cannot write {place} ({error}); free some room or choose another place") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Made(index, stems.shape[1] / order.rate, time.process_time() - started)


def write_manifest(order: Order, command: str) -> Path:
    """Write or extend ``<root>/manifest.json``: per split the command, versions, counts, hours and licence.

    Counts are read from the tracks on disk. Raises DataError for a track or a manifest there that is damaged.
    """
    tracks = [_facts(path) for path in sorted(order.folder.glob("Track*/track.json"))]
    fonts = {font.path.name: {"sha256": font.sha256, "licence": font.licence} for font in order.band.fonts}
    licences = {font["licence"] for font in fonts.values()} | {order.band.write.licence}
    licences |= {PROCEDURAL_LICENCE} if order.band.procedural else set()
    entry = {
        "command": command, "stemweave": metadata.version("stemweave"), "composer": VERSION, "sound": SOUND,
        "seed": order.seed, "songs": len(tracks), "rate": order.rate,
        "hours": sum(track["samples"] for track in tracks) / order.rate / 3600.0,
        "present": {stem: sum(track["stems"][stem]["present"] for track in tracks) for stem in STEMS},
        "fonts": fonts, "licence_of_the_audio": sorted(licences),
    }  # fmt: skip
    path = order.root / "manifest.json"
    splits = _splits(path) | {order.band.split: entry}
    draft = path.with_name(f".{path.name}-{os.getpid()}")
    draft.write_text(as_json({"splits": splits}))
    draft.replace(path)
    return path


def _facts(path: Path) -> dict[str, Any]:
    try:
        facts: dict[str, Any] = json.loads(path.read_text())
        return {"samples": facts["samples"], "stems": {stem: {"present": facts["stems"][stem]["present"]} for stem in STEMS}}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is damaged ({error!r}): remove its folder and render again") from error


def _splits(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        return dict(json.loads(path.read_text())["splits"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is damaged ({error!r}): remove it, and render each of its splits again") from error
