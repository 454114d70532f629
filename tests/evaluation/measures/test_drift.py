import math

import numpy as np
import pytest
import torch

from stemweave.errors import DataError, UsageError
from stemweave.evaluation.measures.beats import onset_curve
from stemweave.evaluation.measures.drift import key_correlation, level, seam_ratio, tempo_ratio

RATE = 22050


def tune(semitones, seconds=6, seed=0):
    """The notes of C major, most often C and G, in any order, so many semitones up: (1, samples)."""
    rng, time = np.random.default_rng(seed), np.arange(RATE // 4) / RATE
    scale = rng.permutation(np.resize([0, 0, 0, 2, 4, 5, 7, 7, 7, 9, 11, 0], 4 * seconds))
    notes = 261.6 * 2 ** ((scale + semitones) / 12)
    return torch.from_numpy(np.concatenate([0.2 * np.sin(2 * np.pi * note * time) for note in notes])).float()[None]


def beat(tempo, seconds=12, seed=0):
    """A strong and a weak noise in turn at a tempo per minute: (1, samples)."""
    rng, audio = np.random.default_rng(seed), np.zeros(round(seconds * RATE))
    for number, start in enumerate(np.arange(0.1, seconds - 0.2, 30 / tempo)):
        tail = audio[round(start * RATE) :][:2000]
        tail += (0.1 if number % 2 else 0.3) * rng.standard_normal(len(tail)) * np.exp(-np.arange(len(tail)) / 300)
    return torch.from_numpy(audio).float()[None]


def test_the_level_is_rms_in_dbfs():
    assert level(torch.full((2, 100), 0.1)) == pytest.approx(-20.0, abs=1e-4)
    assert level(torch.zeros(1, 9)) == -200.0


def test_a_transposed_tune_is_in_another_key():
    first = tune(0)
    assert key_correlation(first, tune(0, seed=1), RATE) > 0.8
    assert key_correlation(first, 0.1 * first, RATE) == pytest.approx(1.0, abs=1e-4)
    assert key_correlation(first, tune(6, seed=1), RATE) < 0.0
    assert key_correlation(first, tune(12, seed=1), RATE) > 0.8


@pytest.mark.parametrize("ratio", [1.0, 0.98, 1.02, 1.1, 0.8, 1.4])
def test_a_change_of_tempo_is_told_by_its_ratio(ratio):
    assert tempo_ratio(beat(100), beat(100 * ratio, seed=1), RATE) == pytest.approx(ratio, abs=0.01)


def test_blocks_need_not_be_of_one_length():
    assert tempo_ratio(beat(100, 12), beat(110, 7, seed=1), RATE) == pytest.approx(1.1, abs=0.01)


def test_slow_sounds_have_a_tempo_too():
    """Hits more than a second apart."""
    one, other = (beat(tempo / 2, 20, seed) for seed, tempo in ((0, 36), (1, 40)))
    assert tempo_ratio(one, other, RATE) == pytest.approx(40 / 36, abs=0.01)


def test_the_energy_at_seams_is_that_of_a_slow_mean():
    """Frames within 50 ms of 1.3 s, 2.6 s, … against all others, where the first 100 ms are neither."""
    audio = beat(97, 12) + 0.003 * torch.randn(1, 12 * RATE, generator=torch.Generator().manual_seed(4))
    at, elsewhere = [], []
    for time, flux in zip(*onset_curve(audio, RATE), strict=True):
        if time > 0.1:
            (at if any(abs(time - 1.3 * k) <= 0.05 for k in range(1, 10)) else elsewhere).append(flux)
    assert len(at) > 20
    assert seam_ratio(audio, RATE, 1.3) == pytest.approx(np.mean(at) / np.mean(elsewhere))


def test_clicks_at_seams_stand_out():
    rng = np.random.default_rng(3)
    audio = beat(97, 20) + torch.from_numpy(rng.standard_normal(20 * RATE) * 0.003).float()
    smooth = seam_ratio(audio, RATE, 1.5)
    assert 0.5 < smooth < 1.5
    for seam in np.arange(1.5, 20, 1.5):
        audio[0, round(seam * RATE)] += 0.9
    assert seam_ratio(audio, RATE, 1.5) > 2.0
    assert seam_ratio(audio, RATE, 1.35) < 1.5  # elsewhere


def test_a_gap_at_a_seam_stands_out_too():
    audio = 0.1 * torch.randn(1, 12 * RATE, generator=torch.Generator().manual_seed(0))
    assert seam_ratio(audio, RATE, 2.0) == pytest.approx(1.0, abs=0.15)
    for seam in range(2, 12, 2):
        audio[:, seam * RATE - 300 : seam * RATE + 300] *= 0.03
    assert seam_ratio(audio, RATE, 2.0) > 1.5


def test_silence_tells_nothing():
    silent, sound = torch.full((1, 6 * RATE), 1e-4), beat(100, 6)
    for found in (
        key_correlation(silent, sound, RATE),
        key_correlation(sound, silent, RATE),
        tempo_ratio(silent, sound, RATE),
        tempo_ratio(sound, silent, RATE),
        tempo_ratio(sound, 0.1 * torch.randn(1, 6 * RATE, generator=torch.Generator().manual_seed(0)), RATE),
        seam_ratio(silent, RATE, 1.0),
        seam_ratio(sound, RATE, 7.0),
    ):
        assert math.isnan(found)


def test_what_cannot_be_heard_is_refused():
    with pytest.raises(UsageError, match=r"a seam every 0.1 s, expected more than 0.1 s"):
        seam_ratio(torch.ones(1, RATE), RATE, 0.1)
    for measure in (lambda a: key_correlation(a, a, RATE), lambda a: tempo_ratio(a, a, RATE), lambda a: seam_ratio(a, RATE, 1)):
        with pytest.raises(DataError, match="the block has shape"):
            measure(torch.zeros(1, 0))
        with pytest.raises(DataError, match="NaN"):
            measure(torch.full((1, RATE), torch.nan))
