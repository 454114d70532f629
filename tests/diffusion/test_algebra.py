"""Guidance, independent experts, products, experts of the mixture, tables of variance: laws and values."""

import math

import pytest
import torch

from stemweave.diffusion import (
    Guided,
    Heun,
    Independent,
    LevelVariance,
    OnMixture,
    Problem,
    Product,
    TableVariance,
    log_linear,
)
from stemweave.diffusion.gaussian import GaussianDenoiser
from stemweave.errors import UsageError

DOUBLE = {"dtype": torch.float64}
SIGMA = torch.tensor(0.3, **DOUBLE)


def one(std, mean=0.0):
    return GaussianDenoiser(torch.tensor([mean], **DOUBLE), torch.tensor([[std**2]], **DOUBLE))


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


def flow(propagate, denoiser, sigma_max=20.0, stems=1):
    build = lambda seen: Problem(denoiser, (len(seen), stems, 1, 1))  # noqa: E731
    return propagate(build, 0, log_linear(400, 1e-4, sigma_max), Heun())


@pytest.mark.parametrize(("weight", "std"), [(0.0, 0.2), (1.0, 0.1), (2.0, 0.050), (3.0, 0.025)])
def test_guidance_changes_levels(propagate, weight, std):
    """Flow: std = s^w·s*^{1−w}; the product density would say .076 and .063 at w = 2, 3."""
    assert flow(propagate, Guided(one(0.1), one(0.2), weight)).std.item() == pytest.approx(std, rel=0.005)


@pytest.mark.parametrize("weight", [0.0, 1.0, 2.5])
def test_guidance_moves_the_mean_and_keeps_equal_levels(propagate, weight):
    ours = flow(propagate, Guided(one(0.1, 0.3), one(0.1, -0.1), weight))
    assert ours.offset.item() == pytest.approx(-0.1 + weight * 0.4, abs=0.01)
    assert ours.std.item() == pytest.approx(0.1, rel=1e-3)


def test_independent_experts_are_a_block_diagonal_prior():
    stds = (0.1, 0.2, 0.05)
    joint = GaussianDenoiser(torch.zeros(3, **DOUBLE), torch.tensor(stds, **DOUBLE).square().diag())
    x = random(2, 3, 2, 7)
    torch.testing.assert_close(Independent(tuple(map(one, stds)))(x, SIGMA), joint(x, SIGMA))


def test_independent_refuses_other_counts():
    with pytest.raises(ValueError, match="zip"):
        Independent((one(0.1),))(random(1, 2, 1, 4), SIGMA)


@pytest.mark.parametrize("weights", [(1.0, 1.0), (0.7, 0.7), (0.5, 0.5)])
@pytest.mark.parametrize("sigma_max", [1.0, 20.0])
def test_products_shrink_unless_weights_sum_to_one(propagate, weights, sigma_max):
    stds = (0.1, 0.2)
    law = sigma_max * math.prod((s / math.hypot(s, sigma_max)) ** w for s, w in zip(stds, weights, strict=True))
    ours = flow(propagate, Product((one(0.1), one(0.2)), weights), sigma_max)
    assert ours.std.item() == pytest.approx(law, rel=0.005)


def test_product_of_one_expert_is_that_expert():
    x = random(1, 1, 1, 5)
    torch.testing.assert_close(Product((one(0.1),), (1.0,))(x, SIGMA), one(0.1)(x, SIGMA))
    with pytest.raises(ValueError, match="zip"):
        Product((one(0.1),), (1.0, 2.0))(x, SIGMA)


def bimodal_log_density(y, level):
    """Two Gaussians of std .2 at ±.5, noised to `level`: not linear, so that autograd has something to say."""
    variance = 0.2**2 + level**2
    return torch.logsumexp(torch.stack([-((y - m) ** 2) / (2 * variance) for m in (-0.5, 0.5)]), 0)


def bimodal(y, sigma):
    """Its denoiser, by Tweedie."""
    free = y.detach().requires_grad_()
    (slope,) = torch.autograd.grad(bimodal_log_density(free, sigma).sum(), free)
    return y + sigma**2 * slope


@pytest.mark.parametrize("row", [None, torch.tensor([1.0, -0.5, 2.0], **DOUBLE)])
def test_an_expert_of_the_mixture_equals_autograd(row):
    """x + σ²·∇_x log p_{‖a‖σ}(aᵀx); without ‖a‖ it is far off."""
    weights = torch.ones(3, **DOUBLE) if row is None else row
    x = random(2, 3, 1, 6).requires_grad_()
    mixture = torch.einsum("n,bnct->bct", weights, x)
    (slope,) = torch.autograd.grad(bimodal_log_density(mixture, weights.norm() * SIGMA).sum(), x)
    expected = (x + SIGMA**2 * slope).detach()
    x = x.detach()
    torch.testing.assert_close(OnMixture(bimodal, row)(x, SIGMA), expected, rtol=0, atol=1e-14)
    forgetful = OnMixture(lambda y, sigma: bimodal(y, sigma / weights.norm()), row)
    assert (forgetful(x, SIGMA) - expected).abs().max() > 0.1


@pytest.mark.parametrize(("sigma_max", "printed"), [(1.0, 0.019), (20.0, 0.0009)])
def test_stem_and_mixture_experts_together_collapse_the_mixture(propagate, sigma_max, printed):
    """Law: √N·σmax·s²/(s² + σmax²); true std .2. The toy printed .019 and .0009 at its own step counts."""
    both = Product((Independent((one(0.1),) * 4), OnMixture(one(0.2))), (1.0, 1.0))
    ours = flow(propagate, both, sigma_max, stems=4)
    std = ours.covariance.sum().sqrt().item()
    assert std == pytest.approx(2 * sigma_max * 0.01 / (0.01 + sigma_max**2), rel=0.01)
    assert std == pytest.approx(printed, rel=0.12)


def test_level_variance():
    made = LevelVariance(torch.tensor([0.1, 0.2], **DOUBLE))(SIGMA)
    torch.testing.assert_close(made, torch.tensor([0.01 * 0.09 / 0.10, 0.04 * 0.09 / 0.13], **DOUBLE))


def test_table_variance_is_log_linear_between_rows_and_held_outside():
    table = TableVariance((0.1, 1.0), torch.tensor([[1e-3, 1e-4], [1e-1, 1e-2]], **DOUBLE))
    read = lambda level: table(torch.tensor(level, **DOUBLE)).tolist()  # noqa: E731
    assert read(0.1) == pytest.approx([1e-3, 1e-4])
    assert read(1.0) == pytest.approx([1e-1, 1e-2])
    assert read(math.sqrt(0.1)) == pytest.approx([1e-2, 1e-3])
    assert read(5.0) == pytest.approx([1e-1, 1e-2])
    assert read(0.05) == pytest.approx([2.5e-4, 2.5e-5])
    assert read(1e-9) == [1e-12, 1e-12]


def test_table_variance_follows_a_dense_first_guess():
    guess = LevelVariance(torch.tensor([0.1, 0.2], **DOUBLE))
    levels = torch.logspace(-3, 1, 80, **DOUBLE)
    table = TableVariance(tuple(levels.tolist()), torch.stack([guess(level) for level in levels]))
    for level in torch.logspace(-2.9, 0.9, 17, **DOUBLE):
        torch.testing.assert_close(table(level), guess(level), rtol=2e-3, atol=0)


@pytest.mark.parametrize("sigmas", [(0.1,), (1.0, 0.1), (0.1, 0.1)])
def test_table_variance_refuses_levels_that_do_not_fit(sigmas):
    with pytest.raises(UsageError, match="rising"):
        TableVariance(sigmas, torch.ones(2, 2))
