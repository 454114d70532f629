"""Rules that weigh the mixture, Gaussian likelihood and posterior mean, on Gaussian stems."""

import math

import pytest
import torch

from stemweave.diffusion import (
    AtLast,
    Constant,
    Euler,
    EvenProjection,
    EvenShare,
    GaussianCoupling,
    GaussianDenoiser,
    GaussianLikelihood,
    Heun,
    LevelVariance,
    PosteriorMean,
    PosteriorMeanFull,
    Problem,
    Proportional,
    SquareRoot,
    final,
    karras,
    log_linear,
    mix,
    walk,
)

DOUBLE = {"dtype": torch.float64}


def independent(*levels):
    stds = torch.tensor(levels, **DOUBLE)
    return GaussianDenoiser(torch.zeros_like(stds), stds.square().diag())


LEVELS = torch.tensor([0.10, 0.20, 0.05, 0.08], **DOUBLE)
FOUR = independent(*LEVELS.tolist())
RELEASE = karras(150, 1e-4, 1.0)
SILENT = torch.zeros(1, 1, 1, **DOUBLE)
CODE_WIDTH = Proportional(0.75 * math.sqrt(2))


def shape(seen, stems=4):
    return (len(seen), stems, 1, 1)


def posterior_mean(seen):
    return Problem(PosteriorMean(FOUR, seen[:, 0], LevelVariance(LEVELS)), shape(seen))


def shifted(seen, variance=FOUR.variance, prior=FOUR, rule=PosteriorMean, noise=0.0):
    made = rule(prior, seen[:, 0], variance, noise=noise)
    return Problem(made, shape(seen, len(prior.mean)), start=made)


# Gaussian


@pytest.mark.parametrize(
    ("factor", "integral"),
    [
        (Proportional(0.7), lambda s, t: math.log(s / t) / 0.49),
        (Constant(0.14), lambda s, t: (s * s - t * t) / (2 * 0.14**2)),
        (SquareRoot(0.4), lambda s, t: (s - t) / 0.4),
    ],
)
def test_widths_integrate_themselves(factor, integral):
    high, low = torch.tensor(0.9, **DOUBLE), torch.tensor(0.2, **DOUBLE)
    assert factor.integral(high, low).item() == pytest.approx(integral(0.9, 0.2))
    levels = torch.linspace(0.2, 0.9, 20_001, **DOUBLE)
    numeric = torch.trapezoid(levels / factor(levels) ** 2, levels)
    assert factor.integral(high, low).item() == pytest.approx(numeric.item(), rel=1e-6)


@pytest.mark.parametrize("width", [Proportional(1.06), Constant(0.3), SquareRoot(0.4)], ids=repr)
def test_residual_with_the_prior_switched_off(width):
    """y − Σx shrinks by Πϱ = exp(−N·∫σ/γ² dσ) and nothing else happens."""
    mixture = torch.full((1, 1, 5), 0.7, **DOUBLE)
    sigmas = torch.tensor([1.0, 0.8, 0.5, 0.3], **DOUBLE)
    problem = Problem(lambda x, sigma: x, (1, 4, 1, 5), relax=GaussianCoupling(mixture, width))
    noise = torch.randn(1, 4, 1, 5, generator=torch.Generator().manual_seed(1), **DOUBLE)
    out = final(walk(problem, sigmas, Euler(), noise=lambda *_: noise)).x
    kept = math.exp(-4 * width.integral(sigmas[0], sigmas[-1]))
    torch.testing.assert_close(mixture - mix(out), kept * (mixture - mix(noise)))
    torch.testing.assert_close(out - out.mean(1, keepdim=True), noise - noise.mean(1, keepdim=True))


@pytest.mark.parametrize("width", [CODE_WIDTH, Constant(0.2), SquareRoot(0.4)], ids=repr)
def test_exact_and_explicit_meet_at_many_steps(propagate, width):
    """Their difference halves with the steps' size, and extrapolates to nothing."""
    stems = independent(0.1, 0.2)
    split = lambda seen: Problem(stems, shape(seen, 2), relax=GaussianCoupling(seen[:, 0], width))  # noqa: E731
    stepped = lambda seen: Problem(GaussianLikelihood(stems, seen[:, 0], width), shape(seen, 2))  # noqa: E731

    def difference(steps):
        sigmas = log_linear(steps + 1, 1e-2, 1.0)[:-1]
        one, other = propagate(split, 1, sigmas, Euler()), propagate(stepped, 1, sigmas, Euler())
        return torch.cat([one.gain - other.gain, one.covariance - other.covariance], 1)

    coarse, fine = difference(200), difference(400)
    assert (coarse.norm() / fine.norm()).item() == pytest.approx(2, rel=0.1)
    assert (2 * fine - coarse).norm() < 0.1 * fine.norm()
    assert fine.norm() < 0.02


@pytest.mark.parametrize("factor", [0.01, 0.1, 0.5, 1.0, 10.0])
def test_the_exact_split_is_stable_for_every_width(propagate, factor):
    build = lambda seen: Problem(FOUR, shape(seen), relax=GaussianCoupling(seen[:, 0], Proportional(factor)))  # noqa: E731
    ours = propagate(build, 1, RELEASE[::10], Euler(), churn=4, resamples=2)
    assert ours.gain.isfinite().all()
    assert ours.covariance.diagonal().max() < 0.05


def test_a_width_of_nothing_is_the_even_projection():
    mixture = torch.ones(1, 1, 4, **DOUBLE)
    x = torch.randn(1, 4, 1, 4, generator=torch.Generator().manual_seed(2), **DOUBLE)
    levels = torch.tensor([0.5, 0.4], **DOUBLE)
    relaxed = GaussianCoupling(mixture, Constant(1e-3))(x, *levels)
    torch.testing.assert_close(relaxed, EvenProjection(mixture)(x, levels[1], None))
    at_zero = GaussianCoupling(mixture, Proportional(2.0))(x, levels[0], levels[0] * 0)
    torch.testing.assert_close(at_zero, EvenProjection(mixture)(x, levels[1], None))


@pytest.mark.parametrize(
    ("true_width", "largest", "residual"),
    [
        (0.75 * math.sqrt(2), 1.08, 0.0),
        (1.0, 1.22, 0.0),
        (0.75, 2.17, 0.33),
        (0.5 * math.sqrt(2), 2.44, None),
        (0.5, 4.9, None),
    ],
)
def test_explicit_steps_diverge_when_the_width_is_small(propagate, true_width, largest, residual):
    """The residual is multiplied by 1 − κ(1 − σ'/σ̂), κ = N/c²; beyond 2 it grows, for some widths without bound (None)."""
    falls = 1 - RELEASE[1:-1] / (RELEASE[:-2] * (1 + 40 / 150))
    assert (4 / true_width**2 * falls).max().item() == pytest.approx(largest, abs=0.06)
    build = lambda seen: Problem(GaussianLikelihood(FOUR, seen[:, 0], Proportional(true_width)), shape(seen))  # noqa: E731
    ours = propagate(build, 1, RELEASE, Euler(), churn=40)
    left = ours.covariance.sum().sqrt().item()
    assert left > 1e6 if residual is None else left == pytest.approx(residual, abs=0.005)


# Posterior mean


def test_shifted_start_matters(propagate):
    zero = propagate(posterior_mean, 1, karras(36, 1e-4, 1.0), Heun())
    torch.testing.assert_close(zero.gain[:, 0], torch.tensor([0.189, 0.626, 0.056, 0.128], **DOUBLE), rtol=0, atol=1.1e-3)


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_diagonal_posterior_mean_is_exact_for_independent_stems(propagate, noise):
    ours = propagate(lambda seen: shifted(seen, noise=noise), 1, karras(300, 1e-4, 5.0), Heun())
    truth = FOUR.separation(SILENT + 1, noise=noise)
    torch.testing.assert_close(ours.gain[:, 0], truth.mean[0, :, 0, 0], rtol=0.002, atol=0)
    if noise == 0:
        torch.testing.assert_close(ours.covariance, truth.covariance, rtol=0.01, atol=2e-5)


CORRELATED = GaussianDenoiser(
    torch.tensor([0.1, 0.0, -0.2], **DOUBLE),
    torch.tensor([[0.010, 0.009, 0.001], [0.009, 0.040, -0.004], [0.001, -0.004, 0.0025]], **DOUBLE),
)


def mixture_error(sigma):
    """Covariance of each stem's error with the mixture's: sums to the mixture's own error."""
    return CORRELATED.uncertainty(sigma).sum(1)


@pytest.mark.parametrize("rule", [PosteriorMean, PosteriorMeanFull])
@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_posterior_mean_is_exact_for_correlated_stems(propagate, rule, noise):
    """Gain error below 1 %, given the error each stem shares with the mixture."""
    build = lambda seen: shifted(seen, mixture_error, CORRELATED, rule, noise)  # noqa: E731
    ours = propagate(build, 1, karras(150, 1e-4, 5.0), Heun())
    origin, one = (CORRELATED.separation(SILENT + y, noise=noise).mean[0, :, 0, 0] for y in (0, 1))
    torch.testing.assert_close(ours.gain[:, 0], one - origin, rtol=0.01, atol=1e-4)
    torch.testing.assert_close(ours.offset, origin, rtol=0.01, atol=1e-3)


@pytest.mark.parametrize("grad", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_full_posterior_mean_works_in_any_mode_and_returns_no_graph(grad):
    with grad():
        y, x = torch.ones(1, 1, 3, **DOUBLE), torch.ones(1, 3, 1, 3, **DOUBLE)
        out = PosteriorMeanFull(CORRELATED, y, mixture_error)(x, torch.tensor(0.3, **DOUBLE))
    assert not out.requires_grad
    diagonal = PosteriorMean(CORRELATED, torch.ones(1, 1, 3, **DOUBLE), mixture_error)
    torch.testing.assert_close(out, diagonal(torch.ones(1, 3, 1, 3, **DOUBLE), torch.tensor(0.3, **DOUBLE)))


def test_posterior_mean_with_equal_variances_is_the_even_share():
    x, y = torch.randn(2, 4, 1, 8, generator=torch.Generator().manual_seed(3), **DOUBLE), torch.ones(2, 1, 8, **DOUBLE)
    sigma = torch.tensor(0.2, **DOUBLE)
    for equal in (torch.ones(4, **DOUBLE), torch.ones(1, **DOUBLE)):
        rule = PosteriorMean(FOUR, y, lambda _, v=equal: v)
        torch.testing.assert_close(rule(x, sigma), EvenShare(FOUR, y)(x, sigma))


@pytest.mark.parametrize(
    ("levels", "believed", "slopes"),
    [
        ((0.20, 0.20, 0.05, 0.08), (0.20, 0.20, 0.05, 0.08), (0.451, 0.450, 0.028, 0.071)),
        ((0.20, 0.20, 0.05, 0.08), (0.10, 0.20, 0.05, 0.08), (0.331, 0.530, 0.041, 0.098)),
        ((1e-3, 1.0, 1e-3, 1e-3), (0.10, 0.20, 0.05, 0.08), (0.001, 0.999, 0.0, 0.001)),
    ],
    ids=["one doubled, prior too", "one doubled", "all on one"],
)
def test_wrong_variances_give_wrong_slopes(propagate, levels, believed, slopes):
    """The toy's .451 doubles a stem's std in the prior too; in the variance alone the slopes go half as far.

    All variance on one stem is not Dirac: the others never hear the mixture.
    """
    wrong, prior = LevelVariance(torch.tensor(levels, **DOUBLE)), independent(*believed)
    ours = propagate(lambda seen: shifted(seen, wrong, prior), 1, karras(36, 1e-4, 1.0), Heun())
    torch.testing.assert_close(ours.gain[:, 0], torch.tensor(slopes, **DOUBLE), rtol=0, atol=0.0015)


def test_the_output_sums_to_the_mixture_after_the_last_projection():
    y = torch.linspace(-1, 1, 8, **DOUBLE).reshape(1, 1, 8)
    rule = PosteriorMean(FOUR, y, FOUR.variance, noise=0.2)
    problem = Problem(rule, (1, 4, 1, 8), project=AtLast(EvenProjection(y)), start=rule)
    source = lambda draw, of: torch.randn(of, generator=torch.Generator().manual_seed(draw), **DOUBLE)  # noqa: E731
    *_, before, last = walk(problem, karras(12, 1e-4, 1.0), Heun(), noise=source)
    assert (mix(before.x) - y).abs().max() > 1e-3
    torch.testing.assert_close(mix(last.x), y, rtol=0, atol=1e-14)
