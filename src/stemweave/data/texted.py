"""Recordings with text: folders of sound files with a ``.txt`` or ``.json`` beside each, and windows drawn from any.

``song.txt`` is one description. ``song.json`` holds, under one of the names in `KEYS`, one description or several, of
which one is drawn each time.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
from torch import Tensor

from stemweave.audio.files import Reader
from stemweave.audio.formats import SUFFIXES
from stemweave.audio.resample import resample
from stemweave.data.shards import ACTIVE
from stemweave.data.streams import TRIES, Texted, until
from stemweave.data.tracks import as_channels
from stemweave.errors import DataError

KEYS = ("prompt", "text", "caption", "description")
TEXTS = (".txt", ".json")


class Sound(Protocol):
    """A sound file open for reading: its rate in Hz, its length in samples, its samples (channels, stop - start)."""

    rate: int
    frames: int

    def read(self, start: int = 0, stop: int | None = None) -> Tensor:
        """Samples ``start`` to ``stop``; zeros outside the file."""
        ...


@dataclass(frozen=True)
class Recording:
    """A recording: its name, how to open its sound, and how to draw a description of it."""

    name: str
    open: Callable[[], AbstractContextManager[Sound]]
    text: Callable[[np.random.Generator], str]


@dataclass(frozen=True)
class Windows:
    """Draws a window of a random recording, and its description.

    Every recording is equally likely, then every start. Draws are (audio float32 (channels, length), ``rate`` in Hz,
    text); ``length`` counts samples at ``rate``, and a recording shorter than that is followed by zeros. One channel is
    the mean of all. Windows below -60 dBFS are drawn again. Raises :class:`DataError` where nothing sounds, and for a
    recording whose channels do not fit.
    """

    recordings: Sequence[Recording]
    length: int
    rate: int
    channels: int = 1

    def __call__(self, rng: np.random.Generator) -> Texted:
        """A window, its rate in Hz and its text."""
        return until(self._window, rng, f"none of {TRIES} windows of {self.length} samples sounds; check the recordings")

    def _window(self, rng: np.random.Generator) -> Texted | None:
        recording = self.recordings[int(rng.integers(len(self.recordings)))]
        with recording.open() as sound:
            needed = -(-self.length * sound.rate // self.rate)
            start = int(rng.integers(max(sound.frames - needed, 0) + 1))
            audio = as_channels(recording.name, sound.read(start, start + needed), self.channels)
            audio = resample(audio, sound.rate, self.rate, self.length)
        if audio.square().mean() < ACTIVE**2:
            return None
        return audio, self.rate, recording.text(rng)


def open_texted(root: str | Path) -> tuple[Recording, ...]:
    """The recordings with text in a folder and the folders inside it; the sound files are opened only when drawn.

    Raises :class:`DataError` for a folder without any, a recording without text or with two, a text without a recording,
    and a text that is empty or not as described.
    """
    sounds, texts = _by_name(root, SUFFIXES), _by_name(root, TEXTS)
    if not sounds:
        raise DataError(f"{root} holds no sound files, expected song.wav with song.txt or song.json beside it")
    if alone := sorted(sounds.keys() - texts.keys()):
        raise DataError(f"{sounds[alone[0]]} has no text{_more(alone)}; put {alone[0].name}.txt or .json beside it")
    if alone := sorted(texts.keys() - sounds.keys()):
        raise DataError(f"{texts[alone[0]]} has no sound file{_more(alone)}; put one called {alone[0].name} beside it")
    return tuple(
        Recording(name.relative_to(root).as_posix(), partial(Reader, path), partial(_one_of, described(texts[name])))
        for name, path in sounds.items()
    )


def open_sounds(root: str | Path) -> tuple[Recording, ...]:
    """As `open_texted`, of recordings of which nothing is said: texts beside them are not read, and theirs are empty."""
    sounds = _by_name(root, SUFFIXES)
    if not sounds:
        raise DataError(f"{root} holds no sound files; give the folder where the recordings are")
    return tuple(Recording(name.relative_to(root).as_posix(), partial(Reader, path), _nothing) for name, path in sounds.items())


def described(path: Path) -> tuple[str, ...]:
    """The descriptions in a ``.txt`` or ``.json`` file, white space made single; :class:`DataError` if it has none."""
    try:
        content = path.read_text(encoding="utf-8-sig")
        texts = [content] if path.suffix.lower() == ".txt" else _values(json.loads(content))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as text: {error}") from error
    if not texts or not all(isinstance(text, str) and text.strip() for text in texts):
        raise DataError(f"{path} holds no description, expected text, in JSON under one of {', '.join(KEYS)}")
    return tuple(" ".join(str(text).split()) for text in texts)


def _values(content: object) -> Sequence[object]:
    """One description or several, under the first name that is there."""
    found = next((content[key] for key in KEYS if key in content), None) if isinstance(content, Mapping) else None
    return found if isinstance(found, list) else [found]


def _by_name(root: str | Path, suffixes: Collection[str]) -> dict[Path, Path]:
    """Files with one of the suffixes, in a folder and those inside it, by their path without suffix, which no two share."""
    names: dict[Path, Path] = {}
    for path in sorted(Path(root).rglob("*")):
        if path.suffix.lower() not in suffixes or path.name.startswith(".") or not path.is_file():
            continue
        if other := names.get(path.with_suffix("")):
            raise DataError(f"{path} and {other.name} say the same recording twice, expected one; remove one of them")
        names[path.with_suffix("")] = path
    return names


def _more(names: Sequence[Path]) -> str:
    return f" (nor have {len(names) - 1} others)" if len(names) > 1 else ""


def _nothing(_rng: np.random.Generator) -> str:
    return ""


def _one_of(texts: Sequence[str], rng: np.random.Generator) -> str:
    return texts[int(rng.integers(len(texts)))]
