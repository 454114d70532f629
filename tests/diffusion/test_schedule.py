"""Schedules: their ends, their shape, what they refuse."""

import math

import pytest
import torch

from stemweave.diffusion import Euler, GaussianDenoiser, Problem, karras, log_linear, walk
from stemweave.errors import UsageError


def test_karras_is_equation_5():
    sigmas = karras(12, 1e-4, 1.0, rho=7.0)
    expected = [(1 + i / 11 * (1e-4 ** (1 / 7) - 1)) ** 7 for i in range(12)]
    torch.testing.assert_close(sigmas[:-1], torch.tensor(expected, dtype=torch.float64), rtol=1e-12, atol=0)
    assert sigmas[-1] == 0


def test_log_linear_has_equal_ratios():
    sigmas = log_linear(9, 0.01, 20.0)
    ratios = sigmas[1:-1] / sigmas[:-2]
    torch.testing.assert_close(ratios, torch.full_like(ratios, (0.01 / 20) ** (1 / 8)))
    assert (sigmas[0], sigmas[-1]) == (20, 0)


def test_karras_tends_to_log_linear():
    torch.testing.assert_close(karras(9, 0.01, 20.0, rho=1e5), log_linear(9, 0.01, 20.0), rtol=1e-3, atol=0)


@pytest.mark.parametrize("schedule", [karras, log_linear])
def test_schedules_are_double_on_the_cpu_and_fall(schedule):
    for steps in (1, 2, 150):
        sigmas = schedule(steps, 1e-4, 1.0)
        assert sigmas.shape == (steps + 1,)
        assert (sigmas.dtype, sigmas.device.type) == (torch.float64, "cpu")
        assert (sigmas.diff() < 0).all()
        assert sigmas[0] == 1


@pytest.mark.parametrize("schedule", [karras, log_linear])
@pytest.mark.parametrize("arguments", [(0, 1e-4, 1.0), (5, 0.0, 1.0), (5, 2.0, 1.0), (5, 1e-4, math.inf), (5, math.nan, 1.0)])
def test_schedules_refuse(schedule, arguments):
    with pytest.raises(UsageError, match="expected"):
        schedule(*arguments)


def test_karras_refuses_rho_zero():
    with pytest.raises(UsageError, match="rho"):
        karras(5, 1e-4, 1.0, rho=0.0)


@pytest.mark.parametrize("sigmas", [[1.0], [1.0, 1.0, 0.0], [0.5, 1.0], [1.0, math.nan], [1.0, -1.0], [[1.0, 0.0]]])
def test_walks_refuse_levels_that_do_not_fall(sigmas):
    problem = Problem(GaussianDenoiser(torch.zeros(1), torch.eye(1)), (1, 1, 1, 1))
    with pytest.raises(UsageError, match="expected"):
        walk(problem, torch.tensor(sigmas), Euler())
