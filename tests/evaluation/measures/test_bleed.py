import math

import numpy as np
import pytest
import torch

from stemweave.audio.stems import Stems
from stemweave.errors import DataError
from stemweave.evaluation.measures.bleed import bleed, suspicious
from stemweave.evaluation.statistics import Figure

RATE = 1000


def noise(seed, samples=4000):
    return torch.randn(1, samples, generator=torch.Generator().manual_seed(seed))


def song(*stems):
    return Stems(tuple("xyz"[: len(stems)]), torch.stack(stems), RATE)


def brute(one, other):
    """Largest correlation at lags up to 100 samples, with silence beyond the ends."""
    a, b = one[0].double().numpy(), np.pad(other[0].double().numpy(), 100)
    return max(abs(a @ cut) / np.linalg.norm(a) / np.linalg.norm(cut) for cut in (b[k : k + len(a)] for k in range(201)))


def test_it_is_the_largest_correlation_at_any_lag():
    one, other = (noise(1) + 0.3 * noise(2), noise(2).roll(37, 1) + noise(3))
    assert bleed([song(one, other)] * 2).value == pytest.approx(brute(one, other), abs=1e-9)
    assert brute(one, other) > 0.15


@pytest.mark.parametrize("delay", [-100, -3, 0, 40, 100])
def test_a_copy_is_found_at_any_level_sign_and_delay_up_to_a_tenth_of_a_second(delay):
    sound = torch.nn.functional.pad(noise(0), (200, 200))
    assert bleed([song(sound, -0.01 * sound.roll(delay, 1))] * 2).value == pytest.approx(1.0, abs=1e-6)
    assert bleed([song(sound, sound.roll(101 if delay >= 0 else -101, 1))] * 2).value < 0.1


def test_songs_count_equally_and_silent_stems_not_at_all():
    a, b = noise(1), noise(2)
    nothing = torch.full_like(a, 1e-4)
    lonely = song(a, nothing, nothing)
    figure = bleed([song(a, a, nothing), song(a, b, a), lonely])
    assert figure.value == pytest.approx((1 + (1 + 2 * brute(a, b)) / 3) / 2, abs=1e-6)
    assert figure.n == 2
    assert math.isnan(bleed([lonely, lonely]).value)


def test_more_than_real_songs_is_suspicious():
    real = Figure(0.2, 0.15, 0.25, 40)
    assert suspicious(Figure(0.26, 0.2, 0.3, 40), real)
    assert not suspicious(Figure(0.24, 0.2, 0.3, 40), real)


def test_songs_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match="0 songs, expected at least 2"):
        bleed([])
    with pytest.raises(DataError, match="cut excerpts of one length"):
        bleed([song(noise(0, samples)) for samples in (50, 60)])
    with pytest.raises(DataError, match="song 1 holds x, expected also y"):
        bleed([song(noise(0), noise(1)), song(noise(0))])
