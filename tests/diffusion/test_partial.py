"""Partial generation: replacement and its bias, the posterior mean on given stems, what comes back untouched."""

import pytest
import torch

from stemweave.diffusion import (
    AtLast,
    Euler,
    GaussianDenoiser,
    Heun,
    Noise,
    PosteriorGiven,
    Problem,
    Replacement,
    final,
    karras,
    walk,
)

DOUBLE = {"dtype": torch.float64}
# Correlation .8, standard deviations .2 (given) and .15, the given stem at .3: truth mean .180, std .090.
PAIR = GaussianDenoiser(torch.zeros(2, **DOUBLE), torch.tensor([[0.04, 0.024], [0.024, 0.0225]], **DOUBLE))
FIRST = torch.tensor([True, False])
GIVEN = 0.3


def stems(seen):
    return torch.cat([seen, torch.zeros_like(seen)], 1)


def replaced(seen):
    return Problem(PAIR, (len(seen), 2, 1, 1), project=Replacement(stems(seen), FIRST))


def followed(seen, start=False):
    rule = PosteriorGiven(PAIR, stems(seen), FIRST, PAIR.variance)
    return Problem(rule, (len(seen), 2, 1, 1), **({"start": rule} if start else {}))


def test_truth():
    truth = PAIR.partial(torch.tensor([GIVEN, 0.0], **DOUBLE).reshape(1, 2, 1, 1), FIRST)
    torch.testing.assert_close(truth.mean.flatten(), torch.tensor([0.3, 0.18], **DOUBLE))
    torch.testing.assert_close(truth.covariance.diagonal(), torch.tensor([0.0, 0.0081], **DOUBLE))


@pytest.mark.parametrize(
    ("sigma_max", "churn", "resamples", "mean", "std"),
    [
        (1.0, 0, 1, 0.093, 0.108),
        (1.0, 20, 1, 0.148, 0.092),
        (1.0, 20, 2, 0.165, 0.089),
        (1.0, 20, 4, 0.173, 0.088),
        (1.0, 20, 10, 0.176, 0.087),
        (20.0, 0, 1, 0.094, 0.108),
        (20.0, 20, 1, 0.136, 0.094),
        (20.0, 20, 2, 0.157, 0.090),
    ],
)
def test_bias_of_replacement(propagate, sigma_max, churn, resamples, mean, std):
    """Towards the unconditional law; resamples and churn cure it. The toy's values lie within ±.0015."""
    ours = propagate(replaced, 1, karras(150, 1e-4, sigma_max), Euler(), churn=churn, resamples=resamples)
    assert GIVEN * ours.gain[1, 0].item() == pytest.approx(mean, abs=0.0016)
    assert ours.std[1].item() == pytest.approx(std, abs=0.0016)
    assert ours.gain[0, 0] == 1
    assert ours.std[0] == 0


@pytest.mark.parametrize(("start", "mean"), [(True, 0.180), (False, 0.163)])
def test_posterior_mean_on_the_given_stem(propagate, start, mean):
    ours = propagate(lambda seen: followed(seen, start), 1, karras(18, 1e-4, 1.0), Heun())
    assert GIVEN * ours.gain[1, 0].item() == pytest.approx(mean, abs=0.0016)
    assert ours.std[1].item() == pytest.approx(0.092, abs=0.0006)


def test_posterior_mean_on_two_given_stems_is_nearly_exact(propagate):
    """Their errors correlate through the third stem, which the rule ignores: gains 3 % off."""
    covariance = torch.tensor([[0.04, 0.0, 0.02], [0.0, 0.01, -0.006], [0.02, -0.006, 0.03]], **DOUBLE)
    prior = GaussianDenoiser(torch.tensor([0.1, 0.2, -0.1], **DOUBLE), covariance)
    known = torch.tensor([True, True, False])

    def build(seen):
        given = torch.cat([seen, torch.zeros_like(seen[:, :1])], 1)
        rule = PosteriorGiven(prior, given, known, prior.variance)
        return Problem(rule, (len(seen), 3, 1, 1), start=rule)

    ours = propagate(build, 2, karras(150, 1e-4, 5.0), Heun())
    gain = covariance[2, :2] / covariance.diagonal()[:2]
    torch.testing.assert_close(ours.gain[2], gain, rtol=0.04, atol=0)
    truth = prior.partial(torch.zeros(1, 3, 1, 1, **DOUBLE), known)
    assert ours.offset[2].item() == pytest.approx(truth.mean[0, 2].item(), abs=0.01)
    assert ours.covariance[2, 2].item() == pytest.approx(truth.covariance[2, 2].item(), rel=0.1)


@pytest.mark.parametrize("wrap", [lambda put: put, AtLast])
def test_given_stems_come_back_to_the_bit(wrap):
    given = torch.randn(2, 2, 1, 50, generator=torch.Generator().manual_seed(0))
    prior = GaussianDenoiser(PAIR.mean.float(), PAIR.covariance.float())
    problem = Problem(prior, (2, 2, 1, 50), project=wrap(Replacement(given, FIRST)))
    out = final(walk(problem, karras(5, 1e-3, 1.0), Euler(), churn=2, resamples=2)).x
    assert torch.equal(out[:, 0], given[:, 0])
    assert not torch.equal(out[:, 1], given[:, 1])


def test_all_stems_given_is_a_copy_and_none_given_is_total_generation():
    given = torch.randn(1, 2, 1, 9, generator=torch.Generator().manual_seed(0), **DOUBLE)
    noise, sigmas = Noise((4,), **DOUBLE), karras(6, 1e-3, 1.0)

    def run(known):
        return final(walk(Problem(PAIR, (1, 2, 1, 9), project=Replacement(given, known)), sigmas, Euler(), noise=noise)).x

    assert torch.equal(run(torch.tensor([True, True])), given)
    free = final(walk(Problem(PAIR, (1, 2, 1, 9), project=drawing_nothing_of_use), sigmas, Euler(), noise=noise)).x
    assert torch.equal(run(torch.tensor([False, False])), free)


def drawing_nothing_of_use(x, sigma, draw):
    """No constraint, but the same count of draws as a replacement."""
    if sigma > 0:
        draw()
    return x


def test_fresh_noise_differs_between_resamples_and_held_noise_does_not():
    seen = {"fresh": [], "held": []}
    for kind, held in (("fresh", None), ("held", Noise((9,), **DOUBLE))):

        def spy(x, sigma, kind=kind):
            seen[kind].append((x[0, 0, 0, 0] - GIVEN) / sigma)
            return PAIR(x, sigma)

        given = torch.full((1, 2, 1, 3), GIVEN, **DOUBLE)
        problem = Problem(spy, (1, 2, 1, 3), project=Replacement(given, FIRST, held))
        final(walk(problem, karras(4, 1e-2, 1.0), Euler(), 0.5, 2, Noise((9,), **DOUBLE)))
    for kind, same in (("fresh", False), ("held", True)):
        pairs = torch.stack(seen[kind]).reshape(4, 2)
        assert torch.allclose(pairs[:, 0], pairs[:, 1]) == same
        assert len(set(pairs[:, 0].tolist())) == 4
