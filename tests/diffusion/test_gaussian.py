"""The oracle itself: closed forms against conditioning done another way, and against the denoiser's own walk."""

import numpy as np
import pytest
import torch

from stemweave.diffusion import GaussianDenoiser, Heun, Problem, final, karras, mix, walk
from stemweave.errors import UsageError

DOUBLE = {"dtype": torch.float64}
MEAN = torch.tensor([0.1, -0.2, 0.3], **DOUBLE)
COVARIANCE = torch.tensor([[0.04, 0.02, 0.00], [0.02, 0.03, -0.01], [0.00, -0.01, 0.05]], **DOUBLE)
PRIOR = GaussianDenoiser(MEAN, COVARIANCE)
X = torch.randn(2, 3, 2, 5, generator=torch.Generator().manual_seed(0), **DOUBLE)


def conditioned(observe, seen, noise):
    """By adding precisions: an independent road to the posterior (numpy). Shapes: observe (k, 3), seen (k,)."""
    precision = np.linalg.inv(COVARIANCE.numpy())
    posterior = np.linalg.inv(precision + observe.T @ observe / noise**2)
    return posterior @ (precision @ MEAN.numpy() + observe.T @ seen / noise**2), posterior


def test_denoiser_is_the_matrix_formula():
    for level in (0.01, 0.3, 20.0):
        gain = COVARIANCE @ torch.linalg.inv(COVARIANCE + level**2 * torch.eye(3, **DOUBLE))
        expected = MEAN[:, None, None] + torch.einsum("kn,bnct->bkct", gain, X - MEAN[:, None, None])
        torch.testing.assert_close(PRIOR(X, torch.tensor(level)), expected)


def test_denoiser_at_zero_keeps_the_stems():
    torch.testing.assert_close(PRIOR(X, torch.tensor(0.0)), X)
    flat = GaussianDenoiser(torch.zeros(2, **DOUBLE), torch.tensor([[0.1, 0.0], [0.0, 0.0]], **DOUBLE))
    kept = flat(X[:, :2], torch.tensor(0.0))
    torch.testing.assert_close(kept[:, 0], X[:, 0])
    assert (kept[:, 1] == 0).all()


def test_uncertainty_is_sigma_squared_times_the_jacobian():
    sigma = torch.tensor(0.3, **DOUBLE)
    flat = lambda stems: PRIOR(stems.reshape(1, 3, 1, 1), sigma).flatten()  # noqa: E731
    jacobian = torch.autograd.functional.jacobian(flat, torch.zeros(3, **DOUBLE))
    torch.testing.assert_close(PRIOR.uncertainty(sigma), sigma**2 * jacobian)
    torch.testing.assert_close(PRIOR.variance(sigma), PRIOR.uncertainty(sigma).diagonal())


@pytest.mark.parametrize("row", [None, torch.tensor([0.5, -1.0, 2.0], **DOUBLE)])
def test_separation(row):
    weights = torch.ones(3, **DOUBLE) if row is None else row
    ours = PRIOR.separation(torch.full((1, 1, 1), 0.7, **DOUBLE), row, noise=0.2)
    mean, covariance = conditioned(weights.numpy()[None], np.array([0.7]), 0.2)
    np.testing.assert_allclose(ours.mean.flatten(), mean, atol=1e-12)
    np.testing.assert_allclose(ours.covariance, covariance, atol=1e-12)
    exact = PRIOR.separation(mix(X, row), row)
    torch.testing.assert_close(mix(exact.mean, row), mix(X, row))
    torch.testing.assert_close(weights @ exact.covariance @ weights, torch.tensor(0.0, **DOUBLE))


@pytest.mark.parametrize("known", [(True, False, False), (True, False, True), (False, False, False)])
def test_partial(known):
    known = torch.tensor(known)
    ours = PRIOR.partial(X, known)
    torch.testing.assert_close(ours.mean.expand_as(X)[:, known], X[:, known])
    rows = np.eye(3)[known.numpy()]
    mean, covariance = conditioned(rows, X[0, known, 0, 0].numpy(), 1e-6)
    np.testing.assert_allclose(ours.mean[0, :, 0, 0], mean, atol=1e-8)
    np.testing.assert_allclose(ours.covariance, covariance, atol=1e-8)


def test_extraction_is_separation_of_target_and_rest():
    ours = PRIOR.extraction(mix(X), 1, noise=0.1)
    all_stems = PRIOR.separation(mix(X), noise=0.1)
    torch.testing.assert_close(ours.mean[:, 0], all_stems.mean[:, 1])
    torch.testing.assert_close(ours.mean[:, 1], all_stems.mean[:, 0] + all_stems.mean[:, 2])
    torch.testing.assert_close(ours.covariance[0, 0], all_stems.covariance[1, 1])


def test_total_and_mixture(propagate):
    total, row = PRIOR.total(), torch.tensor([1.0, 2.0, 3.0], **DOUBLE)
    torch.testing.assert_close(total.mean.flatten(), MEAN)
    torch.testing.assert_close(total.covariance, COVARIANCE)
    assert PRIOR.mixture().covariance.item() == pytest.approx(COVARIANCE.sum().item())
    assert PRIOR.mixture(row).mean.item() == pytest.approx((row * MEAN).sum().item())
    ours = propagate(lambda seen: Problem(PRIOR, (len(seen), 3, 1, 1)), 0, karras(300, 1e-4, 20.0), Heun())
    torch.testing.assert_close(ours.covariance, COVARIANCE, rtol=0, atol=3e-4)


def test_sampling_a_gaussian_has_its_moments():
    law = PRIOR.total()
    impulses = torch.eye(3, **DOUBLE).reshape(3, 3, 1, 1)
    response = (law.sample(impulses) - law.mean).reshape(3, 3)
    torch.testing.assert_close(response.T @ response, COVARIANCE)


def test_float32_and_inference_mode():
    prior = GaussianDenoiser(MEAN.float(), COVARIANCE.float())
    with torch.inference_mode():
        out = final(walk(Problem(prior, (1, 3, 1, 4)), karras(4, 1e-3, 1.0), Heun())).x
    assert out.dtype == torch.float32
    x = X.float().requires_grad_()
    prior(x, torch.tensor(0.3)).sum().backward()
    assert x.grad is not None


@pytest.mark.parametrize("covariance", [torch.eye(2), torch.tensor([[1.0, 0.5, 0], [0, 1, 0], [0, 0, 1]])])
def test_covariances_that_do_not_fit_are_refused(covariance):
    with pytest.raises(UsageError, match="covariance"):
        GaussianDenoiser(torch.zeros(3), covariance)
