"""Harmony and fretboard: numerals, voicings that hold the chord, shapes that a hand can hold."""

from itertools import product

import pytest

from stemweave.band import harmony
from stemweave.band.fretboard import OPEN, SHAPES, power, shape
from stemweave.band.harmony import QUALITIES, Chord, above, nearest, numeral, progression, transpose, voice

MODES = [value for value in vars(harmony).values() if isinstance(value, harmony.Mode)]
CHORDS = [Chord(root, quality) for root, quality in product(range(12), QUALITIES)]


@pytest.mark.parametrize(
    ("text", "root", "quality"),
    [
        ("I", 0, ""),
        ("ii", 2, "m"),
        ("ii7", 2, "m7"),
        ("V7", 7, "7"),
        ("bVImaj7", 8, "maj7"),
        ("viim7b5", 11, "m7b5"),
        ("iim7b5", 2, "m7b5"),
        ("bIIIdim7", 3, "dim7"),
        ("i5", 0, "5"),
        ("i6", 0, "m6"),
        ("bII5", 1, "5"),
        ("Iadd9", 0, "add9"),
        ("V7b9", 7, "7b9"),
        ("iv", 5, "m"),
    ],
)
def test_numeral(text, root, quality):
    assert numeral(text) == Chord(root, quality)


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: f"{mode.name}{len(mode.progressions)}")
def test_every_progression_reads_and_its_chords_are_known(mode):
    for text in (mode.tonic, mode.cadence, *mode.progressions):
        for tonic in range(12):
            for bar in progression(text, tonic):
                assert bar
                assert all(chord.quality in QUALITIES for chord in bar)
    assert mode.scale[0] == 0
    assert list(mode.scale) == sorted(set(mode.scale))


def test_transposing_keeps_the_quality():
    assert transpose(Chord(11, "m7"), 2) == Chord(1, "m7")
    assert progression("I vi,IV", 9) == ((Chord(9, ""),), (Chord(6, "m"), Chord(2, "")))


def test_above_and_nearest():
    assert [above(28, c) for c in (4, 5, 3)] == [28, 29, 39]
    assert nearest(60, (1, 7)) == 61
    assert nearest(60, (11,)) == 59


@pytest.mark.parametrize("chord", CHORDS, ids=lambda chord: chord.name)
def test_a_voicing_holds_the_chord_within_the_hand_and_moves_little(chord):
    hand = (60, 64, 67)
    for _ in range(3):
        keys = voice(chord, hand)
        wanted = chord.classes[1:] if len(chord.classes) > 4 else chord.classes
        assert {key % 12 for key in keys} == set(wanted)
        assert list(keys) == sorted(set(keys))
        assert keys[0] >= 53
        assert keys[-1] <= 76
        assert keys[-1] - keys[0] <= 12
        hand = keys
    assert voice(chord, hand) == hand


def test_the_closest_voicing_of_a_repeated_chord_is_the_same_and_of_its_relative_moves_one_finger():
    c_major = voice(Chord(0, ""), (60, 64, 67))
    assert c_major == (60, 64, 67)
    assert voice(Chord(9, "m"), c_major) == (60, 64, 69)


@pytest.mark.parametrize("quality", SHAPES)
def test_shapes_are_playable_and_spell_their_chord(quality):
    for form in SHAPES[quality]:
        frets = [None if fret == "x" else int(fret) for fret in form]
        held = [fret for fret in frets if fret is not None]
        pitches = [string + fret for string, fret in zip(OPEN, frets, strict=True) if fret is not None]
        classes = {(pitch - pitches[0]) % 12 for pitch in pitches}
        assert len(form) == 6
        assert max(held) - min(held) <= 4
        assert classes <= {interval % 12 for interval in QUALITIES[quality]}
        assert {interval % 12 for interval in QUALITIES[quality] if interval != 7} <= classes
    assert SHAPES.keys() == QUALITIES.keys()


@pytest.mark.parametrize("position", [0, 3, 7])
def test_a_shape_has_its_root_in_the_bass_and_stays_on_the_neck(position):
    for chord in CHORDS:
        strings = shape(chord, position)
        assert strings[0] % 12 == chord.root
        assert list(strings) == sorted(strings)
        assert {pitch % 12 for pitch in strings} <= set(chord.classes)
        assert strings[0] >= OPEN[0]
        assert strings[-1] <= OPEN[-1] + 16
        assert 3 <= len(strings) <= 6


def test_open_position_shapes_are_the_ones_every_guitarist_knows():
    assert shape(Chord(4, ""), 0) == (40, 47, 52, 56, 59, 64)
    assert shape(Chord(9, "m"), 0) == (45, 52, 57, 60, 64)
    assert shape(Chord(2, ""), 0) == (50, 57, 62, 66)
    assert power(Chord(4, "5")) == (40, 47, 52)
