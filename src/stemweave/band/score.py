"""What the band plays: notes in samples, and the musical facts that belong to them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

RATE = 44100  # Hz; every start and length below counts samples at this rate
STEMS = ("bass", "drums", "guitar", "piano")
NOTE = np.dtype([("start", "<i8"), ("length", "<i8"), ("pitch", "<i2"), ("velocity", "<i2")])
RANGES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {"bass": (28, 55), "drums": (35, 81), "guitar": (40, 88), "piano": (24, 103)}
)  # lowest and highest MIDI pitch of each stem, both played; drums: the General-MIDI map

Programs = Mapping[str, tuple[int, ...]]
PROGRAMS: Programs = MappingProxyType(
    {
        "bass": tuple(range(32, 40)),
        "drums": (0, 8, 16, 24, 25, 32, 40),
        "guitar": tuple(range(24, 32)),
        "piano": tuple(range(8)),
    }
)  # General-MIDI programs from 0; for drums the kit's number
HELD_OUT: Programs = MappingProxyType({"bass": (35, 37), "drums": (16, 32), "guitar": (26, 29), "piano": (3, 5)})
TRAIN: Programs = MappingProxyType({stem: tuple(p for p in PROGRAMS[stem] if p not in HELD_OUT[stem]) for stem in STEMS})


@dataclass(frozen=True)
class Part:
    """One stem's notes and its General-MIDI program (0..127; for drums the kit's number); no notes: the stem is absent."""

    program: int
    notes: NDArray[np.void]  # dtype NOTE, ordered by start

    @property
    def present(self) -> bool:
        """Whether the stem plays at all."""
        return len(self.notes) > 0

    def sounding(self, length: int, window: int = RATE) -> NDArray[np.bool_]:
        """Whether a note sounds in each window of ``window`` samples: shape (ceil(length / window),)."""
        windows = -(-length // window)
        first = self.notes["start"] // window
        last = (self.notes["start"] + self.notes["length"] - 1) // window
        edges = np.zeros(windows + 1, np.int64)
        np.add.at(edges, first, 1)
        np.add.at(edges, np.minimum(last, windows - 1) + 1, -1)
        return np.cumsum(edges)[:windows] > 0


@dataclass(frozen=True)
class Score:
    """A song for the band; every time counts samples at 44100 Hz."""

    style: str
    tempo: float  # beats a minute; in 12/8 a beat is a dotted quarter
    meter: tuple[int, int]
    key: str  # "A minor"
    length: int
    parts: dict[str, Part]
    chords: Sequence[tuple[int, str]]  # (start, "Am7")
    sections: Sequence[tuple[int, str]]  # (start, "verse")
    beats: NDArray[np.int64]
    downbeats: NDArray[np.int64]

    @property
    def seconds(self) -> float:
        """The song's length in seconds."""
        return self.length / RATE

    def digest(self) -> str:
        """SHA-256 (hex) of every stem's name, program and notes, and of the length: equal songs, equal digests."""
        digest = hashlib.sha256(str(self.length).encode())
        for stem in sorted(self.parts):
            part = self.parts[stem]
            digest.update(f"|{stem}:{part.program}:{len(part.notes)}|".encode())
            digest.update(np.ascontiguousarray(part.notes.astype(NOTE, copy=False)).tobytes())
        return digest.hexdigest()
