"""Chord shapes a hand can hold on a guitar in standard tuning."""

from functools import lru_cache

from stemweave.band.harmony import Chord, above

OPEN = (40, 45, 50, 55, 59, 64)  # MIDI pitch of the open strings E A D G B E
SHAPES = {
    "": ("022100", "x02220", "xx0232"),
    "m": ("022000", "x02210", "xx0231"),
    "5": ("022xxx", "x022xx", "xx023x"),
    "6": ("022120", "x02222", "xx0202"),
    "m6": ("022020", "x02212", "xx0201"),
    "7": ("020100", "x02020", "xx0212"),
    "m7": ("020000", "x02010", "xx0211"),
    "maj7": ("021100", "x02120", "xx0222"),
    "m7b5": ("010030", "x0101x", "xx0111"),
    "dim7": ("012020", "x01212", "xx0101"),
    "9": ("020102", "x02423"),
    "add9": ("022102", "x02420"),
    "sus4": ("022200", "x02230", "xx0233"),
    "7sus4": ("020200", "x02030", "xx0213"),
    "7b9": ("020131", "x02323"),
}  # frets above the barre, from the low string; x: not played; the lowest string played holds the root


@lru_cache(maxsize=4096)
def shape(chord: Chord, position: int) -> tuple[int, ...]:
    """The pitches of the chord's shape whose barre is closest to fret ``position``, low to high string."""
    forms = SHAPES[chord.quality]
    return min((_place(form, chord.root) for form in forms), key=lambda held: abs(held[0] - position))[1]


def _place(form: str, root: int) -> tuple[int, tuple[int, ...]]:
    lowest = OPEN[len(form) - len(form.lstrip("x"))]
    barre = above(lowest, root) - lowest
    return barre, tuple(string + barre + int(fret) for string, fret in zip(OPEN, form, strict=True) if fret != "x")


def power(chord: Chord) -> tuple[int, int, int]:
    """Root, fifth and octave on the low strings."""
    root = above(OPEN[0], chord.root)
    return root, root + 7, root + 12
