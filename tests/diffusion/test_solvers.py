"""Solvers on one Gaussian, by exact moments: output levels, orders of convergence, σ-scaling."""

import math

import pytest
import torch

from stemweave.diffusion import (
    ADPM2,
    STEPS,
    DPMSolver2M,
    Euler,
    GaussianDenoiser,
    Heun,
    LevelVariance,
    PosteriorMean,
    Problem,
    final,
    karras,
    log_linear,
    walk,
)

TENTH = GaussianDenoiser(torch.zeros(1, dtype=torch.float64), torch.tensor([[0.01]], dtype=torch.float64))
PAIR = GaussianDenoiser(
    torch.tensor([0.1, -0.3], dtype=torch.float64), torch.tensor([[0.01, 0.006], [0.006, 0.04]], dtype=torch.float64)
)
LEVELS = torch.tensor([0.10, 0.20, 0.05, 0.08], dtype=torch.float64)
ROW = GaussianDenoiser(torch.zeros(4, dtype=torch.float64), LEVELS.square().diag())


def unconditional(prior):
    return lambda seen: Problem(prior, (len(seen), len(prior.mean), 1, 1))


@pytest.mark.parametrize(
    ("step", "steps", "sigma_max", "churn", "exact", "toy"),
    [
        (Euler(), 150, 1.0, 0, 0.9832, 0.984),
        (Euler(), 150, 1.0, 20, 0.9571, 0.957),
        (Euler(), 150, 1.0, 40, 0.9326, 0.925),
        (Euler(), 150, 20.0, 0, 0.9794, 0.978),
        (Euler(), 150, 20.0, 20, 0.9484, 0.938),
        (Euler(), 150, 20.0, 40, 0.9239, 0.923),
        (Euler(), 600, 1.0, 0, 0.9921, 0.99),
        (Euler(), 600, 1.0, 20, 0.9886, 0.99),
        (Heun(), 18, 1.0, 0, 1.0157, 1.015),
        (ADPM2(), 150, 1.0, 0, 0.9999, 0.999),
        (Euler(eta=1.0), 150, 1.0, 0, 0.9748, 0.968),
        (DPMSolver2M(), 20, 1.0, 0, 1.0129, 1.015),
        (DPMSolver2M(eta=1.0), 20, 1.0, 0, 1.0476, 1.05),
        (DPMSolver2M(eta=1.0), 50, 1.0, 0, 1.0066, 1.01),
    ],
)
def test_output_std_over_truth(propagate, step, steps, sigma_max, churn, exact, toy):
    """`exact` is propagated; `toy` lies as far off as some 10⁴ draws would leave it (±.7 %)."""
    ours = propagate(unconditional(TENTH), 0, karras(steps, 1e-4, sigma_max), step, churn=churn)
    ratio = ours.std.item() / 0.1
    assert ratio == pytest.approx(exact, abs=6e-5)
    assert ratio == pytest.approx(toy, abs=0.0115)


@pytest.mark.parametrize(
    ("step", "options", "counts", "toy"),
    [
        (DPMSolver2M(), {}, (10, 20, 50), ((1.16, 1.22), (1.01, 1.05), (0.985, 1.0))),
        (DPMSolver2M(eta=1.0), {}, (20, 50, 150), ((1.09, 1.12), (1.01, 1.02), (1.0, 1.0))),
        (Euler(eta=1.0), {}, (150, 600), ((0.94, 0.952), (0.98, 0.988))),
        (ADPM2(), {}, (75,), ((1.0, 1.0),)),
        (Euler(), {}, (150,), ((0.96, 0.97),)),
        (Euler(), {"churn": 20, "resamples": 2}, (150,), ((0.91, 0.917),)),
        (Heun(), {}, (9, 18, 36), ((1.17, 1.26), (1.02, 1.05), (0.99, 1.01))),
    ],
)
def test_all_solvers_agree_on_the_posterior_mean_rule(propagate, step, options, counts, toy):
    """Slopes right for all; residual variance over truth within the toy's range."""

    def build(seen):
        rule = PosteriorMean(ROW, seen[:, 0], LevelVariance(LEVELS))
        return Problem(rule, (len(seen), 4, 1, 1), start=rule)

    truth = ROW.separation(torch.zeros(1, 1, 1, dtype=torch.float64)).covariance.diagonal()
    gain = LEVELS.square() / LEVELS.square().sum()
    for steps, (low, high) in zip(counts, toy, strict=True):
        ours = propagate(build, 1, karras(steps, 1e-4, 1.0), step, **options)
        torch.testing.assert_close(ours.gain[:, 0], gain, rtol=0, atol=0.0025)
        ratio = ours.covariance.diagonal() / truth
        assert low - 0.007 < ratio.min()
        assert ratio.max() < high + 0.007


@pytest.mark.parametrize(
    ("step", "order", "within"),
    [
        (Euler(), 1, 0.1),
        (Heun(), 2, 0.1),
        (DPMSolver2M(), 2, 0.15),
        (Euler(eta=1.0), 1, 0.15),
        (DPMSolver2M(eta=1.0), 2, 0.15),
    ],
    ids=repr,
)
@pytest.mark.parametrize("schedule", [karras, log_linear])
def test_order_of_convergence(propagate, step, order, within, schedule):
    """Halving the steps' size divides the change of the output's covariance by 2^order."""
    made = [propagate(unconditional(PAIR), 0, schedule(steps, 0.02, 1.0)[:-1], step).covariance for steps in (49, 97, 193)]
    coarse, fine = (made[0] - made[1]).norm(), (made[1] - made[2]).norm()
    assert math.log2(coarse / fine) == pytest.approx(order, abs=within)


@pytest.mark.parametrize(("step", "order"), [(Euler(), 2), (Heun(), 3), (ADPM2(), 3), (ADPM2(rho=7.0), 3), (Euler(eta=1.0), 2)])
def test_local_error_against_the_exact_flow(step, order):
    """One step of size h leaves an error of h^order or less; ADPM2's noise makes its whole walk less than second order."""
    sigma, x = torch.tensor(0.3, dtype=torch.float64), torch.tensor([[[[0.2]], [[0.5]]]], dtype=torch.float64)
    errors, sizes = [], []
    for size in (0.04, 0.01):
        move = step(PAIR, x, sigma, sigma * math.exp(-size), None)
        errors.append((move.x - _flowed(x, sigma, move.sigma)).norm().item())
        sizes.append(math.log(sigma / move.sigma))
    assert math.log(errors[0] / errors[1]) / math.log(sizes[0] / sizes[1]) > order - 0.1


def _flowed(x, sigma, target):
    """m + U·√((λ + σ'²)/(λ + σ²))·Uᵀ(x − m): the probability flow of a Gaussian, in closed form."""
    values, vectors = torch.linalg.eigh(PAIR.covariance)
    flow = (vectors * ((values + target**2) / (values + sigma**2)).sqrt()) @ vectors.T
    mean = PAIR.mean[:, None, None]
    return mean + torch.einsum("kn,bnct->bkct", flow, x - mean)


@pytest.mark.parametrize("step", STEPS, ids=repr)
def test_every_solver_reaches_the_prior(propagate, step):
    ours = propagate(unconditional(PAIR), 0, karras(400, 1e-4, 20.0), step)
    torch.testing.assert_close(ours.offset, PAIR.mean, rtol=0, atol=3e-3)
    torch.testing.assert_close(ours.covariance, PAIR.covariance, rtol=0, atol=1.5e-3)


@pytest.mark.parametrize("step", STEPS, ids=repr)
def test_every_solver_ends_at_its_estimate_and_stays_in_float32(step):
    prior = GaussianDenoiser(PAIR.mean.float(), PAIR.covariance.float())
    state = final(walk(Problem(prior, (1, 2, 1, 8)), karras(7, 1e-4, 1.0), step))
    assert torch.equal(state.x, state.denoised)
    assert state.x.dtype == torch.float32


@pytest.mark.parametrize("step", STEPS, ids=repr)
def test_one_step_is_the_denoiser(step):
    """With σmax → 0 alone there is no history and no target: the guard of multistep solvers."""
    noise = torch.ones(1, 2, 1, 4, dtype=torch.float64)
    state = final(walk(Problem(PAIR, (1, 2, 1, 4)), karras(1, 1e-4, 1.0), step, noise=lambda *_: noise))
    torch.testing.assert_close(state.x, PAIR(noise, torch.tensor(1.0)))


@pytest.mark.parametrize(("eta", "step"), [(0.0, Euler()), (0.5, Euler(eta=0.5)), (0.5, DPMSolver2M(eta=0.5))])
def test_noise_removed_and_added_meets_the_target(eta, step):
    """σ_down² + σ_up² = σ'²."""
    sigma, target = (torch.tensor(v, dtype=torch.float64) for v in (0.5, 0.4))
    move = step(PAIR, torch.zeros(1, 2, 1, 1, dtype=torch.float64), sigma, target, None)
    assert float(move.sigma) ** 2 + move.up**2 == pytest.approx(0.16)
    assert (move.up > 0) == (eta > 0)
