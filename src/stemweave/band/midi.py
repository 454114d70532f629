"""Notes that people wrote: a reader of Standard MIDI Files, also inside Doom's WAD files, mapped to the band's stems.

Read are notes, programs, tempo and meter; controllers, pitch bend and other tracks' instruments are left out.
"""

import hashlib
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stemweave.band.score import NOTE, PROGRAMS, RANGES, RATE, STEMS, Part, Programs, Score
from stemweave.errors import DataError, MissingExtra

FOLDERS = (Path("/usr/share/games/doom"), Path("/usr/share/games/openttd/baseset/openmsx"))
DRUM_CHANNEL = 9
FEWEST = 8  # notes that a piece must have for each stem


@dataclass(frozen=True)
class Event:
    """A channel message or, for status 0xFF, a meta event of kind `first`."""

    tick: int
    status: int
    first: int
    second: int
    data: bytes = b""


@dataclass(frozen=True)
class Piece:
    """One file's notes for the four stems; every time counts samples at 44100 Hz."""

    name: str
    tempo: float  # quarters a minute at the start
    meter: tuple[int, int]
    length: int
    parts: dict[str, Part]
    beats: NDArray[np.int64]  # quarters
    downbeats: NDArray[np.int64]


def events(data: bytes) -> tuple[int, list[Event]]:
    """The ticks in a quarter and all tracks' events in order of time.

    Raises:
        DataError: when `data` is not a Standard MIDI File, or counts time in film frames.
    """
    if data[:4] != b"MThd" or len(data) < 14:
        raise DataError("not a Standard MIDI File: it does not begin with MThd")
    size, _, tracks, division = struct.unpack(">IHHH", data[4:14])
    if division & 0x8000 or division == 0:
        raise DataError("the MIDI file counts time in film frames; only ticks per quarter are read")
    found: list[Event] = []
    at = 8 + size
    for _ in range(tracks):
        if data[at : at + 4] != b"MTrk":
            raise DataError(f"the MIDI file is truncated: no track at byte {at}")
        (length,) = struct.unpack(">I", data[at + 4 : at + 8])
        found += _track(data[at + 8 : at + 8 + length])
        at += 8 + length
    return division, sorted(found, key=lambda event: event.tick)


def _track(data: bytes) -> Iterator[Event]:
    """The events of one track chunk."""
    tick = at = status = 0
    try:
        while at < len(data):
            wait, at = _number(data, at)
            tick += wait
            if data[at] & 0x80:
                status, at = data[at], at + 1
            if status in (0xF0, 0xF7, 0xFF):
                kind = data[at] if status == 0xFF else 0
                size, at = _number(data, at + (status == 0xFF))
                yield Event(tick, status, kind, 0, data[at : at + size])
                at += size
            else:
                long = status & 0xE0 != 0xC0  # programs and pressure have one byte, the others two
                yield Event(tick, status, data[at], data[at + 1] if long else 0)
                at += 1 + long
    except IndexError as error:
        raise DataError("the MIDI file is truncated inside a track") from error


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number of variable length, and where the next byte stands."""
    value = 0
    while data[at] & 0x80:
        value, at = value << 7 | data[at] & 0x7F, at + 1
    return value << 7 | data[at], at + 1


def piece(name: str, data: bytes) -> Piece:
    """A file's notes for the four stems.

    Raises:
        DataError: when `data` cannot be read as MIDI.
    """
    division, found = events(data)
    clock = _Clock.of(division, found)
    rows: dict[str, list[tuple[int, int, int, int]]] = {stem: [] for stem in STEMS}
    programs: dict[str, Counter[int]] = {stem: Counter() for stem in STEMS}
    for stem, program, row in _notes(found, clock):
        rows[stem].append(row)
        programs[stem][program] += 1
    length = max((start + span for notes in rows.values() for start, span, _, _ in notes), default=0)
    parts = {
        stem: Part(max(programs[stem], key=lambda p: programs[stem][p], default=0), np.array(sorted(rows[stem]), NOTE))
        for stem in STEMS
    }
    quarters = np.arange(0, clock.last + 1, division)
    beats = np.array([clock.sample(tick) for tick in quarters.tolist()], dtype=np.int64)
    beats, meter = beats[beats < length], _meter(found)
    return Piece(name, clock.tempo, meter, length, parts, beats, beats[:: max(4 * meter[0] // meter[1], 1)])


@dataclass(frozen=True)
class _Clock:
    """From ticks to samples, by the tempo map: at tick[i] it is sample[i], and a tick lasts step[i] samples."""

    ticks: tuple[int, ...]
    samples: tuple[float, ...]
    steps: tuple[float, ...]
    tempo: float
    last: int

    @classmethod
    def of(cls, division: int, found: list[Event]) -> "_Clock":
        changes = [(e.tick, int.from_bytes(e.data)) for e in found if (e.status, e.first) == (0xFF, 0x51)]
        changes = [(0, 500_000), *((tick, micros) for tick, micros in changes if micros > 0)]
        ticks, samples, steps = [0], [0.0], [0.0]
        for tick, micros in changes:
            samples.append(samples[-1] + (tick - ticks[-1]) * steps[-1])
            ticks.append(tick)
            steps.append(micros * 1e-6 * RATE / division)
        first = next((micros for tick, micros in reversed(changes) if tick == 0))
        return cls(tuple(ticks), tuple(samples), tuple(steps), 6e7 / first, max((e.tick for e in found), default=0))

    def sample(self, tick: int) -> int:
        """The sample at 44100 Hz nearest to a tick."""
        i = int(np.searchsorted(self.ticks, tick, side="right")) - 1
        return round(self.samples[i] + (tick - self.ticks[i]) * self.steps[i])


def _notes(found: list[Event], clock: _Clock) -> Iterator[tuple[str, int, tuple[int, int, int, int]]]:
    """Every note of the four stems: (stem, program, (start, length, pitch, velocity)); one without an end is dropped."""
    program = [0] * 16
    open_: dict[tuple[int, int], tuple[int, int]] = {}
    for event in found:
        kind, channel = event.status & 0xF0, event.status & 0x0F
        if event.status < 0xF0 and kind == 0xC0:
            program[channel] = event.first
        if event.status >= 0xF0 or kind not in (0x80, 0x90):
            continue
        begun = open_.pop((channel, event.first), None)
        stem = _stem(channel, program[channel])
        if begun and stem and RANGES[stem][0] <= event.first <= RANGES[stem][1]:
            start, end = clock.sample(begun[0]), clock.sample(event.tick)
            yield stem, program[channel], (start, max(end - start, 1), event.first, begun[1])
        if kind == 0x90 and event.second > 0:
            open_[channel, event.first] = (event.tick, event.second)


def _stem(channel: int, program: int) -> str | None:
    """The stem whose class of programs this is; the tenth channel is drums."""
    if channel == DRUM_CHANNEL:
        return "drums"
    return next((stem for stem in STEMS if stem != "drums" and program in PROGRAMS[stem]), None)


def _meter(found: list[Event]) -> tuple[int, int]:
    signs = (e.data for e in found if (e.status, e.first) == (0xFF, 0x58) and len(e.data) >= 2)
    return next(((sign[0], 1 << sign[1]) for sign in signs), (4, 4))


def lumps(path: Path) -> Iterator[tuple[str, bytes]]:
    """The MIDI files inside a WAD file (Doom's archive), by name.

    Raises:
        DataError: when the file is not a WAD.
    """
    data = path.read_bytes()
    if data[:4] not in (b"IWAD", b"PWAD") or len(data) < 12:
        raise DataError(f"{path} is not a WAD file")
    count, directory = struct.unpack("<ii", data[4:12])
    for at in range(directory, min(directory + 16 * count, len(data) - 15), 16):
        start, size, name = struct.unpack("<ii8s", data[at : at + 16])
        if data[start : start + 4] == b"MThd":
            yield f"{path.stem}:{name.rstrip(bytes(1)).decode('latin-1')}", data[start : start + size]


def files(folders: tuple[Path, ...]) -> Iterator[tuple[str, bytes]]:
    """Every MIDI file in the folders, loose or inside WADs, by name, each content once."""
    seen: set[bytes] = set()
    for path in sorted(path for folder in folders for path in folder.glob("*")):
        if path.suffix.lower() not in (".mid", ".wad"):
            continue
        inside = lumps(path) if path.suffix.lower() == ".wad" else [(path.stem, path.read_bytes())]
        for name, data in inside:
            if (key := hashlib.sha256(data).digest()) not in seen:
                seen.add(key)
                yield name, data


@dataclass(frozen=True)
class Pieces:
    """A writer of scores: song i is the next stretch of piece i, counting round the pieces."""

    pieces: tuple[Piece, ...]

    @property
    def name(self) -> str:
        """What the notes come from, for the set's recipe."""
        return ", ".join(one.name for one in self.pieces)

    @property
    def licence(self) -> str:
        """Of the notes."""
        return "notes: freedoom (BSD-3-Clause style), openttd-openmsx (GPL-2)"

    def __call__(self, index: int, _rng: np.random.Generator, seconds: float, programs: Programs) -> Score:
        """`seconds` of a piece, begun again at its end; a program that `programs` lacks gives way to the class's first."""
        turn, which = divmod(index, len(self.pieces))
        chosen = self.pieces[which]
        length = round(seconds * RATE)
        begin = turn * length % chosen.length
        parts = {
            stem: Part(
                part.program if part.program in programs[stem] else programs[stem][0],
                _stretch(part.notes, begin, length, chosen.length),
            )
            for stem, part in chosen.parts.items()
        }
        beats, downbeats = (_repeated(times, begin, length, chosen.length) for times in (chosen.beats, chosen.downbeats))
        return Score(
            style="human", tempo=chosen.tempo, meter=chosen.meter, key="", length=length, parts=parts, chords=(),
            sections=((0, chosen.name),), beats=beats, downbeats=downbeats,
        )  # fmt: skip


def _repeated(times: NDArray[np.int64], begin: int, length: int, period: int) -> NDArray[np.int64]:
    """Those of the times, repeated every `period`, within `length` from `begin`, counted from there."""
    turns = np.arange(begin // period, (begin + length) // period + 1) * period
    every = (turns[:, None] + times[None, :]).reshape(-1) - begin
    return every[(every >= 0) & (every < length)]


def _stretch(notes: NDArray[np.void], begin: int, length: int, period: int) -> NDArray[np.void]:
    turns = np.arange(begin // period, (begin + length) // period + 1) * period - begin
    every = np.concatenate([_shifted(notes, shift) for shift in turns.tolist()])
    every = every[(every["start"] >= 0) & (every["start"] < length)]
    every["length"] = np.minimum(every["length"], length - every["start"])
    return every


def _shifted(notes: NDArray[np.void], shift: int) -> NDArray[np.void]:
    moved = notes.copy()
    moved["start"] += shift
    return moved


def installed(folders: tuple[Path, ...] | None = None) -> Pieces:
    """The pieces in the folders, by default the packages' own, that have notes for all four stems.

    Raises:
        MissingExtra: when there is none.
    """
    read = (_named(name, data) for name, data in files(FOLDERS if folders is None else folders))
    full = tuple(one for one in read if all(one.parts[stem].notes.size >= FEWEST for stem in STEMS))
    if not full:
        raise MissingExtra(
            "no human-written MIDI found: install the packages freedoom and openttd-openmsx (Debian: apt install freedoom "
            "openttd-openmsx), or take another preset"
        )
    return Pieces(full)


def _named(name: str, data: bytes) -> Piece:
    try:
        return piece(name, data)
    except DataError as error:
        raise DataError(f"{name}: {error}") from error
