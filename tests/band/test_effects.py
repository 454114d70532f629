"""Effects: each against its closed form; lengths and silence kept; draws that never shift."""

import numpy as np
import pytest

from stemweave.band.effects import (
    CHANCES,
    Chorus,
    Compressor,
    Drive,
    Equaliser,
    Room,
    Send,
    apply,
    described,
    draw_chain,
    draw_room,
)

RATE = 22050
ROOM = Room(seed=1, t60=0.5, damping=4000.0, gap=0.01)
EFFECTS = [
    Equaliser(3.0, 120.0, -4.0, 1000.0, 5.0, 5000.0),
    Drive(2.0, 0.2, 1.0),
    Chorus(0.01, 0.002, 0.7, 0.5),
    Compressor(-6.0, 4.0, 0.005, 0.1),
    Send(ROOM, 0.3),
]


def noise(samples, seed=0):
    return np.random.default_rng(seed).standard_normal(samples).astype(np.float32)


def tone(hz, seconds=2.0):
    return np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE).astype(np.float32)


def gain_db(effect, hz):
    x = tone(hz)
    return 20 * np.log10(np.std(effect(x, RATE)[RATE:]) / np.std(x[RATE:]))


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: type(effect).__name__)
@pytest.mark.parametrize("samples", [1, 63, 64, 1000, 30000])
def test_keeps_length_type_and_silence(effect, samples):
    y = effect(noise(samples), RATE)
    assert y.shape == (samples,)
    assert y.dtype == np.float32
    assert np.isfinite(y).all()
    assert np.abs(effect(np.zeros(samples, dtype=np.float32), RATE)).max() < 1e-6


def test_equaliser_has_the_gains_it_names():
    equaliser = Equaliser(6.0, 150.0, -5.0, 1000.0, 4.0, 6000.0)
    assert gain_db(Equaliser(6.0, 300.0, 0.0, 1000.0, 0.0, 6000.0), 60.0) == pytest.approx(5.2, abs=0.8)
    assert gain_db(Equaliser(0.0, 150.0, -5.0, 1000.0, 0.0, 6000.0), 1000.0) == pytest.approx(-5.0, abs=0.05)
    assert gain_db(Equaliser(0.0, 150.0, 0.0, 1000.0, 4.0, 3000.0), 10000.0) == pytest.approx(4.0, abs=0.1)
    assert gain_db(equaliser, 1000.0) == pytest.approx(-5.0, abs=0.6)


def test_equaliser_at_zero_gain_passes_and_stops_dc():
    flat = Equaliser(0.0, 150.0, 0.0, 1000.0, 0.0, 6000.0)
    assert gain_db(flat, 1000.0) == pytest.approx(0.0, abs=0.01)
    assert abs(flat(np.ones(3 * RATE, dtype=np.float32), RATE)[-1]) < 1e-3


def test_drive_keeps_the_level_and_adds_harmonics():
    x = tone(200.0)
    y = Drive(3.0, 0.3, 1.0)(x, RATE)
    spectrum = np.abs(np.fft.rfft(y[RATE : 2 * RATE]))
    assert np.std(y) == pytest.approx(np.std(x), rel=0.05)
    assert spectrum[600] > 0.05 * spectrum[200]
    assert spectrum[400] > 0.01 * spectrum[200]
    assert np.array_equal(Drive(3.0, 0.3, 0.0)(x, RATE), x)


def test_chorus_without_swing_is_a_delay():
    x = noise(2000)
    y = Chorus(100 / RATE, 0.0, 1.0, 1.0)(x, RATE)
    assert np.allclose(y[100:], x[100:] + x[:-100], atol=1e-5)
    assert np.array_equal(y[:99], x[:99])


def test_chorus_between_samples_interpolates():
    ramp = np.arange(1000, dtype=np.float32)
    y = Chorus(10.5 / RATE, 0.0, 1.0, 1.0)(ramp, RATE)
    assert np.allclose(y[20:], ramp[20:] + ramp[20:] - 10.5, atol=1e-3)


def test_compressor_shrinks_level_differences_by_its_ratio():
    x = np.concatenate([tone(500.0), 10.0 ** (-12 / 20) * tone(500.0)])
    y = Compressor(-30.0, 3.0, 0.005, 0.05)(x, RATE)
    loud, soft = np.std(y[RATE : 2 * RATE]), np.std(y[-RATE:])
    assert 20 * np.log10(loud / soft) == pytest.approx(12 / 3, abs=0.2)


def test_compressor_leaves_what_is_under_the_threshold():
    x = tone(500.0)
    assert np.allclose(Compressor(6.0, 4.0, 0.005, 0.1)(x, RATE), x, atol=1e-6)


def test_room_falls_by_sixty_db_in_t60_with_unit_energy():
    impulse = ROOM.impulse(RATE)
    assert np.sum(impulse**2) == pytest.approx(1.0, rel=1e-4)
    assert not impulse[: int(0.01 * RATE)].any()
    tail = impulse[int(0.01 * RATE) :]
    early, late = (np.mean(part**2) for part in (tail[500:1500], tail[-1500:-500]))
    spans = (tail.size - 2000) / (0.5 * RATE)
    assert 10 * np.log10(early / late) == pytest.approx(60 * spans, abs=4)


def test_send_is_dry_plus_the_room():
    click = np.zeros(RATE, dtype=np.float32)
    click[0] = 1.0
    impulse = ROOM.impulse(RATE)
    assert np.allclose(Send(ROOM, 0.4)(click, RATE)[: impulse.size], click[: impulse.size] + 0.4 * impulse, atol=1e-5)


def test_a_chain_draws_the_same_count_whatever_it_holds():
    states = []
    for stem in CHANCES:
        rng = np.random.default_rng(9)
        draw_chain(rng, stem, draw_room(rng))
        states.append(rng.bit_generator.state["state"]["state"])
    assert len(set(states)) == 1


def test_chains_vary_and_are_repeatable():
    def chain(seed):
        rng = np.random.default_rng(seed)
        return draw_chain(rng, "guitar", draw_room(rng))

    assert chain(1) == chain(1)
    assert len({repr(chain(seed)) for seed in range(20)}) == 20
    assert {type(effect).__name__ for seed in range(50) for effect in chain(seed)} == {
        "Equaliser", "Drive", "Chorus", "Compressor", "Send",
    }  # fmt: skip


def test_apply_goes_in_order():
    x = noise(100)
    assert np.array_equal(apply((), x, RATE), x)
    assert np.array_equal(apply(tuple(EFFECTS[:2]), x, RATE), EFFECTS[1](EFFECTS[0](x, RATE), RATE))


def test_described_names_the_effect_and_its_numbers():
    assert described(EFFECTS[1]) == {"name": "drive", "amount": 2.0, "bias": 0.2, "wet": 1.0}
    assert described(EFFECTS[4]) == {"name": "send", "amount": 0.3}
