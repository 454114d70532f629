"""Chords, modes and progressions, and the closest voicing of a chord on a keyboard."""

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

NAMES = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
ROMAN = {"i": 0, "ii": 2, "iii": 4, "iv": 5, "v": 7, "vi": 9, "vii": 11}  # semitones above the tonic
QUALITIES = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "5": (0, 7),
    "6": (0, 4, 7, 9),
    "m6": (0, 3, 7, 9),
    "7": (0, 4, 7, 10),
    "m7": (0, 3, 7, 10),
    "maj7": (0, 4, 7, 11),
    "m7b5": (0, 3, 6, 10),
    "dim7": (0, 3, 6, 9),
    "9": (0, 4, 7, 10, 14),
    "add9": (0, 4, 7, 14),
    "sus4": (0, 5, 7),
    "7sus4": (0, 5, 7, 10),
    "7b9": (0, 4, 7, 10, 13),
}  # semitones above the root


class Chord(NamedTuple):
    """A root's pitch class (0 = C) and a key of QUALITIES."""

    root: int
    quality: str

    @property
    def intervals(self) -> tuple[int, ...]:
        """Semitones above the root."""
        return QUALITIES[self.quality]

    @property
    def classes(self) -> tuple[int, ...]:
        """The pitch classes, from the root."""
        return tuple((self.root + step) % 12 for step in self.intervals)

    @property
    def name(self) -> str:
        """As a musician writes it.

        >>> Chord(9, "m7").name
        'Am7'
        """
        return NAMES[self.root] + self.quality


@dataclass(frozen=True)
class Mode:
    """A scale with the progressions that live in it: bars apart by spaces, chords of one bar by commas."""

    name: str
    scale: tuple[int, ...]  # semitones above the tonic
    tonic: str
    cadence: str  # leads back to the tonic
    progressions: tuple[str, ...]


MAJOR = Mode(
    "major",
    (0, 2, 4, 5, 7, 9, 11),
    "I",
    "V",
    (
        "I V vi IV",
        "I vi IV V",
        "vi IV I V",
        "I IV V IV",
        "I IV vi V",
        "I iii IV V",
        "IV I V vi",
        "I V IV IV",
        "ii V I vi",
        "I Iadd9 IV Vsus4,V",
        "IV V iii vi ii V I I",
        "I V vi iii IV I IV V",
        "I,V vi,iii IV,I ii,V",
        "I III7 IV iv",
        "Imaj7 IVmaj7 ii7 V7sus4",
        "I I IV I V IV I V",
        "I bVII IV I",
    ),
)
MINOR = Mode(
    "minor",
    (0, 2, 3, 5, 7, 8, 10),
    "i",
    "V",
    (
        "i bVI bIII bVII",
        "i bVII bVI V",
        "i iv v i",
        "i bVI iv V",
        "i bIII bVII iv",
        "i i bVI bVII",
        "bVI bVII i i",
        "i v bVI bVII",
        "i bVII iv bVI i bVII bVI V7",
        "i iv bVII bIII bVI iim7b5 V7 i",
        "i7 iv7 bVImaj7 V7",
        "i,bVII bVI,bVII i bVI,V",
    ),
)
DORIAN = Mode(
    "dorian",
    (0, 2, 3, 5, 7, 9, 10),
    "i7",
    "IV7",
    ("i7 IV7", "i7 i7 IV9 IV9", "i7 bIII IV i7", "i7 bVII IV9 i7", "i7 ii7 i7 IV7", "i7,IV9 i7,IV9 bIIImaj7 ii7"),
)
MIXOLYDIAN = Mode(
    "mixolydian",
    (0, 2, 4, 5, 7, 9, 10),
    "I",
    "bVII",
    ("I bVII IV I", "I IV bVII IV", "I I bVII IV", "I9 I9 IV9 IV9", "I v IV I", "I bVII I bVII", "I7 I7 IV7 bVII9"),
)
POWER = Mode(
    "minor",
    (0, 2, 3, 5, 7, 8, 10),
    "i5",
    "V5",
    (
        "i5 i5 bVI5 bVII5",
        "i5 bVI5 bIII5 bVII5",
        "i5 bII5 i5 bVII5",
        "i5,bIII5 iv5 i5,bVI5 bVII5",
        "i5 i5 bIII5 iv5",
        "i5 v5 bVI5 bVII5",
        "i5 i5 i5 bVI5,bVII5",
    ),
)
JAZZ = Mode(
    "major",
    (0, 2, 4, 5, 7, 9, 11),
    "I6",
    "V7",
    (
        "ii7 V7 Imaj7 Imaj7",
        "Imaj7 vi7 ii7 V7",
        "iii7 VI7 ii7 V7",
        "Imaj7,VI7b9 ii7,V7 iii7,VI7 ii7,V7",
        "Imaj7 II7 ii7 V7",
        "Imaj7 iv6 Imaj7 VI7",
        "ii7 V7 Imaj7 IVmaj7 viim7b5 III7b9 vi7 VI7",
        "I6 bIIIdim7 ii7 V7",
    ),
)
JAZZ_MINOR = Mode(
    "minor",
    (0, 2, 3, 5, 7, 8, 10),
    "i6",
    "V7b9",
    (
        "iim7b5 V7b9 i7 i7",
        "i6 iv7 iim7b5 V7b9",
        "i7 bVImaj7 iim7b5 V7b9",
        "iv7 bVII7 bIIImaj7 bVImaj7 iim7b5 V7b9 i6 i6",
    ),
)
BLUES = Mode(
    "blues",
    (0, 3, 5, 6, 7, 10),
    "I7",
    "V7",
    (
        "I7 I7 I7 I7 IV7 IV7 I7 I7 V7 IV7 I7 V7",
        "I7 IV7 I7 I7 IV7 IV7 I7 I7 V7 IV7 I7,IV7 I7,V7",
        "I7 IV9 I7 I7 IV9 IV9 I7 VI7 ii7 V9 I7,VI7 ii7,V7",
        "i7 i7 i7 i7 iv7 iv7 i7 i7 bVI7 V7 i7 V7",
    ),
)
MONTUNO = Mode(
    "minor",
    (0, 2, 3, 5, 7, 8, 11),
    "i",
    "V7",
    ("i iv V7 iv", "i V7 V7 i", "i,iv V7 i,iv V7", "i bVII bVI V7", "iv7 V7 i i"),
)
SALSA = Mode("major", (0, 2, 4, 5, 7, 9, 11), "I", "V7", ("I IV V7 IV", "I,IV V7,IV", "I6 ii7 V7 I6", "ii7 V7 Imaj7 VI7"))


@cache
def numeral(text: str) -> Chord:
    """A chord above a tonic of 0, from its Roman numeral: a small letter makes it minor.

    >>> numeral("bVII"), numeral("ii7"), numeral("V7sus4")
    (Chord(root=10, quality=''), Chord(root=2, quality='m7'), Chord(root=7, quality='7sus4'))
    """
    flat = text.startswith("b")
    body = text[flat:]
    size = len(body) - len(body.lstrip("ivIV"))
    degree, suffix = body[:size], body[size:]
    minor = degree.islower() and suffix[:1] not in ("5", "m", "d")
    return Chord((ROMAN[degree.lower()] - flat) % 12, ("m" if minor else "") + suffix)


def transpose(chord: Chord, semitones: int) -> Chord:
    """The chord some semitones up, by pitch class."""
    return Chord((chord.root + semitones) % 12, chord.quality)


@cache
def progression(text: str, tonic: int) -> tuple[tuple[Chord, ...], ...]:
    """The bars of a progression in a key, each a tuple of its chords."""
    return tuple(tuple(transpose(numeral(c), tonic) for c in bar.split(",")) for bar in text.split())


def above(pitch: int, pitch_class: int) -> int:
    """The lowest pitch of a class that is not below ``pitch``."""
    return pitch + (pitch_class - pitch) % 12


def nearest(pitch: int, classes: tuple[int, ...]) -> int:
    """The pitch of one of the classes that is closest to ``pitch``."""
    return min((above(pitch - 6, c) for c in classes), key=lambda p: abs(p - pitch))


@lru_cache(maxsize=4096)
def voice(chord: Chord, previous: tuple[int, ...]) -> tuple[int, ...]:
    """The closed voicing of a chord between F3 and E5 that moves least from the previous one, low to high."""
    return min(_voicings(chord), key=lambda keys: _movement(keys, previous))


@cache
def _voicings(chord: Chord) -> tuple[tuple[int, ...], ...]:
    classes = chord.classes[1:] if len(chord.intervals) > 4 else chord.classes
    stacks = (_stack(lowest, classes) for lowest in range(53, 72) if lowest % 12 in classes)
    return tuple(keys for keys in stacks if keys[-1] <= 76)


def _stack(lowest: int, classes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(above(lowest, c) for c in classes))


def _movement(keys: tuple[int, ...], previous: tuple[int, ...]) -> float:
    up = sum(min(abs(key - p) for p in previous) for key in keys)
    down = sum(min(abs(key - p) for key in keys) for p in previous)
    return up + down
