"""Performance: swing in closed form, human time, notes that fit the song."""

import numpy as np
import pytest

from stemweave.band.patterns import Event
from stemweave.band.performance import FINGERS, Feel, place, ring, settle
from stemweave.band.score import NOTE, RATE


def feel(swing=0.0, swung=1.0, late=0.0, loose=0.0):
    return Feel(22050.0, swing, swung, late, loose)


def rng():
    return np.random.Generator(np.random.PCG64(0))


def notes(*rows):
    return np.array(list(rows), NOTE)


def test_straight_beats_are_straight():
    beats = np.arange(0, 8, 0.25)
    assert feel().samples(beats) == pytest.approx(beats * 22050)


def test_a_third_of_swing_turns_eighths_into_triplets():
    swung = feel(1 / 3).samples(np.array([0, 0.5, 1, 1.5, 2.0]))
    assert swung / 22050 == pytest.approx([0, 2 / 3, 1, 5 / 3, 2])


def test_sixteenths_swing_inside_the_half_beat():
    swung = feel(0.12, 0.5).samples(np.array([0, 0.25, 0.5, 0.75, 1.0]))
    assert swung / 22050 == pytest.approx([0, 0.28, 0.5, 0.78, 1])


def test_swing_keeps_the_order_of_time():
    swung = feel(0.33).samples(np.linspace(0, 4, 999))
    assert (np.diff(swung) > 0).all()


def test_place_without_freedom_is_on_the_grid():
    (note,) = place(rng(), [Event(2, 1, 60, 0.5, 0.1)], feel(late=0.01))
    assert note["start"] == pytest.approx(2 * 22050 + 0.11 * RATE, abs=FINGERS * RATE + 1)
    assert note["length"] == 22050
    assert note["pitch"] == 60
    assert note["velocity"] == pytest.approx(56, abs=10)


def test_a_hand_is_late_as_a_whole():
    events = [Event(at, 0.5, pitch, 0.5) for at in range(4, 400) for pitch in (60, 64, 67)]
    played = place(rng(), events, feel(loose=0.02))
    late = (played["start"] - np.array([e.at for e in events]) * 22050).reshape(-1, 3) / RATE
    assert np.ptp(late, axis=1).max() <= 2 * FINGERS + 2 / RATE
    assert 0.01 < np.ptp(late[:, 0]) <= 2 * (0.02 + FINGERS) + 2 / RATE
    assert abs(late.mean()) < 0.002


def test_nothing_sounds_before_the_song():
    played = place(rng(), [Event(0, 1, p, 0.5) for p in range(60, 70)], feel(late=-0.01, loose=0.01))
    assert played["start"].min() == 0


def test_no_events_no_notes():
    assert place(rng(), [], feel()).shape == (0,)
    assert settle(notes(), np.zeros(0, int), 1000).shape == (0,)


def test_velocity_stays_within_midi():
    played = place(rng(), [Event(i, 1, 60, loudness, 0) for i in range(50) for loudness in (0.0, 2.0)], feel())
    assert set(played["velocity"]) <= {*range(1, 11), 127}


def test_drums_ring_by_their_kind():
    rung = ring(notes((0, 1, 49, 9), (5, 1, 36, 9)), {49: 2.0}, 0.1)
    assert rung["length"].tolist() == [88200, 4410]


def test_settle_ends_a_note_where_its_voice_begins_again_and_at_the_end_of_the_song():
    given = notes((500, 9000, 60, 80), (0, 900, 60, 80), (400, 9000, 64, 80), (9700, 500, 60, 80), (600, 500, 60, 80))
    settled = settle(given, given["pitch"], 10000)
    assert [tuple(int(x) for x in n) for n in settled] == [
        (0, 500, 60, 80),
        (400, 9000, 64, 80),
        (500, 100, 60, 80),
        (600, 500, 60, 80),
    ]


def test_one_voice_plays_one_note_at_a_time():
    given = notes((0, 9000, 40, 80), (300, 9000, 45, 80))
    settled = settle(given, np.zeros(2, int), 10000)
    assert settled["length"].tolist() == [300, 9000]


def test_of_two_notes_at_once_in_one_voice_one_stays():
    given = notes((100, 500, 60, 80), (100, 700, 60, 90))
    assert len(settle(given, given["pitch"], 10000)) == 1
