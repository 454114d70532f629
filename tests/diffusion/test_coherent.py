"""Sources and a co-generated mixture: the exact split, the laws of the coupling, given sources, and the alternatives."""

import math
from dataclasses import replace

import pytest
import torch

from stemweave.diffusion import (
    ADPM2,
    AgainstOthers,
    Coherent,
    Consistent,
    Constant,
    Euler,
    GaussianCoupling,
    GaussianDenoiser,
    GaussianLikelihood,
    Heun,
    Noise,
    OnMixture,
    Problem,
    Product,
    Proportional,
    Replacement,
    SquareRoot,
    WithGiven,
    beside,
    final,
    karras,
    log_linear,
    walk,
)
from stemweave.errors import UsageError

DOUBLE = {"dtype": torch.float64}
HIGH, LOW = torch.tensor(0.5, **DOUBLE), torch.tensor(0.2, **DOUBLE)
WIDTHS = [Constant(0.14), Proportional(0.75), SquareRoot(0.4), Constant(1e-3)]
SIGMAS = log_linear(400, 1e-5, 20.0)
TIGHT, LOOSE = Constant(1e-6), Constant(1e9)


def independent(*levels):
    stds = torch.tensor(levels, **DOUBLE)
    return GaussianDenoiser(torch.zeros_like(stds), stds.square().diag())


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


def row(sources):
    """The likelihood's row: δ = row·(x, y)."""
    return torch.tensor([-1.0] * sources + [1.0], **DOUBLE)


def total(levels, relax):
    """Total generation with experts of these levels, the mixture's last."""
    return lambda seen: Problem(independent(*levels), (len(seen), len(levels), 1, 1), relax=relax)


def exponential(x, matrix, spent):
    return torch.einsum("kn,bnct->bkct", torch.linalg.matrix_exp(-matrix * spent), x)


# the split


@pytest.mark.parametrize("gamma", WIDTHS[:3], ids=repr)
def test_split_is_the_exponential_of_the_gradient_field(gamma):
    """k_x on the free sources, none on the given ones, k_y on the mixture; α and β inside δ."""
    coupling = Coherent(gamma, alpha=0.8, beta=1.3, source_weight=0.6, mixture_weight=1.7, given=2)
    seen = torch.tensor([-0.8, -0.8, -0.8, -1.3, -1.3, 1.0], **DOUBLE)
    pulled = seen * torch.tensor([0.6, 0.6, 0.6, 0.0, 0.0, 1.7], **DOUBLE)
    x = random(2, 6, 1, 5)
    wanted = exponential(x, torch.outer(pulled, seen), gamma.integral(HIGH, LOW))
    torch.testing.assert_close(coupling(x, HIGH, LOW), wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("gamma", WIDTHS, ids=repr)
def test_default_split_is_the_gaussian_coupling_of_a_row(gamma):
    x = random(2, 4, 1, 5)
    other = GaussianCoupling(torch.zeros(2, 1, 5, **DOUBLE), gamma, row(3))
    torch.testing.assert_close(Coherent(gamma)(x, HIGH, LOW), other(x, HIGH, LOW), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("gamma", WIDTHS, ids=repr)
@pytest.mark.parametrize("target", [LOW, torch.tensor(0.0, **DOUBLE)])
def test_residual_falls_as_the_law_says(gamma, target):
    coupling = Coherent(gamma, given=1)
    x = random(2, 4, 1, 5)
    kept = math.exp(-3 * float(gamma.integral(HIGH, target)))
    torch.testing.assert_close(coupling.residual(coupling(x, HIGH, target)), kept * coupling.residual(x), rtol=1e-9, atol=1e-13)


def test_split_leaves_its_input_and_the_given_alone():
    x = random(1, 4, 1, 3)
    before = x.clone()
    out = Coherent(given=1)(x, HIGH, LOW)
    assert torch.equal(x, before)
    assert torch.equal(out[:, 2], x[:, 2])
    assert not torch.isclose(out[:, [0, 1, 3]], x[:, [0, 1, 3]]).any()


def test_split_commutes_with_experts_of_one_level(propagate):
    """There the walk is the uncoupled one times the exponential over all its levels: no splitting error."""
    levels, coupling, sigmas = (0.1, 0.1, 0.1), Coherent(Constant(0.8), source_weight=0.5), karras(12, 1e-2, 1.0)
    ours = propagate(total(levels, coupling), 0, sigmas, Heun())
    alone = propagate(total(levels, Coherent(LOOSE)), 0, sigmas, Heun())
    pulled = row(2) * torch.tensor([0.5, 0.5, 1.0], **DOUBLE)
    whole = torch.linalg.matrix_exp(-torch.outer(pulled, row(2)) * coupling.gamma.integral(sigmas[0], sigmas[-1] * 0))
    torch.testing.assert_close(ours.covariance, whole @ alone.covariance @ whole.T, rtol=1e-9, atol=1e-15)


def test_refusals():
    with pytest.raises(UsageError, match="got 3 signals with 2 given; expected a free source"):
        Coherent(given=2)(random(1, 3, 1, 2), HIGH, LOW)
    with pytest.raises(UsageError, match="gradient weights"):
        Coherent(source_weight=-1.0)
    with pytest.raises(UsageError, match="one to act"):
        Coherent(source_weight=0.0, mixture_weight=0.0)
    with pytest.raises(UsageError, match="got -1 given"):
        Coherent(given=-1)


# laws of total generation


@pytest.mark.parametrize(("level", "flow", "resampled"), [(0.2, 0.156, 0.141), (0.3, 0.215, 0.166)])
def test_the_mixture_is_too_quiet(propagate, level, flow, resampled):
    """γ → 0: √(N/(N+1))·s^{1/(N+1)}·S^{N/(N+1)}, and 1/var = 1/(N·s²) + 1/S² after many resamples: its law counts twice."""
    build = total((0.1,) * 4 + (level,), Coherent(TIGHT))
    law = math.sqrt(4 / 5) * 0.1 ** (1 / 5) * level ** (4 / 5)
    assert law == pytest.approx(flow, abs=6e-4)
    assert propagate(build, 0, SIGMAS, Heun()).std[-1].item() == pytest.approx(law, rel=5e-3)
    many = 1 / math.sqrt(1 / (4 * 0.01) + 1 / level**2)
    assert many == pytest.approx(resampled, abs=6e-4)
    ours = propagate(build, 0, karras(40, 1e-3, 1.0), Heun(), resamples=20)
    assert ours.std[-1].item() == pytest.approx(many, rel=0.05)


@pytest.mark.parametrize("step", [ADPM2(), Heun()], ids=repr)
def test_sources_sum_to_the_mixture_when_the_width_vanishes(propagate, step):
    ours = propagate(total((0.1, 0.05, 0.2), Coherent(Proportional(1e-3))), 0, karras(20, 1e-3, 1.0), step)
    assert (row(2) @ ours.covariance @ row(2)).item() < 1e-16  # rounding of .01


def test_a_wide_likelihood_leaves_independent_sources(propagate):
    levels, sigmas = (0.1, 0.2, 0.05, 0.3), karras(20, 1e-3, 1.0)
    ours = propagate(total(levels, Coherent(LOOSE)), 0, sigmas, ADPM2())
    free = propagate(lambda seen: Problem(independent(*levels), (len(seen), 4, 1, 1)), 0, sigmas, ADPM2())
    torch.testing.assert_close(ours.covariance, free.covariance, rtol=1e-9, atol=1e-12)
    assert (ours.covariance - ours.covariance.diagonal().diag()).abs().max() < 1e-12


def test_sources_correlate_negatively_when_the_mixture_is_quiet_and_positively_when_loud(propagate):
    quiet, loud = (
        propagate(total((0.1, 0.1, level), Coherent(TIGHT)), 0, SIGMAS, Heun()).covariance[0, 1].item() for level in (0.05, 0.6)
    )
    assert quiet < -1e-3
    assert loud > 1e-3


def test_one_subset_of_all_stems_is_the_mixture(propagate):
    """Equal experts, equal prompts: y = x_J, less the noise that the tie of the two walks takes (1/√2 in amplitude)."""
    ours = propagate(total((0.2, 0.2), Coherent(TIGHT)), 0, SIGMAS, Heun())
    torch.testing.assert_close(ours.covariance, ours.covariance[0, 0].expand(2, 2), rtol=1e-9, atol=1e-12)
    assert ours.std[1].item() == pytest.approx(0.2 / math.sqrt(2), rel=1e-3)


# explicit integration


@pytest.mark.parametrize(("gamma", "sigma_max"), [(0.14, 1.0), (1.0, 20.0)])
def test_explicit_integration_diverges_where_the_split_does_not(gamma, sigma_max):
    prior, sigmas, state = independent(0.1, 0.1, 0.1, 0.1, 0.2), karras(300, 1e-4, sigma_max), (1, 5, 1, 16)
    explicit = GaussianLikelihood(prior, torch.zeros(1, 1, 16, **DOUBLE), Constant(gamma), row(4))

    def loudest(**parts):
        out = final(walk(Problem(shape=state, **parts), sigmas, ADPM2(), noise=Noise((3,), **DOUBLE))).x
        return out.abs().max().item() if out.isfinite().all() else math.inf

    assert loudest(denoiser=prior, relax=Coherent(Constant(gamma))) < 1
    assert loudest(denoiser=explicit) > 10


# the mixture's law counted once, and reading B


@pytest.mark.parametrize(("level", "made", "deaf"), [(0.2, 0.198, 0.39), (0.3, 0.298, 0.57)])
def test_consistent_makes_the_mixtures_law(propagate, level, made, deaf):
    """std(Σx) = S; an expert asked at σ instead of √N·σ gives nearly twice as much."""
    sources, mixture, ones = independent(*(0.1,) * 4), independent(level), torch.ones(4, **DOUBLE)
    forgetful = lambda x, sigma: mixture(x, sigma / 2)  # noqa: E731

    def std(expert, sigmas, step):
        build = lambda seen: Problem(Consistent(sources, expert), (len(seen), 4, 1, 1))  # noqa: E731
        covariance = propagate(build, 0, sigmas, step).covariance
        return math.sqrt(ones @ covariance @ ones), covariance

    loud, covariance = std(mixture, SIGMAS, Heun())
    assert loud == pytest.approx(level, rel=2e-3)
    assert loud == pytest.approx(made, abs=3e-3)
    assert (covariance[0, 0] - covariance[0, 1]).item() == pytest.approx(0.01, rel=5e-3)
    assert std(forgetful, karras(150, 1e-4, 1.0), Heun())[0] == pytest.approx(deaf, abs=0.015)


def test_consistent_with_a_row_keeps_the_constraint():
    gains, x = torch.tensor([1.0, 0.7, 1.3], **DOUBLE), random(2, 3, 1, 5)
    mixture = independent(0.3)
    out = Consistent(independent(0.1, 0.2, 0.05), mixture, gains)(x, LOW)
    heard = torch.einsum("n,bnct->bct", gains, x)
    wanted = mixture(heard.unsqueeze(1), LOW * gains.square().sum().sqrt()).squeeze(1)
    torch.testing.assert_close(torch.einsum("n,bnct->bct", gains, out), wanted)


@pytest.mark.parametrize("sources", [2, 3, 5])
def test_sources_against_others_flow_down_the_whole_likelihood(sources):
    """Π_n N(x_n; Σ others, γ²): rates 4 on differences, (N − 2)² on the sum."""
    x, against = random(2, sources, 1, 4), 2 * torch.eye(sources, **DOUBLE) - 1
    wanted = exponential(x, against.T @ against, Constant(0.4).integral(HIGH, LOW))
    torch.testing.assert_close(AgainstOthers(Constant(0.4))(x, HIGH, LOW), wanted, rtol=1e-9, atol=1e-12)


def test_sources_against_others_imitate_in_pairs_and_fall_silent_in_crowds(propagate):
    pair = propagate(total((0.1, 0.2), AgainstOthers(Proportional(1e-3))), 0, karras(20, 1e-3, 1.0), Heun())
    torch.testing.assert_close(pair.covariance, pair.covariance[0, 0].expand(2, 2), rtol=1e-9, atol=1e-15)
    assert pair.std[0] > 0.05
    assert propagate(total((0.1,) * 3, AgainstOthers(TIGHT)), 0, karras(20, 1e-3, 1.0), Heun()).std.max() < 1e-9


# given sources

ONE_AND_ONE = independent(0.1, math.sqrt(0.01 + 0.01 + 2 * 0.2 * 0.01))
"""A free source and the mixture of two sources of std .1, correlation .2: the true slope is +.20."""


def slope(propagate, gamma=0.14, step=None, churn=0.0, sigma_max=1.0, **options):
    build = lambda seen: beside(ONE_AND_ONE, seen, 1, Coherent(Constant(gamma), **options))  # noqa: E731
    return propagate(build, 1, karras(60, 1e-4, sigma_max), step or Heun(), churn=churn)


@pytest.mark.parametrize(("gamma", "wanted"), [(0.01, -0.41), (0.14, -0.30), (0.5, -0.14)])
def test_a_free_source_partly_cancels_the_given_one(propagate, gamma, wanted):
    assert slope(propagate, gamma).gain[0, 0].item() == pytest.approx(wanted, abs=0.025)


@pytest.mark.parametrize(("churn", "wanted"), [(0.0, 0.030), (100.0, 0.072)])
def test_a_free_source_leans_towards_the_given_one_under_the_mixtures_law(propagate, churn, wanted):
    """`Consistent`, the given source noised (imputation): of the right sign at least; the truth is +.20, reading A has -.30."""
    whole = Consistent(independent(0.1, 0.1), independent(math.sqrt(0.024)))

    def build(seen):
        known = torch.cat((torch.zeros_like(seen), seen), 1)
        return Problem(whole, tuple(known.shape), project=Replacement(known, torch.tensor([False, True])))

    out = propagate(build, 1, karras(200, 1e-4, 1.0), Heun(), churn=churn)
    assert out.gain[0, 0].item() == pytest.approx(wanted, abs=0.005)
    assert out.std[0].item() == pytest.approx(math.sqrt(0.0096), rel=0.08)


def test_given_sources_unheard_change_nothing(propagate):
    ours = slope(propagate, beta=0.0)
    assert ours.gain[[0, 2]].abs().max() < 1e-12
    assert ours.gain[1, 0] == 1
    assert ours.covariance[1].abs().max() == 0


def test_given_sources_return_to_the_bit_under_fresh_and_held_noise():
    given, noise = random(2, 2, 1, 8), Noise((4, 5), **DOUBLE)
    outs = []
    for held in (None, Noise((8, 9), **DOUBLE)):
        problem = beside(independent(0.1, 0.2, 0.3), given, 2, Coherent(beta=0.5), held)
        assert problem.relax == Coherent(beta=0.5, given=2)
        outs.append(final(walk(problem, karras(6, 1e-2, 1.0), Euler(), 1.0, noise=noise)).x)
        assert torch.equal(outs[-1][:, 2:4], given)
    assert (outs[0] - outs[1])[:, [0, 1, 4]].abs().min() > 0


def test_the_prior_beside_given_sources_hears_the_rest_only():
    given, x = random(2, 2, 1, 4), random(2, 5, 1, 4, seed=1)
    prior = independent(0.1, 0.2, 0.3)
    out = WithGiven(prior, given)(x, LOW)
    torch.testing.assert_close(out[:, [0, 1, 4]], prior(x[:, [0, 1, 4]], LOW))
    assert torch.equal(out[:, 2:4], given)


def test_maximum_entropy_coupling_is_a_product_of_rules():
    """Πp(x_n)·p_mix/p_ind, the mixture's law counted once: exact where the stems have one level, without new code."""
    mixed, alone = independent(math.sqrt(0.024)), independent(math.sqrt(0.02))
    rule = Product((independent(0.1, 0.1), OnMixture(mixed), OnMixture(alone)), (1.0, 1.0, -1.0))
    truth = GaussianDenoiser(torch.zeros(2, **DOUBLE), torch.tensor([[0.011, 0.001], [0.001, 0.011]], **DOUBLE))
    x = random(2, 2, 1, 5)
    torch.testing.assert_close(rule(x, LOW), truth(x, LOW), rtol=1e-9, atol=1e-12)


def test_coupling_is_a_value():
    assert replace(Coherent(), given=2) == Coherent(given=2)
    assert eval(repr(Coherent(SquareRoot(0.4), beta=0.5))) == Coherent(SquareRoot(0.4), beta=0.5)
