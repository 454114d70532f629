"""Where the walk of a separation may begin: at the mixture, shared out between the stems, plus noise. Ours."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from stemweave.diffusion.problem import Problem
from stemweave.errors import ModelError
from stemweave.model.config import ModelConfig
from stemweave.tasks.priors import levels

Shares = Callable[[ModelConfig], Tensor]
"""What part of the mixture each stem is given at the start: (stems,)."""


def silence(config: ModelConfig) -> Tensor:
    """Nothing."""
    return torch.zeros(len(config.stems))


def equal(config: ModelConfig) -> Tensor:
    """The same part for all."""
    return torch.full((len(config.stems),), 1 / len(config.stems))


def by_power(config: ModelConfig) -> Tensor:
    """In the ratio of their expected powers."""
    powers = torch.tensor(levels(config)).square()
    return powers / powers.sum()


STARTS: Mapping[str, Shares] = {"silence": silence, "equal": equal, "power": by_power}
"""The starts by the names that checkpoints use; without one a likelihood begins as it does by itself."""


def begun(problem: Problem, shares: Tensor, mixture: Tensor) -> Problem:
    """The problem begun at the mixture, shared out. Shapes: (stems,), (batch, channels, samples).

    Raises ModelError for a problem whose state is not the model's stems: it begins by itself.
    """
    if len(shares) != problem.shape[1]:
        raise ModelError(
            f"the model asks for a start of {len(shares)} stems, but this likelihood walks with {problem.shape[1]} signals "
            "and begins by itself; leave the start out"
        )
    parts = shares.to(mixture)[:, None, None] * mixture.unsqueeze(1)
    return replace(problem, start=lambda _x, _sigma: parts)
