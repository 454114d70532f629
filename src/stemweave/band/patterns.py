"""Patterns: a bar written as a string, one character a step, and what a player knows about the bar it plays.

``.`` rests and ``-`` holds the note before it; every other character starts a note and is read by the writer:
``"x..x..x."`` has eight steps, ``"x--x--x--x--"`` twelve. A pattern fills its bar whatever the number of steps.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple, TypeVar

import numpy as np

from stemweave.band.harmony import Chord

T = TypeVar("T")
MAYBE = 0.4  # the chance of a "?" hit
LOUDNESS = {"X": 1.0, "x": 0.8, "o": 0.42, "?": 0.6}  # accent, plain, ghost, maybe


class Step(NamedTuple):
    """One character of a pattern; position and length in bars."""

    at: float
    length: float
    symbol: str


class Event(NamedTuple):
    """A note before it is performed: song beats, MIDI pitch, loudness 0..1, and a delay in seconds (a strum's)."""

    at: float
    length: float
    pitch: int
    loudness: float
    lag: float = 0.0


class Slot(NamedTuple):
    """A chord in its bar, with the hands that play it; beats from the bar's start."""

    at: float
    length: float
    chord: Chord
    keys: tuple[int, ...]  # the piano's right hand, low to high
    strings: tuple[int, ...]  # the guitar's strings, low to high


class Motif(NamedTuple):
    """A melodic idea of some bars: for each bar (position, length, degree): bars, bars, scale steps."""

    bars: tuple[tuple[tuple[float, float, int], ...], ...]


@dataclass(frozen=True)
class Bar:
    """All that a player knows when a bar begins."""

    start: float  # song beats
    beats: int
    slots: tuple[Slot, ...]
    after: Slot  # the chord that follows the bar
    scale: tuple[int, ...]  # pitch classes, from the tonic upwards
    energy: float  # 0..1
    number: int  # in its section, from 0
    last: bool  # of its section
    kicks: tuple[float, ...]  # where the bass drum hits, in bars
    motif: Motif

    def slot(self, at: float) -> Slot:
        """The chord that sounds at ``at`` beats from the bar's start."""
        return next((slot for slot in reversed(self.slots) if slot.at <= at + 1e-9), self.slots[0])


Writer = Callable[[np.random.Generator, Bar], list[Event]]


@cache
def steps(pattern: str) -> tuple[Step, ...]:
    """The notes of a pattern.

    >>> steps("x-.o")
    (Step(at=0.0, length=0.5, symbol='x'), Step(at=0.75, length=0.25, symbol='o'))
    """
    size = len(pattern)
    starts = [i for i, symbol in enumerate(pattern) if symbol not in ".-"]
    return tuple(Step(i / size, _held(pattern, i) / size, pattern[i]) for i in starts)


def _held(pattern: str, start: int) -> int:
    rest = pattern[start + 1 :]
    return 1 + len(rest) - len(rest.lstrip("-"))


def played(rng: np.random.Generator, pattern: str) -> list[Step]:
    """The steps of a pattern, each maybe-hit kept with its chance."""
    return [step for step in steps(pattern) if step.symbol != "?" or rng.random() < MAYBE]


def pick(rng: np.random.Generator, choices: Sequence[T]) -> T:
    """One of the choices, evenly."""
    return choices[int(rng.random() * len(choices))]


def lean(rng: np.random.Generator, choices: Sequence[T], energy: float) -> T:
    """One of the choices, which are ordered from calm to lively, near the given energy."""
    place = energy + 0.9 * (rng.random() - 0.5)
    return choices[int(min(max(place, 0.0), 0.999) * len(choices))]
