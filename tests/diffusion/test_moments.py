"""Every rule with every one-step solver against an independent recursion of gain and covariance, in matrices.

Nothing here but numpy and the formulas: a rule is D'(x, σ) = A·x + b·y, a projection P·x + p·y, a step their composition.
"""

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest
import torch

from stemweave.diffusion import (
    ADPM2,
    DiracAnchor,
    DiracTangent,
    Euler,
    EvenProjection,
    EvenShare,
    EvenTangent,
    GaussianCoupling,
    GaussianDenoiser,
    GaussianLikelihood,
    Heun,
    NoisyMixture,
    PosteriorMean,
    PosteriorMeanFull,
    Problem,
    Proportional,
    karras,
)

COVARIANCE = np.array([[0.010, 0.008, 0.001], [0.008, 0.040, -0.002], [0.001, -0.002, 0.0025]])
MIXING = np.array([1.0, 0.7, 1.3])
ANCHOR, WIDTH, MIXTURE_NOISE = 1, 1.2, 0.03
I = np.eye(3)  # noqa: E741
ALONG = np.outer(MIXING, MIXING) / (MIXING @ MIXING)


class Affine(NamedTuple):
    """x ↦ matrix·x + seen·y."""

    matrix: np.ndarray
    seen: np.ndarray

    def then(self, after):
        return Affine(after.matrix @ self.matrix, after.matrix @ self.seen + after.seen)

    def __rmul__(self, factor):
        return Affine(factor * self.matrix, factor * self.seen)

    def __add__(self, other):
        return Affine(self.matrix + other.matrix, self.seen + other.seen)


SAME = Affine(I, np.zeros(3))


def prior(sigma):
    return Affine(COVARIANCE @ np.linalg.inv(COVARIANCE + sigma**2 * I), np.zeros(3))


def uncertainty(sigma):
    return sigma**2 * prior(sigma).matrix


def with_score(sigma, rows, seen):
    """x + σ²·s for the score s = rows·x + seen·y."""
    return Affine(I + sigma**2 * rows, sigma**2 * seen)


def score(sigma):
    return (prior(sigma).matrix - I) / sigma**2


def dirac(sigma):
    """Scores S_n − (a_n/a_a)·S_a for the free stems, the anchor moving so that aᵀx stays."""
    ratio = MIXING / MIXING[ANCHOR]
    rows = score(sigma) - np.outer(ratio, score(sigma)[ANCHOR])
    free = [n for n in range(3) if n != ANCHOR]
    rows[ANCHOR] = -sum(ratio[n] * rows[n] for n in free)
    return with_score(sigma, rows, np.zeros(3))


def gaussian(sigma):
    gamma = WIDTH * sigma
    return with_score(sigma, score(sigma) - np.outer(MIXING, MIXING) / gamma**2, MIXING / gamma**2)


def share(sigma):
    return prior(sigma).then(Affine(I - ALONG, MIXING / (MIXING @ MIXING)))


def posterior(gain):
    return lambda sigma: prior(sigma).then(Affine(I - np.outer(gain(sigma), MIXING), gain(sigma)))


def diagonal_gain(sigma):
    variance = np.diag(uncertainty(sigma))
    return MIXING * variance / (MIXING**2 @ variance + MIXTURE_NOISE**2)


def full_gain(sigma):
    return uncertainty(sigma) @ MIXING / (MIXING**2 @ np.diag(uncertainty(sigma)) + MIXTURE_NOISE**2)


def put_anchor(_):
    matrix, seen = I.copy(), np.zeros(3)
    matrix[ANCHOR] = -MIXING / MIXING[ANCHOR]
    matrix[ANCHOR, ANCHOR] = 0
    seen[ANCHOR] = 1 / MIXING[ANCHOR]
    return Affine(matrix, seen)


def put_even(_):
    return Affine(I - ALONG, MIXING / (MIXING @ MIXING))


def coupled(sigma, target):
    kept = (target / sigma) ** ((MIXING @ MIXING) / WIDTH**2)
    return Affine(I - (1 - kept) * ALONG, (1 - kept) * MIXING / (MIXING @ MIXING))


def slope(rule, sigma):
    """(x − D')/σ."""
    return (1 / sigma) * (SAME + (-1) * rule(sigma))


def euler(rule, sigma, target):
    return SAME + (target - sigma) * slope(rule, sigma), target, 0.0


def heun(rule, sigma, target):
    moved = euler(rule, sigma, target)[0]
    if target == 0:
        return moved, target, 0.0
    both = slope(rule, sigma) + moved.then(slope(rule, target))
    return SAME + ((target - sigma) / 2) * both, target, 0.0


def split(sigma, target):
    up = target * math.sqrt(1 - (target / sigma) ** 2)
    return math.sqrt(target**2 - up**2), up


def ancestral(rule, sigma, target):
    down, up = split(sigma, target)
    return euler(rule, sigma, down)[0], down, up


def adpm2(rule, sigma, target):
    if target == 0:
        return euler(rule, sigma, target)
    down, up = split(sigma, target)
    middle = (sigma + down) / 2
    return SAME + (down - sigma) * euler(rule, sigma, middle)[0].then(slope(rule, middle)), down, up


def recursion(rule, project, relax, step, sigmas, churn, resamples, keep=0.0):
    """Gain and covariance of the output, started from noise alone. `keep`: noise the projection puts along the row, in σ."""
    gain, covariance = np.zeros(3), sigmas[0] ** 2 * I

    def apply(affine):
        nonlocal gain, covariance
        gain, covariance = affine.matrix @ gain + affine.seen, affine.matrix @ covariance @ affine.matrix.T

    for sigma, target in pairwise(sigmas):
        hot = sigma * (1 + min(churn / (len(sigmas) - 1), math.sqrt(2) - 1))
        for again in reversed(range(resamples)):
            covariance = covariance + (hot**2 - sigma**2) * I
            apply(project(hot))
            covariance = covariance + keep * hot**2 * ALONG
            move, down, up = step(rule, hot, target)
            apply(move)
            apply(relax(hot, down))
            covariance = covariance + (up**2 + bool(again) * (sigma**2 - target**2)) * I
        apply(project(target))
        covariance = covariance + keep * target**2 * ALONG
    return gain, covariance


ORACLE = GaussianDenoiser(torch.zeros(3, dtype=torch.float64), torch.from_numpy(COVARIANCE))
ROW = torch.from_numpy(MIXING)


def free(_):
    return SAME


def untouched(*_):
    return SAME


RULES = {
    "prior": (lambda y: {"denoiser": ORACLE}, prior, free, untouched, 0.0),
    "dirac": (
        lambda y: {"denoiser": DiracTangent(ORACLE, ANCHOR, ROW), "project": DiracAnchor(y, ANCHOR, ROW)},
        dirac,
        put_anchor,
        untouched,
        0.0,
    ),
    "even": (
        lambda y: {"denoiser": EvenTangent(ORACLE, ROW), "project": EvenProjection(y, ROW)},
        lambda sigma: Affine((I - ALONG) @ prior(sigma).matrix + ALONG, np.zeros(3)),
        put_even,
        untouched,
        0.0,
    ),
    "even share": (lambda y: {"denoiser": EvenShare(ORACLE, y, ROW)}, share, free, untouched, 0.0),
    "noise-keeping": (
        lambda y: {"denoiser": ORACLE, "project": NoisyMixture(y, ROW)},
        prior,
        put_even,
        untouched,
        1.0,
    ),
    "gaussian, explicit": (
        lambda y: {"denoiser": GaussianLikelihood(ORACLE, y, Proportional(WIDTH), ROW)},
        gaussian,
        free,
        untouched,
        0.0,
    ),
    "gaussian, exact": (
        lambda y: {"denoiser": ORACLE, "relax": GaussianCoupling(y, Proportional(WIDTH), ROW)},
        prior,
        free,
        coupled,
        0.0,
    ),
    "posterior mean": (
        lambda y: {"denoiser": PosteriorMean(ORACLE, y, ORACLE.variance, ROW, MIXTURE_NOISE)},
        posterior(diagonal_gain),
        free,
        untouched,
        0.0,
    ),
    "posterior mean, full": (
        lambda y: {"denoiser": PosteriorMeanFull(ORACLE, y, ORACLE.variance, ROW, MIXTURE_NOISE)},
        posterior(full_gain),
        free,
        untouched,
        0.0,
    ),
}


@pytest.mark.parametrize(
    ("step", "reference"), [(Euler(), euler), (Heun(), heun), (Euler(eta=1.0), ancestral), (ADPM2(), adpm2)]
)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("churn", "resamples"), [(0.0, 1), (2.0, 2)])
def test_walk_equals_the_recursion(propagate, rule, step, reference, churn, resamples):
    make, *parts, keep = RULES[rule]
    sigmas = karras(24, 1e-3, 1.0)
    ours = propagate(
        lambda seen: Problem(shape=(len(seen), 3, 1, 1), **make(seen[:, 0])), 1, sigmas, step, churn=churn, resamples=resamples
    )
    gain, covariance = recursion(*parts, reference, sigmas.tolist(), churn, resamples, keep)
    np.testing.assert_allclose(ours.gain[:, 0].numpy(), gain, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(ours.covariance.numpy(), covariance, rtol=1e-10, atol=1e-10)
    assert ours.offset.abs().max() < 1e-12
