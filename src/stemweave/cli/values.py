"""Names and switches of the command line, as the values the package works with."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from stemweave.audio.formats import FLAC16, FLAC24, MP3, OGG, WAV16, WAV24, WAV32, Encoding
from stemweave.cli.options import FileFormat
from stemweave.errors import UsageError

T = TypeVar("T")

_ENCODINGS: Mapping[tuple[FileFormat, str], Encoding] = {
    (FileFormat.WAV, ""): WAV32,
    (FileFormat.WAV, "--float32"): WAV32,
    (FileFormat.WAV, "--int24"): WAV24,
    (FileFormat.WAV, "--int16"): WAV16,
    (FileFormat.FLAC, ""): FLAC24,
    (FileFormat.FLAC, "--int24"): FLAC24,
    (FileFormat.FLAC, "--int16"): FLAC16,
    (FileFormat.OGG, ""): OGG,
    (FileFormat.MP3, ""): MP3,
}


def encoding(file_format: FileFormat, *, int16: bool, int24: bool, float32: bool) -> Encoding:
    """The encoding that ``--format`` and the sample switches ask for; raises UsageError where they contradict."""
    switches = {"--int16": int16, "--int24": int24, "--float32": float32}
    asked = [name for name, on in switches.items() if on]
    if len(asked) > 1:
        raise UsageError(f"{' and '.join(asked)} exclude each other: give one")
    depth = asked[0] if asked else ""
    if (file_format, depth) not in _ENCODINGS:
        raise UsageError(f"{file_format.value} files have no {depth}: leave it out, or use --format wav")
    return _ENCODINGS[file_format, depth]


def one_of(choices: Mapping[str, T], name: str, option: str) -> T:
    """The value that ``name`` stands for; raises UsageError listing the names there are."""
    if name not in choices:
        raise UsageError(f"{option} is {name!r}, expected one of {', '.join(choices)}")
    return choices[name]


def stem_names(text: str | None, option: str) -> tuple[str, ...] | None:
    """Names from ``bass,drums``; None where nothing was asked. Raises UsageError for empty or repeated names."""
    if text is None:
        return None
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise UsageError(f"{option} is {text!r}, expected names with commas between, such as bass,drums")
    if repeated := [name for name in names if names.count(name) > 1]:
        raise UsageError(f"{option} names {repeated[0]} twice: name each stem once")
    return names


def known_stems(text: str | None, known: Sequence[str], option: str) -> tuple[str, ...]:
    """The stems named, in the model's order, or all it knows; raises UsageError for one it does not know."""
    names = stem_names(text, option)
    for name in names or ():
        if name not in known:
            raise UsageError(f"{option} names {name!r}, but this model knows {', '.join(known)}")
    return tuple(name for name in known if names is None or name in names)


def part(text: str, option: str) -> slice:
    """Every Nth from the Ith (from 0) of ``0/4``; raises UsageError for another shape, and for a part that is not there."""
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or int(match[1]) >= int(match[2]):
        raise UsageError(f"{option} is {text!r}, expected I/N with I from 0 to N - 1, e.g. 0/4")
    return slice(int(match[1]), None, int(match[2]))


def given_files(pairs: Sequence[str]) -> dict[str, Path]:
    """Stems from ``drums=drums.wav``; raises UsageError for another shape or a stem given twice."""
    given: dict[str, Path] = {}
    for pair in pairs:
        name, _, path = pair.partition("=")
        if not (name and path):
            raise UsageError(f"--given is {pair!r}, expected NAME=FILE, such as drums=drums.wav")
        if name in given:
            raise UsageError(f"--given names {name} twice: name each stem once")
        given[name] = Path(path)
    return given


def folder_name(title: str, option: str = "--title") -> str:
    """A title as a plain folder name; raises UsageError where nothing is left of it."""
    kept = "".join(letter if letter.isalnum() else "-" for letter in title.lower())
    name = "-".join(part for part in kept.split("-") if part)
    if not name:
        raise UsageError(f"{option} is {title[:40]!r}, expected a few letters or digits")
    return name


def checked_takes(takes: int) -> int:
    """A number of takes; raises UsageError for what is none."""
    if not 1 <= takes <= 1000:
        raise UsageError(f"got {takes} takes; expected 1 to 1000")
    return takes
