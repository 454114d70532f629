"""What a foreign network is asked and what it answers, as estimates of the clean signal: x = x₀ + σ·ε becomes its own terms.

Each network sees a·x₀ + b·ε at its own time; `scale` is a (so that b = a·σ), and `denoised` turns its answer into D(x; σ).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from torch import Tensor

from stemweave.diffusion.precondition import Precondition
from stemweave.errors import ModelError


class Parametrisation(Protocol):
    """Of one network. `sigma` is a 0-d tensor; at sigma 0, D(x) = x."""

    def scale(self, sigma: Tensor, /) -> Tensor:
        """a: what brings x to what the network sees."""

    def time(self, sigma: Tensor, /) -> Tensor:
        """The noise level as the network reads it."""

    def denoised(self, x: Tensor, sigma: Tensor, answer: Tensor, /) -> Tensor:
        """D from the network's answer."""


@dataclass(frozen=True)
class Velocity:
    """v = cos φ·ε − sin φ·x₀/σ_d at x/√(σ² + σ_d²), φ = atan(σ/σ_d), time 2/π·atan σ (2202.00512, 2407.14358).

    `data` σ_d is the standard deviation of the data. EDM's coefficients (2206.00364 table 1) with the answer's sign turned.
    """

    data: float = 1.0

    def scale(self, sigma: Tensor) -> Tensor:
        """c_in."""
        return Precondition(self.data).scale(sigma)

    def time(self, sigma: Tensor) -> Tensor:
        """From 0 (clean) to 1 (noise)."""
        return sigma.atan() * (2 / math.pi)

    def denoised(self, x: Tensor, sigma: Tensor, answer: Tensor) -> Tensor:
        """D = c_skip·x − c_out·v."""
        return Precondition(self.data).denoised(x, sigma, -answer)


@dataclass(frozen=True)
class Epsilon:
    """ε at √ᾱ_t·x₀ + √(1 − ᾱ_t)·ε, steps t = 0, 1, … (2006.11239). Between them t is linear in ln σ, beyond them the nearest.

    `sigmas`: √((1 − ᾱ_t)/ᾱ_t) of every step. ModelError unless they are two or more, above 0, finite, and rise.
    """

    sigmas: tuple[float, ...]

    def __post_init__(self) -> None:
        table = np.asarray(self.sigmas)
        if len(table) < 2 or not (np.isfinite(table).all() and table[0] > 0 and (np.diff(table) > 0).all()):
            raise ModelError("got a noise schedule whose levels do not rise from above 0; expected one of 2006.11239's kind")

    @classmethod
    def of(cls, alphas_cumprod: Sequence[float]) -> "Epsilon":
        """From the schedule ᾱ_t. ModelError as for the class, and for values outside 0 to 1."""
        if not all(0 < alpha < 1 for alpha in alphas_cumprod):
            raise ModelError("got a noise schedule with shares of signal outside 0 to 1; expected all between them")
        return cls(tuple(((1 - alpha) / alpha) ** 0.5 for alpha in alphas_cumprod))

    def scale(self, sigma: Tensor) -> Tensor:
        """√ᾱ."""
        return 1 / (1 + sigma**2).sqrt()

    def time(self, sigma: Tensor) -> Tensor:
        """t, not rounded; an embedding of t takes what lies between the steps."""
        level = math.log(max(float(sigma), self.sigmas[0]))
        return sigma.new_tensor(np.interp(level, np.log(self.sigmas), np.arange(len(self.sigmas))))

    def denoised(self, x: Tensor, sigma: Tensor, answer: Tensor) -> Tensor:
        """D = x − σ·ε."""
        return x - sigma * answer


@dataclass(frozen=True)
class Flow:
    """v = ε − x₀ at (1 − t)·x₀ + t·ε, where σ = t/(1 − t) (2210.02747, 2209.03003)."""

    def scale(self, sigma: Tensor) -> Tensor:
        """1 − t."""
        return 1 / (1 + sigma)

    def time(self, sigma: Tensor) -> Tensor:
        """t, from 0 (clean) to 1 (noise, σ = ∞)."""
        return sigma / (1 + sigma)

    def denoised(self, x: Tensor, sigma: Tensor, answer: Tensor) -> Tensor:
        """D = (1 − t)·x − t·v."""
        return self.scale(sigma) * x - self.time(sigma) * answer
