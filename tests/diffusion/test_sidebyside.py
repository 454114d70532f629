"""Tasks in one state are the same tasks walked alone, draw by draw, for one call of the prior a step."""

from dataclasses import dataclass
from functools import partial

import pytest
import torch

from stemweave.diffusion import (
    ADPM2,
    DiracAnchor,
    DiracTangent,
    DPMSolver2M,
    Euler,
    EvenProjection,
    EvenTangent,
    GaussianDenoiser,
    Heun,
    NoisyMixture,
    Problem,
    Replacement,
    final,
    karras,
    walk,
)
from stemweave.diffusion.problem import nothing_known
from stemweave.diffusion.sidebyside import Part, SideBySide
from stemweave.errors import UsageError

DOUBLE = {"dtype": torch.float64}
SIGMAS = karras(12, 1e-3, 1.0)
SAMPLES = 3


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


def prior(stems, seed):
    """Correlated stems with a mean."""
    root = 0.2 * random(stems, stems, seed=seed)
    return GaussianDenoiser(0.1 * random(stems, seed=seed + 1), root @ root.T)


def whole(priors):
    """All of these, independent of each other."""
    return GaussianDenoiser(torch.cat([p.mean for p in priors]), torch.block_diag(*(p.covariance for p in priors)))


def plain(denoiser):
    return denoiser


MIXTURES = [0.3 * random(2, 1, SAMPLES, seed=seed) for seed in range(3)]
KNOWN = 0.3 * random(2, 2, 1, SAMPLES, seed=9)
DIRAC = Part(2, partial(DiracTangent, anchor=1), DiracAnchor(MIXTURES[0], 1))
EVEN = Part(3, EvenTangent, EvenProjection(MIXTURES[1]))
FREE = Part(1, plain, nothing_known)
NOISY = Part(3, plain, NoisyMixture(MIXTURES[2]))
GIVEN = Part(2, plain, Replacement(KNOWN, torch.tensor([True, False])))


def noise_of(first, last, stems):
    """Stems first to last of one noise over all stems."""
    return lambda draw, shape: random(2, stems, 1, SAMPLES, seed=100 + draw)[:, first:last]


def compare(parts, step, **options):
    """Walk the parts in one state and each alone, in the same noise; the denoiser of the former."""
    priors = [prior(part.stems, 10 * n) for n, part in enumerate(parts)]
    stems = sum(part.stems for part in parts)
    rules = SideBySide(whole(priors), parts)
    problem = Problem(rules, (2, stems, 1, SAMPLES), project=rules.project)
    together = final(walk(problem, SIGMAS, step, noise=noise_of(0, stems, stems), **options))
    first = 0
    for part, own in zip(parts, priors, strict=True):
        last = first + part.stems
        alone = Problem(part.rule(own), (2, part.stems, 1, SAMPLES), project=part.project)
        state = final(walk(alone, SIGMAS, step, noise=noise_of(first, last, stems), **options))
        torch.testing.assert_close(together.x[:, first:last], state.x, rtol=1e-9, atol=1e-11)
        torch.testing.assert_close(together.denoised[:, first:last], state.denoised, rtol=1e-9, atol=1e-11)
        first = last


@pytest.mark.parametrize("step", [Euler(), Heun(), ADPM2(), Euler(eta=1.0), DPMSolver2M()])
@pytest.mark.parametrize("options", [{}, {"churn": 6.0}, {"churn": 6.0, "resamples": 2}])
def test_parts_are_the_same_problems_alone(step, options):
    compare((DIRAC, FREE, EVEN), step, **options)


@pytest.mark.parametrize("options", [{}, {"churn": 6.0, "resamples": 2}])
def test_projections_that_draw_have_shares_of_one_noise(options):
    compare((NOISY, GIVEN), Heun(), **options)


def test_some_projections_draw_and_others_do_not():
    compare((DIRAC, NOISY, FREE, GIVEN), Heun())


def test_what_is_known_comes_out():
    parts = (DIRAC, EVEN, GIVEN)
    rules = SideBySide(whole([prior(part.stems, n) for n, part in enumerate(parts)]), parts)
    x = final(walk(Problem(rules, (2, 7, 1, SAMPLES), project=rules.project), SIGMAS, Heun(), noise=noise_of(0, 7, 7))).x
    torch.testing.assert_close(x[:, :2].sum(1), MIXTURES[0], rtol=0, atol=1e-12)
    torch.testing.assert_close(x[:, 2:5].sum(1), MIXTURES[1], rtol=0, atol=1e-12)
    assert torch.equal(x[:, 5], KNOWN[:, 0])


@dataclass(eq=False)
class Counted:
    prior: GaussianDenoiser
    shapes: list

    def __call__(self, x, sigma, /):
        self.shapes.append(tuple(x.shape))
        return self.prior(x, sigma)


def test_a_step_asks_the_prior_once_for_all_parts():
    parts = (DIRAC, EVEN, NOISY)
    counted = Counted(whole([prior(part.stems, n) for n, part in enumerate(parts)]), [])
    rules = SideBySide(counted, parts)
    final(walk(Problem(rules, (2, 8, 1, SAMPLES), project=rules.project), SIGMAS, Euler(), noise=noise_of(0, 8, 8)))
    assert counted.shapes == [(2, 8, 1, SAMPLES)] * 12


@pytest.mark.parametrize("stems", [2, 4])
def test_a_state_of_another_size_is_refused(stems):
    rules = SideBySide(prior(stems, 0), (DIRAC, FREE))
    x, sigma = torch.zeros(2, stems, 1, SAMPLES, **DOUBLE), torch.tensor(0.5, **DOUBLE)
    message = f"got {stems} stems for parts of 2, 1; expected 3"
    with pytest.raises(UsageError, match=message):
        rules(x, sigma)
    with pytest.raises(UsageError, match=message):
        rules.project(x, sigma, lambda: x)
