"""Noise levels to walk down: float64 tensors on the CPU, strictly falling, ending in 0."""

import math
from itertools import pairwise

import torch
from torch import Tensor

from stemweave.errors import UsageError


def karras(steps: int, sigma_min: float, sigma_max: float, rho: float = 7.0) -> Tensor:
    """σ_i = (σmax^{1/ρ} + i/(n−1)·(σmin^{1/ρ} − σmax^{1/ρ}))^ρ, then 0 (2206.00364 eq. 5). Shape: (steps + 1,).

    With one step: σmax, then 0. `UsageError` unless steps ≥ 1, 0 < sigma_min < sigma_max and rho > 0.

    >>> karras(3, 1.0, 9.0, rho=2.0)
    tensor([9., 4., 1., 0.], dtype=torch.float64)
    """
    _check(steps, sigma_min, sigma_max)
    if not rho > 0:
        raise UsageError(f"got rho {rho}; expected a number above 0 (7 is usual)")
    ramp = torch.linspace(sigma_max ** (1 / rho), sigma_min ** (1 / rho), steps, dtype=torch.float64) ** rho
    return _ended(ramp, sigma_max)


def log_linear(steps: int, sigma_min: float, sigma_max: float) -> Tensor:
    """Equal ratios from σmax to σmin, then 0: the limit of `karras` for ρ → ∞. Shape: (steps + 1,).

    With one step: σmax, then 0. `UsageError` unless steps ≥ 1 and 0 < sigma_min < sigma_max.

    >>> log_linear(3, 1.0, 4.0)
    tensor([4., 2., 1., 0.], dtype=torch.float64)
    """
    _check(steps, sigma_min, sigma_max)
    ramp = torch.linspace(math.log(sigma_max), math.log(sigma_min), steps, dtype=torch.float64).exp()
    return _ended(ramp, sigma_max)


def checked(sigmas: Tensor) -> Tensor:
    """The levels as float64 on the CPU. `UsageError` unless there are two or more, finite, ≥ 0 and strictly falling."""
    levels = sigmas.detach().to("cpu", torch.float64)
    if levels.ndim != 1 or len(levels) < 2:
        raise UsageError(f"got noise levels of shape {tuple(levels.shape)}; expected one row of two or more")
    values: list[float] = levels.tolist()
    if not all(math.isfinite(v) and v >= 0 for v in values) or any(b >= a for a, b in pairwise(values)):
        raise UsageError("got noise levels that do not fall; expected finite levels, each below the one before, down to 0")
    return levels


def _ended(ramp: Tensor, sigma_max: float) -> Tensor:
    ramp[0] = sigma_max
    return torch.cat([ramp, ramp.new_zeros(1)])


def _check(steps: int, sigma_min: float, sigma_max: float) -> None:
    if steps < 1:
        raise UsageError(f"got {steps} steps; expected at least 1")
    if not 0 < sigma_min < sigma_max < math.inf:
        raise UsageError(f"got noise levels {sigma_max} to {sigma_min}; expected 0 < sigma_min < sigma_max, both finite")
