from itertools import pairwise

import numpy as np
import pytest

from stemweave.evaluation.protocols.voice import RELEASE, TONIC, VOWELS, Note, melody, sung, voice

RATE = 22050


def test_a_seed_is_a_song():
    assert np.array_equal(voice(RATE, RATE, 3), voice(RATE, RATE, 3))
    assert not np.array_equal(voice(RATE, RATE, 3), voice(RATE, RATE, 4))


def test_a_longer_voice_begins_as_a_shorter_one():
    assert np.array_equal(voice(5 * RATE, RATE, 0)[: 2 * RATE], voice(2 * RATE, RATE, 0))


@pytest.mark.parametrize("samples", [1, 2, 100, RATE])
def test_any_length(samples):
    sound = voice(samples, RATE, 0)
    assert sound.shape == (samples,)
    assert np.isfinite(sound).all()


def test_the_melody_moves_and_rests():
    notes = list(melody(60, 0))
    gaps = [after.start - before.start - before.seconds for before, after in pairwise(notes)]
    assert {round(gap, 6) for gap in gaps} == {0.0, 0.5}
    assert len({note.hertz for note in notes}) > 4
    assert {note.vowel for note in notes} == set(VOWELS)
    assert all(TONIC <= note.hertz <= 2.4 * TONIC for note in notes)


def test_rests_are_silent_and_notes_are_not():
    sound, notes = voice(20 * RATE, RATE, 1), list(melody(20, 1))
    sounding = np.zeros(len(sound), bool)
    for note in notes:
        first, last = round(note.start * RATE), round((note.start + note.seconds) * RATE)
        sounding[first : last + 1] = True
        assert np.abs(sound[first:last]).max() > 0.01
    assert 0.05 < 1 - sounding.mean() < 0.5
    assert not sound[~sounding].any()


@pytest.mark.parametrize("hertz", [196.0, 311.0, 466.0])
@pytest.mark.parametrize("rate", [8000, 22050, 44100])
def test_the_pitch_is_the_notes(hertz, rate):
    """The best lag of the autocorrelation over a second is the period, give or take the vibrato's 40 cents."""
    sound = sung(Note(0, 1.0, hertz, VOWELS[0]), rate)
    power = np.abs(np.fft.rfft(sound, 2 * len(sound))) ** 2
    alike = np.fft.irfft(power)[: rate // 150]
    shortest = round(rate / (1.5 * hertz))
    period = shortest + np.argmax(alike[shortest:])
    assert abs(1200 * np.log2(rate / period / hertz)) < 40 + 1200 * np.log2(1 + hertz / rate)


def test_vibrato_swings_the_pitch():
    """Periods of the long note's pulses differ by about twice 40 cents, 5.5 times a second."""
    steady = sung(Note(0, 1.0, 200.0, ((60.0, 400.0, 0.0),)), 44100)
    rising = np.flatnonzero((steady[:-1] < 0) & (steady[1:] >= 0))[10:-10]
    cents = 1200 * np.log2(44100 / np.diff(rising) / 200.0)
    assert 60 < cents.max() - cents.min() < 100
    turns = np.fft.rfft(cents - cents.mean())
    assert np.argmax(np.abs(turns)) * 200 / len(cents) == pytest.approx(5.5, abs=1)


@pytest.mark.parametrize("vowel", VOWELS)
def test_formants_stand_out(vowel):
    """Each of the two lowest formants holds more energy than the valley between them, for a pitch of 100 Hz."""
    sound = sung(Note(0, 1.0, 100.0, vowel), 44100)
    power, frequency = np.abs(np.fft.rfft(sound)) ** 2, np.fft.rfftfreq(len(sound), 1 / 44100)
    (low, *_), (high, *_) = vowel[:2]
    near = [power[abs(frequency - place) < 60].sum() for place in (low, (low + high) / 2, high)]
    assert near[0] > near[1]
    assert near[2] > 0.9 * near[1]


def test_notes_come_and_go_without_clicks():
    sound = sung(Note(0, 0.5, 196.0, VOWELS[0]), RATE)
    assert sound[0] == 0
    assert abs(sound[-1]) < 0.01 * np.abs(sound).max()
    assert np.abs(sound[-round(RELEASE * RATE / 10) :]).max() < 0.11 * np.abs(sound).max()


def test_formants_beyond_the_band_are_left_out():
    assert np.abs(sung(Note(0, 0.5, 196.0, ((5000.0, 100.0, 0.0),)), 8000)).max() == 0
