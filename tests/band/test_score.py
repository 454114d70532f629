"""Scores: the tables of programs, windows in which a part sounds, digests."""

import dataclasses

import numpy as np
import pytest

from stemweave.band.score import HELD_OUT, NOTE, PROGRAMS, RATE, STEMS, TRAIN, Part, Score


def notes(*rows):
    return np.array(list(rows), NOTE)


def score(**changes):
    parts = {stem: Part(PROGRAMS[stem][0], notes((10 * i, 100, 60, 80))) for i, stem in enumerate(STEMS)}
    beats = np.array([0, 22050])
    plain = Score("rock", 120.0, (4, 4), "C major", 44100, parts, ((0, "C"),), ((0, "verse"),), beats, beats[:1])
    return dataclasses.replace(plain, **changes)


def test_programs_are_the_general_midi_classes():
    assert {stem: PROGRAMS[stem] for stem in STEMS} == {
        "bass": (32, 33, 34, 35, 36, 37, 38, 39),
        "drums": (0, 8, 16, 24, 25, 32, 40),
        "guitar": (24, 25, 26, 27, 28, 29, 30, 31),
        "piano": (0, 1, 2, 3, 4, 5, 6, 7),
    }


@pytest.mark.parametrize("stem", STEMS)
def test_train_and_held_out_programs_divide_the_class(stem):
    assert not set(TRAIN[stem]) & set(HELD_OUT[stem])
    assert set(TRAIN[stem]) | set(HELD_OUT[stem]) == set(PROGRAMS[stem])
    assert len(HELD_OUT[stem]) == 2


def test_note_is_twenty_little_endian_bytes():
    assert NOTE.itemsize == 20
    assert notes((1, 2, 3, 4)).tobytes() == b"\x01" + b"\0" * 7 + b"\x02" + b"\0" * 7 + b"\x03\0\x04\0"


def test_sounding_marks_every_window_a_note_touches():
    part = Part(0, notes((9, 2, 60, 80), (30, 10, 60, 80)))
    assert part.sounding(50, 10).tolist() == [True, True, False, True, False]


def test_sounding_counts_a_last_short_window():
    part = Part(0, notes((0, 1, 60, 80), (45, 2, 60, 80)))
    assert part.sounding(47, 10).tolist() == [True, False, False, False, True]


def test_sounding_agrees_with_a_plain_count():
    rng = np.random.default_rng(1)
    length = 5 * RATE + 123
    start = rng.integers(0, length - 1, 12)
    rows = zip(start, np.minimum(rng.integers(1, 40000, 12), length - start), strict=True)
    part = Part(0, notes(*((s, size, 60, 80) for s, size in rows)))
    heard = np.zeros(length, bool)
    for note in part.notes:
        heard[note["start"] : note["start"] + note["length"]] = True
    expected = [bool(heard[i : i + RATE].any()) for i in range(0, length, RATE)]
    assert part.sounding(length).tolist() == expected


def test_an_empty_part_is_absent_and_silent():
    part = Part(0, notes())
    assert not part.present
    assert part.sounding(3 * RATE).tolist() == [False] * 3


def test_digest_is_equal_for_equal_notes_and_sees_every_change():
    same = score()
    part = same.parts["bass"]
    changed = [
        score(length=44101),
        score(parts=same.parts | {"bass": dataclasses.replace(part, program=38)}),
        *(
            score(parts=same.parts | {"bass": Part(part.program, notes(row))})
            for row in ((1, 100, 60, 80), (0, 101, 60, 80), (0, 100, 61, 80), (0, 100, 60, 81))
        ),
        score(parts=same.parts | {"bass": same.parts["guitar"], "guitar": part}),
    ]
    digests = [same.digest(), *(other.digest() for other in changed)]
    assert same.digest() == score().digest()
    assert len(set(digests)) == len(digests)
    assert len(same.digest()) == 64


def test_digest_does_not_depend_on_the_order_of_stems():
    plain = score()
    assert plain.digest() == score(parts=dict(reversed(plain.parts.items()))).digest()


def test_seconds():
    assert score(length=66150).seconds == 1.5
