"""What codecs are trained by, against closed forms and independent implementations."""

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from stemweave.audio import mels
from stemweave.evaluation.measures import codec as measured
from stemweave.nets.discriminators import Judgement
from stemweave.training import codec_losses as losses

RATE = 22050


@pytest.fixture(name="sounds", scope="module")
def make_sounds() -> tuple[torch.Tensor, torch.Tensor]:
    """The second fades to where mel bands are under the floor."""
    generator = torch.Generator().manual_seed(0)
    noise = 0.1 * torch.randn(2, 3, 1, 5000, generator=generator)
    return noise[0], noise[1] * torch.logspace(0, -6, 5000)


def test_what_is_too_faint_does_not_count(sounds) -> None:
    """Below `faint` all bands are equal; louder ones differ as they did."""
    sound = sounds[0] / sounds[0].abs().max()
    loud, published = mels.MelDistance(RATE, 1.0), mels.MelDistance(RATE)
    assert loud(1e-3 * sound, 1e-4 * sound) == 0
    assert published(1e-3 * sound, 1e-4 * sound) > 0
    torch.testing.assert_close(loud(1e9 * sound, 1e8 * sound), published(1e4 * sound, 1e3 * sound))


def test_mel_distance_of_a_gain_is_its_logarithm_at_every_scale(sounds: tuple[torch.Tensor, torch.Tensor]) -> None:
    mel, sound = mels.MelDistance(RATE), sounds[0]
    assert mel(sound, sound).item() == 0
    assert mel(sound, 0.1 * sound).item() == pytest.approx(7, rel=1e-4)
    assert mel(0.1 * sound, sound).item() == pytest.approx(7, rel=1e-4)
    assert mel(torch.zeros(1, 1, 10), torch.zeros(1, 1, 10)).item() == 0, "shorter than every window"


def test_mel_distance_has_gradients_even_to_silence() -> None:
    made = torch.zeros(1, 1, 3000, requires_grad=True)
    mels.MelDistance(RATE)(0.1 * torch.randn(1, 1, 3000), made + 0).backward()
    assert made.grad is not None
    assert made.grad.isfinite().all()


def test_mel_distance_keeps_nothing_in_checkpoints() -> None:
    assert not mels.MelDistance(RATE).state_dict()
    assert not list(mels.MelDistance(RATE).parameters())


def test_kl_is_that_of_normal_distributions() -> None:
    mean, logvar = torch.randn(2, 3, 5), 3 * torch.randn(2, 3, 5)
    expected = kl_divergence(Normal(mean, (0.5 * logvar).exp()), Normal(0.0, 1.0)).mean()
    torch.testing.assert_close(losses.kl_divergence(mean, logvar), expected)
    assert losses.kl_divergence(torch.zeros(1, 2, 3), torch.zeros(1, 2, 3)).item() == 0


def test_waveform_distance_is_relative_to_each_sound() -> None:
    loud, quiet = torch.randn(1, 1, 400), 1e-3 * torch.randn(1, 1, 400)
    wanted = torch.cat((loud, quiet))
    assert losses.waveform_distance(wanted, wanted).item() == 0
    assert losses.waveform_distance(wanted, torch.zeros_like(wanted)).item() == pytest.approx(1)
    assert losses.waveform_distance(wanted, torch.cat((loud, 1.5 * quiet))).item() == pytest.approx(0.25)
    assert losses.waveform_distance(torch.zeros(1, 1, 9), torch.zeros(1, 1, 9)).item() == 0


def judged(*scores: float) -> list[Judgement]:
    """Discriminators that score so everywhere; their features are twice and thrice that."""
    return [Judgement([torch.full((2, 3), 2 * x), torch.full((4,), 3 * x)], torch.full((5, 1, 7), x)) for x in scores]


def test_least_squares_by_hand() -> None:
    real, made = judged(0.9, 0.5), judged(0.2, -0.5)
    assert losses.discrimination(real, made).item() == pytest.approx(0.1**2 + 0.5**2 + 0.2**2 + 0.5**2)
    assert losses.discrimination(judged(1.0, 1.0), judged(0.0, 0.0)).item() == 0
    assert losses.deception(made).item() == pytest.approx(0.8**2 + 1.5**2)
    assert losses.deception(judged(1.0, 1.0)).item() == 0


def test_feature_distance_by_hand() -> None:
    real, made = judged(0.9, 0.5), judged(0.2, -0.5)
    assert losses.feature_distance(real, made).item() == pytest.approx(5 * 0.7 + 5 * 1.0)
    assert losses.feature_distance(real, real).item() == 0


def test_features_of_real_sounds_get_no_gradient() -> None:
    real, made = (torch.full((3,), value, requires_grad=True) for value in (1.0, 2.0))
    losses.feature_distance([Judgement([real * 1], real)], [Judgement([made * 1], made)]).backward()
    assert real.grad is None
    assert made.grad is not None


def test_additivity_error_by_hand() -> None:
    one, other = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    assert losses.additivity_error(lambda x: 3 * x, one, other).item() == pytest.approx(0, abs=1e-6)
    expected = (2 * one * other).norm() / (one + other).square().norm()
    assert losses.additivity_error(torch.square, one, other).item() == pytest.approx(expected.item(), rel=1e-4)
    found = losses.additivity_error(lambda x: x + 1, one, other).item()
    assert found == pytest.approx(math.sqrt(24) / (one + other + 1).norm().item(), rel=1e-5)
    assert found == pytest.approx(measured.additivity_error(lambda x: x + 1, one, other), rel=1e-5)
    assert losses.additivity_error(torch.zeros_like, one, other).item() == 0
