"""Moments of whole walks, exactly: on a Gaussian prior every rule is affine, so a walk is a linear map of its noise."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from stemweave.diffusion import Problem, final, walk


@dataclass(frozen=True)
class Moments:
    """x = offset + gain·seen + noise with this covariance. Shapes: (stems,), (stems, conditions), (stems, stems)."""

    offset: Tensor
    gain: Tensor
    covariance: Tensor

    @property
    def std(self) -> Tensor:
        return self.covariance.diagonal().sqrt()


def propagate_walk(build: Callable[[Tensor], Problem], conditions: int, sigmas, step, **options) -> Moments:
    """Walk once over a batch of unit impulses: one item per condition, one per stem and draw of noise.

    `build` gets the conditions (batch, conditions, 1, 1) and makes the problem of shape (batch, stems, 1, 1).
    """
    stems = build(torch.zeros(1, conditions, 1, 1, dtype=torch.float64)).shape[1]
    draws = _count(build, conditions, sigmas, step, **options)
    seen = torch.zeros(1 + conditions + draws * stems, conditions, 1, 1, dtype=torch.float64)
    seen[1 : 1 + conditions, :, 0, 0] = torch.eye(conditions, dtype=torch.float64)

    def impulses(draw, shape):
        noise = torch.zeros(shape, dtype=torch.float64)
        first = 1 + conditions + draw * stems
        noise[first : first + stems, :, 0, 0] = torch.eye(stems, dtype=torch.float64)
        return noise

    x = final(walk(build(seen), sigmas, step, noise=impulses, **options)).x[:, :, 0, 0]
    response = x[1:] - x[0]
    noisy = response[conditions:]
    return Moments(x[0], response[:conditions].T, noisy.T @ noisy)


def _count(build, conditions, sigmas, step, **options) -> int:
    """The noises one walk draws."""
    problem = build(torch.zeros(1, conditions, 1, 1, dtype=torch.float64))
    return final(walk(problem, sigmas, step, noise=lambda _, shape: torch.zeros(shape, dtype=torch.float64), **options)).draws


@pytest.fixture(scope="session")
def propagate():
    """The function `propagate_walk`."""
    return propagate_walk
