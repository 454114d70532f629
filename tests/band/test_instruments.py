"""Procedural instruments: in tune, in time, repeatable, of the promised variety."""

from dataclasses import replace

import numpy as np
import pytest

from stemweave.band import kinds
from stemweave.band.drums import STROKES, Kit
from stemweave.band.instruments import Subtractive, amplified, play
from stemweave.band.score import NOTE, RANGES, RATE, STEMS, Part
from stemweave.band.tones import cycles, damped, fall, hertz, high, low, resonant, saw

KINDS = [(stem, kind) for stem in STEMS for kind in kinds.TRAIN[stem] + kinds.HELD_OUT[stem]]
TONAL = [(stem, kind) for stem, kind in KINDS if stem != "drums"]


def name(value):
    return getattr(value, "name", value)


def notes(*rows):
    return np.array(list(rows), dtype=NOTE)


def pitch_error(sound, f0):
    """Cents between the strongest peak within a half-tone of f0 and f0 (interpolated peak of a long spectrum)."""
    size = 8 * sound.size
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(sound.size), size))
    frequency = np.fft.rfftfreq(size, 1 / RATE)
    near = np.flatnonzero(np.abs(np.log2(frequency[1:] / f0)) < 1 / 24) + 1
    top = near[np.argmax(spectrum[near])]
    a, b, c = np.log(spectrum[top - 1 : top + 2])
    return 1200 * np.log2((top + 0.5 * (a - c) / (a - 2 * b + c)) * RATE / size / f0)


@pytest.mark.parametrize(("stem", "kind"), TONAL, ids=name)
def test_pitch_within_three_cents(stem, kind):
    lowest, highest = RANGES[stem]
    for seed in range(4):
        instrument, _ = kind.draw(np.random.default_rng(seed))
        if isinstance(instrument, Subtractive):
            instrument = replace(instrument, apart=0.0)  # the second oscillator is out of tune on purpose
        for pitch in (lowest, (lowest + highest) // 2, highest):
            assert abs(pitch_error(instrument.tone(pitch, 0.7, 2 * RATE), hertz(pitch))) < 3


def test_the_pitch_meter_sees_a_wrong_pitch():
    tone = np.sin(2 * np.pi * 440 * 2 ** (5 / 1200) * np.arange(RATE) / RATE)
    assert pitch_error(tone, 440.0) == pytest.approx(5, abs=0.05)


@pytest.mark.parametrize(("stem", "kind"), KINDS, ids=name)
def test_renders_notes_where_they_are_and_nothing_else(stem, kind):
    pitch = 38 if stem == "drums" else RANGES[stem][0] + 12
    part = Part(0, notes((RATE // 2, RATE // 4, pitch, 100)))
    instrument, _ = kind.draw(np.random.default_rng(1))
    sound = instrument.render(part, 3 * RATE)
    assert sound.shape == (3 * RATE,)
    assert sound.dtype == np.float32
    assert np.isfinite(sound).all()
    assert np.abs(sound[: RATE // 2]).max() < 1e-6
    assert np.abs(sound[RATE // 2 : RATE // 2 + RATE // 50]).max() > 1e-3
    assert np.abs(sound[-RATE:]).max() < 0.01 * np.abs(sound).max()


@pytest.mark.parametrize(("stem", "kind"), KINDS, ids=name)
def test_same_seed_same_sound_other_seed_other_sound(stem, kind):
    part = Part(0, notes((0, 9000, 38, 90), (9000, 9000, 45, 60)))
    first, again, other = (kind.draw(np.random.default_rng(seed))[0].render(part, RATE) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other, atol=1e-2)


@pytest.mark.parametrize(("stem", "kind"), KINDS, ids=name)
def test_a_louder_stroke_is_louder(stem, kind):
    instrument, _ = kind.draw(np.random.default_rng(2))
    sound = instrument.render(Part(0, notes((0, RATE // 2, 40, 60), (2 * RATE, RATE // 2, 40, 110))), 4 * RATE)
    assert np.sum(sound[2 * RATE :] ** 2) > 1.2 * np.sum(sound[: 2 * RATE] ** 2)


@pytest.mark.parametrize(("stem", "kind"), KINDS, ids=name)
def test_at_least_sixteen_numbers_make_a_timbre(stem, kind):
    numbers = [kind.draw(np.random.default_rng(seed))[1] for seed in range(20)]
    varied = [key for key in numbers[0] if len({str(one[key]) for one in numbers}) > 1]
    assert len(varied) >= 15
    assert len(numbers[0]) >= 16


def test_an_empty_part_is_silence_and_a_late_note_is_cut():
    instrument, _ = kinds.GRAND.draw(np.random.default_rng(0))
    assert not instrument.render(Part(0, notes()), 100).any()
    assert instrument.render(Part(0, notes((90, 5000, 60, 100))), 100).shape == (100,)


def test_play_adds_notes_linearly():
    def flat(_pitch, _velocity, samples):
        return np.ones(samples, dtype=np.float32)

    rows = notes((0, 100, 60, 127), (50, 100, 60, 127))
    out = play(rows, 400, flat, 0.0, 1.0)
    assert np.array_equal(out[[0, 49, 50, 99, 105, 149, 160]], [1, 1, 2, 2, 1, 1, 0])


def test_play_scales_by_velocity_to_the_touch():
    out = play(notes((0, 10, 60, 64)), 10, lambda _p, _v, n: np.ones(n, dtype=np.float32), 0.0, 2.0)
    assert out[0] == pytest.approx((64 / 127) ** 2)


def test_every_drum_of_the_map_sounds_in_every_kit():
    for kind in kinds.TRAIN["drums"] + kinds.HELD_OUT["drums"]:
        kit, _ = kind.draw(np.random.default_rng(5))
        for pitch in range(35, 82):
            sound = kit.stroke(pitch, 0.8, 4410)
            assert np.isfinite(sound).all()
            assert np.sqrt(np.mean(sound**2)) > 1e-3
    assert set(STROKES) <= set(range(35, 83))


def test_a_closed_hat_ends_an_open_one():
    kit, _ = kinds.ANALOG.draw(np.random.default_rng(0))
    kit = replace(kit, chick=0.1)
    assert isinstance(kit, Kit)
    alone = kit.render(Part(0, notes((0, 100, 46, 100))), RATE)
    choked = kit.render(Part(0, notes((0, 100, 46, 100), (4410, 100, 42, 1))), RATE)
    later = slice(4410 + 4410, 4410 + 8820)
    assert np.sum(choked[later] ** 2) < 0.01 * np.sum(alone[later] ** 2)


def test_damped_is_the_sum_it_claims():
    f, r, a = [100.0, 2500.0, 7000.0], [1.0, 5.0, 30.0], np.array([1.0, 0.5j, -0.3 + 0.2j])
    t = np.arange(5000) / RATE
    direct = sum((ak * np.exp((-rk + 2j * np.pi * fk) * t)).real for fk, rk, ak in zip(f, r, a, strict=True))
    assert np.allclose(damped(f, r, a, 5000), direct, atol=2e-5)


def test_fall_reaches_minus_sixty_db_at_t60():
    assert fall(RATE + 1, 1.0)[-1] == pytest.approx(1e-3, rel=1e-3)


def test_saw_has_the_harmonics_of_a_saw_and_little_else():
    f0 = 1000.0
    wave = saw(cycles(f0, RATE), f0)
    spectrum = np.abs(np.fft.rfft(wave)) / (RATE / 2)
    for k in range(1, 6):
        assert spectrum[k * 1000] == pytest.approx(2 / (np.pi * k), rel=0.05)
    naive = np.abs(np.fft.rfft(2 * cycles(1237.0, RATE) - 1)) / (RATE / 2)
    rounded = np.abs(np.fft.rfft(saw(cycles(1237.0, RATE), 1237.0))) / (RATE / 2)
    between = [i for i in range(100, 8000) if i % 1237 > 20 and i % 1237 < 1217]
    assert rounded[between].max() < 0.2 * naive[between].max()


@pytest.mark.parametrize("hz", [500.0, 2000.0])
def test_filters_pass_and_stop(hz):
    def gain(f, through):
        tone = np.sin(2 * np.pi * f * np.arange(RATE) / RATE).astype(np.float32)
        return np.std(through(tone)[RATE // 2 :]) / np.std(tone)

    assert gain(hz, lambda x: low(x, hz)) == pytest.approx(np.sqrt(0.5), abs=0.05)
    assert gain(hz / 20, lambda x: low(x, hz)) == pytest.approx(1, abs=0.01)
    assert gain(hz / 20, lambda x: high(x, hz)) < 0.06
    assert gain(hz, lambda x: resonant(x, hz, 2.0)) == pytest.approx(2.0, rel=0.02)
    assert gain(hz * 8, lambda x: resonant(x, hz, 0.7)) < 0.02


def test_amplified_bounds_and_leaves_clean():
    x = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    assert amplified(x, 0.0, 20000.0) is x
    assert np.abs(amplified(x, 50.0, 20000.0)).max() <= 1.0
