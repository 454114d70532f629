import pytest
import torch

from stemweave.diffusion.decoded import DecodedLikelihood
from stemweave.diffusion.gaussian import GaussianDenoiser
from stemweave.diffusion.posterior import PosteriorMeanFull

SIGMA = torch.tensor(0.7, dtype=torch.float64)
COVARIANCE = torch.tensor([[0.5, 0.2, 0.0], [0.2, 0.4, -0.1], [0.0, -0.1, 0.3]], dtype=torch.float64)
PRIOR = GaussianDenoiser(torch.tensor([0.3, -0.2, 0.1], dtype=torch.float64), COVARIANCE)
ROW = torch.tensor([0.5, 2.0, -1.0], dtype=torch.float64)


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


ROTATION = torch.linalg.qr(normal(4, 4)).Q


def rotated(latents):
    """A linear orthonormal codec. Shape: (batch, stems, 4, frames) → (batch, stems, 1, 4·frames)."""
    return (ROTATION @ latents).transpose(2, 3).flatten(2).unsqueeze(2)


def bent(latents):
    return (1.5 * rotated(latents) + 0.2).tanh()


@pytest.mark.parametrize("row", [None, ROW])
def test_through_an_orthonormal_codec_it_is_the_exact_posterior(row):
    x, noise = normal(2, 3, 4, 5, seed=1), 0.3
    weights = torch.ones(3, dtype=torch.float64) if row is None else row
    mixture = normal(2, 1, 20, seed=2)
    spent = weights @ PRIOR.uncertainty(SIGMA) @ weights + noise**2
    found = DecodedLikelihood(PRIOR, mixture, rotated, lambda _: spent, row)(x, SIGMA)
    seen = ROTATION.T @ mixture.unflatten(2, (5, 4)).squeeze(1).transpose(1, 2)
    inverse = torch.linalg.inv(COVARIANCE)
    precision = inverse + torch.eye(3) / SIGMA**2 + torch.outer(weights, weights) / noise**2
    told = (inverse @ PRIOR.mean)[:, None, None] + x / SIGMA**2 + weights[:, None, None] * seen[:, None] / noise**2
    torch.testing.assert_close(found, torch.einsum("nm,bmct->bnct", torch.linalg.inv(precision), told))


def test_without_a_codec_it_is_the_posterior_mean_by_one_product():
    x, mixture = normal(2, 3, 1, 6, seed=1), normal(2, 1, 6, seed=2)
    found = DecodedLikelihood(PRIOR, mixture, lambda latents: latents, lambda sigma: PRIOR.variance(sigma).sum())(x, SIGMA)
    torch.testing.assert_close(found, PosteriorMeanFull(PRIOR, mixture, PRIOR.variance)(x, SIGMA))


@pytest.mark.parametrize("row", [None, ROW])
def test_through_a_bent_codec_it_is_the_slope_of_what_is_left(row):
    x, mixture, v = normal(1, 3, 4, 2, seed=1), normal(1, 1, 8, seed=2), 0.25
    found = DecodedLikelihood(PRIOR, mixture, bent, lambda sigma: v * sigma, row)(x, SIGMA)
    weights = torch.ones(3, dtype=torch.float64) if row is None else row

    def left(x):
        heard = torch.einsum("n,bnct->bct", weights, bent(PRIOR(x, SIGMA)))
        return (mixture - heard).square().sum() / (2 * v * SIGMA)

    step, slope = 1e-5, torch.zeros(x.numel(), dtype=torch.float64)
    for n, direction in enumerate(torch.eye(x.numel(), dtype=torch.float64)):
        move = step * direction.view_as(x)
        slope[n] = (left(x + move) - left(x - move)) / (2 * step)
    torch.testing.assert_close(found, PRIOR(x, SIGMA) - SIGMA**2 * slope.view_as(x), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_it_needs_no_gradients_from_outside(mode):
    x, mixture = normal(1, 3, 4, 2, seed=1), normal(1, 1, 8, seed=2)
    rule = DecodedLikelihood(PRIOR, mixture, bent, lambda _: 1.0)
    expected = rule(x, SIGMA)
    with mode():
        found = rule(x, SIGMA)
    assert torch.equal(found, expected)
    assert not expected.requires_grad


def test_its_description_tells_its_parts():
    assert repr(DecodedLikelihood(PRIOR, normal(1, 1, 8), bent, PRIOR.variance)).startswith("DecodedLikelihood(prior=Gauss")
