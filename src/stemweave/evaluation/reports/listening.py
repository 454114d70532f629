"""A blind listening test as one page: who made a clip is known only to the key, which lies beside the page and not in it.

Each trial is one item as every system made it, between two hidden anchors: ``real``, the music itself, and ``shuffled``,
stems of different songs played together.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from stemweave.audio.files import read
from stemweave.audio.formats import SUFFIXES
from stemweave.errors import DataError
from stemweave.evaluation.reports.clips import Room, matched
from stemweave.evaluation.reports.markup import Html, asset, document, element, joined

REAL, SHUFFLED = "real", "shuffled"
QUESTION = "How good is this as a piece of music?"
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; media-src data:; base-uri 'none'"
TOLERANCE = 0.1  # seconds by which clips of one item may differ in length

Level = Callable[[Sequence[Tensor]], list[Tensor]]
"""Clips of a trial → the same clips, as loud as they are to be played."""


@dataclass(frozen=True)
class Clip:
    """One system's version of an item; ``code`` stands for it in the page and in the ratings."""

    code: str
    system: str
    path: Path


@dataclass(frozen=True)
class Trial:
    """An item as every system made it, in the order of listening."""

    item: str
    clips: tuple[Clip, ...]


def trials(folders: Mapping[str, Path], seed: int) -> list[Trial]:
    """A trial for each item, in an order drawn by ``seed``, as is the order of the systems in each.

    ``folders`` holds each system's clips, by name of the system, the anchors among them. Files of one name, whatever
    their format, are one item. Raises :class:`DataError` where an anchor or a clip is missing.
    """
    if missing := [anchor for anchor in (REAL, SHUFFLED) if anchor not in folders]:
        raise DataError(f"no folder for {' and '.join(missing)}: a listening test needs both anchors, {REAL} and {SHUFFLED}")
    if len(folders) < 3:
        raise DataError(f"only {REAL} and {SHUFFLED} are given: give the clips of at least one system")
    files = {system: _clips(folder) for system, folder in folders.items()}
    items, rng = _items(files, folders), np.random.default_rng(seed)
    return [_trial(str(item), files, seed, rng) for item in rng.permutation(items)]


def key(made: Sequence[Trial], seed: int) -> dict[str, Any]:
    """What the ratings are read with: the system behind each code, and the seed of the orders."""
    return {"seed": seed, "codes": {clip.code: clip.system for trial in made for clip in trial.clips}}


def page(made: Sequence[Trial], room: Room, question: str = QUESTION, level: Level = matched) -> str:
    """The page of a test, in which no system is named; ``level`` sets how loud the clips of a trial are.

    Raises :class:`DataError` where clips of one item differ in length or ``room`` is full, AudioError for a file that
    cannot be read.
    """
    codes = ",".join(clip.code for trial in made for clip in trial.clips)
    test = {"id": _digest(codes), "question": question, "trials": [_embedded(trial, room, level) for trial in made]}
    data = Html(json.dumps(test).replace("<", "\\u003c"))
    body = element("main", {"id": "stage"}, element("noscript", {}, "This listening test needs JavaScript."))
    scripts = joined(
        element("script", {"type": "application/json", "id": "test"}, data),
        element("script", {}, Html(asset("listening.js"))),
    )
    return document("Listening test", POLICY, body, scripts)


def _clips(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder: give a folder of clips")
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith("."))
    if not found:
        raise DataError(f"{folder} holds no clips (no {', '.join(SUFFIXES)})")
    name, often = Counter(path.stem for path in found).most_common(1)[0]
    if often > 1:
        raise DataError(f"{folder} holds {name} {often} times, in several formats: keep one")
    return {path.stem: path for path in found}


def _items(files: Mapping[str, Mapping[str, Path]], folders: Mapping[str, Path]) -> list[str]:
    """What all systems made, in order of name; every system must have made all of it."""
    every = sorted(set().union(*files.values()))
    for system, clips in files.items():
        if missing := [item for item in every if item not in clips]:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise DataError(
                f"{folders[system]} lacks {missing[0]}{more}, which another folder has: every folder needs every clip"
            )
    return every


def _trial(item: str, files: Mapping[str, Mapping[str, Path]], seed: int, rng: np.random.Generator) -> Trial:
    systems = (str(system) for system in rng.permutation(sorted(files)))
    return Trial(item, tuple(Clip(_digest(f"{seed}\n{system}\n{item}"), system, files[system][item]) for system in systems))


def _embedded(trial: Trial, room: Room, level: Level) -> dict[str, Any]:
    sounds = [read(clip.path) for clip in trial.clips]
    lengths = [audio.shape[1] / rate for audio, rate in sounds]
    if max(lengths) - min(lengths) > TOLERANCE:
        shortest, longest = (trial.clips[lengths.index(end(lengths))].path for end in (min, max))
        raise DataError(
            f"{shortest} lasts {min(lengths):.2f} s and {longest} {max(lengths):.2f} s:"
            " cut them to one length, or it tells them apart"
        )
    played = zip(level([audio for audio, _ in sounds]), (rate for _, rate in sounds), strict=True)
    uris = [room.embed(audio, rate) for audio, rate in played]
    clips = [{"code": clip.code, "sound": uri} for clip, uri in zip(trial.clips, uris, strict=True)]
    return {"item": trial.item, "clips": clips}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
