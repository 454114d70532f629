import math

import pytest
import torch

from stemweave.adapters.parametrisations import Epsilon, Flow, Velocity
from stemweave.diffusion.gaussian import GaussianDenoiser
from stemweave.errors import ModelError

BETAS = torch.linspace(0.0015**0.5, 0.0195**0.5, 1000, dtype=torch.float64) ** 2
ALPHAS = (1 - BETAS).cumprod(0)
MEAN, STD = 0.4, 0.7
PRIOR = GaussianDenoiser(torch.tensor([MEAN], dtype=torch.float64), torch.tensor([[STD**2]], dtype=torch.float64))


def network(signal, noise, target_signal, target_noise):
    """E[c·x₀ + d·ε | a·x₀ + b·ε] of x₀ ~ N(m, s²), by regression: what a trained network would answer."""

    def answer(seen, time):
        a, b, c, d = (part(time) for part in (signal, noise, target_signal, target_noise))
        slope = (a * c * STD**2 + b * d) / (a**2 * STD**2 + b**2)
        return c * MEAN + slope * (seen - a * MEAN)

    return answer


def cosine(data):
    def angle(time):
        return torch.atan(torch.tan(time * math.pi / 2) / data)

    return network(
        lambda t: angle(t).cos() / data, lambda t: angle(t).sin(), lambda t: -angle(t).sin() / data, lambda t: angle(t).cos()
    )


def steps(time):
    return ALPHAS[int(time)]


KINDS = {
    "velocity": (Velocity(), cosine(1.0)),
    "velocity of quiet data": (Velocity(0.5), cosine(0.5)),
    "epsilon": (
        Epsilon.of(ALPHAS.tolist()),
        network(lambda t: steps(t).sqrt(), lambda t: (1 - steps(t)).sqrt(), lambda t: 0.0, lambda t: 1.0),
    ),
    "flow": (Flow(), network(lambda t: 1 - t, lambda t: t, lambda t: -1.0, lambda t: 1.0)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("step", [0, 3, 500, 999])
def test_an_ideal_network_gives_the_exact_estimate(kind, step):
    form, answer = KINDS[kind]
    sigma = ((1 - ALPHAS[step]) / ALPHAS[step]).sqrt()
    x = torch.linspace(-3, 3, 7, dtype=torch.float64).view(1, 1, 1, 7) * (1 + sigma)
    time = form.time(sigma) + (1e-6 if kind == "epsilon" else 0)
    found = form.denoised(x, sigma, answer(form.scale(sigma) * x, time))
    torch.testing.assert_close(found, PRIOR(x, sigma), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_clean_stays(kind):
    form, clean = KINDS[kind][0], torch.zeros((), dtype=torch.float64)
    x = torch.ones(1, 2, 3, 4)
    assert torch.equal(form.denoised(x, clean, torch.full_like(x, 7.0)), x)
    assert float(form.time(clean)) == 0


def test_steps_are_the_schedule_and_go_on_between():
    form = Epsilon.of(ALPHAS.tolist())
    levels = torch.tensor(form.sigmas, dtype=torch.float64)
    for step in (0, 1, 720, 999):
        assert float(form.time(levels[step])) == pytest.approx(step, abs=1e-9)
    assert float(form.time((levels[720] * levels[721]).sqrt())) == pytest.approx(720.5)
    assert float(form.time(levels[-1] * 2)) == 999
    assert float(form.time(levels[0] / 2)) == 0


def test_schedules_that_are_none_are_refused():
    for wrong in ((), (1.0,), (1.0, 0.5), (0.0, 1.0), (1.0, math.inf)):
        with pytest.raises(ModelError, match="levels do not rise from above 0"):
            Epsilon(wrong)
    for wrong in ([0.9, 0.0], [1.0, 0.5]):
        with pytest.raises(ModelError, match="shares of signal outside 0 to 1"):
            Epsilon.of(wrong)
