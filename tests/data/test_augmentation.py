import numpy as np
import pytest

from stemweave.data.augmentation import FARTHEST, Augmentation, played
from stemweave.errors import DataError

RATE = 22050


def impulses(stems, channels=1, length=4096):
    sound = np.zeros((stems, channels, length), dtype=np.float32)
    sound[..., length // 2] = 1.0
    return sound


def test_nothing_is_changed_or_drawn_by_default():
    rng, untouched = np.random.default_rng(1), np.random.default_rng(1)
    sound = impulses(3)
    assert Augmentation().speed(rng) == 1.0
    assert Augmentation().coloured(sound, rng) is sound
    assert np.array_equal(played(sound, 1.0, 4096), sound)
    assert rng.random() == untouched.random()


def test_a_share_of_the_crops_is_changed():
    rng, some = np.random.default_rng(5), Augmentation(share=0.3, semitones=2.0)
    assert sum(some.drawn(rng) is some for _ in range(2000)) / 2000 == pytest.approx(0.3, abs=0.04)
    assert Augmentation(share=0.0, semitones=2.0).drawn(rng) == Augmentation()


@pytest.mark.parametrize("wrong", [{"share": 1.5}, {"share": -0.1}, {"equaliser_db": -1.0}, {"semitones": -2.0}])
def test_settings_that_make_no_sense_are_refused(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(DataError, match=f"augmentation: {name} is {value}, expected 0"):
        Augmentation(**wrong)


def test_gains_at_octaves_are_normal_in_decibels():
    made = Augmentation(equaliser_db=4.0).coloured(impulses(400), np.random.default_rng(2))
    decibels = 20 * np.log10(np.abs(np.fft.rfft(made[:, 0])))
    for bin_ in (64, 256, 1024, 2048):  # octaves below half the sample rate: 5, 3, 1, 0
        assert decibels[:, bin_].std() == pytest.approx(4.0, rel=0.12)
        assert decibels[:, bin_].mean() == pytest.approx(0.0, abs=0.7)
    assert abs(np.corrcoef(decibels[:, 256], decibels[:, 1024])[0, 1]) < 0.15
    assert decibels[:, 0] == pytest.approx(decibels[:, 2048 >> 8], abs=1e-3)  # below the lowest octave its gain holds


def test_an_equaliser_delays_nothing_and_is_the_same_for_all_channels():
    made = Augmentation(equaliser_db=4.0).coloured(impulses(3, channels=2), np.random.default_rng(3))
    assert made.dtype == np.float32
    assert (np.abs(made).argmax(-1) == 2048).all()
    assert np.allclose(made[..., 2049:], made[..., 2047:0:-1], atol=1e-6)
    assert np.array_equal(made[:, 0], made[:, 1])
    assert not np.allclose(made[0], made[1], atol=0.01)


@pytest.mark.parametrize("speed", [0.75, 1.25])
def test_what_is_played_faster_is_higher(speed):
    tone = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE).astype(np.float32)
    made = played(tone[None], speed, round(RATE / speed))
    assert made.shape == (1, round(RATE / speed))
    spectrum = np.abs(np.fft.rfft(made[0] * np.hanning(made.shape[1])))
    assert spectrum.argmax() * RATE / made.shape[1] == pytest.approx(440 * speed, abs=1.0)


def test_speeds_are_normal_in_semitones_and_end_at_the_farthest():
    rng = np.random.default_rng(4)
    semitones = 12 * np.log2([Augmentation(semitones=3.0).speed(rng) for _ in range(2000)])
    assert semitones.mean() == pytest.approx(0.0, abs=0.2)
    assert semitones.std() == pytest.approx(3.0, rel=0.1)
    assert np.abs(semitones).max() == pytest.approx(FARTHEST, abs=0.02)
