"""Where the walk of a separation may begin: at the mixture, shared out between the stems, plus noise. Ours."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from stemweave.diffusion.problem import At, Problem
from stemweave.errors import ModelError
from stemweave.model.lineup import Lineup
from stemweave.model.model import Model
from stemweave.tasks.priors import levels
from stemweave.tasks.prompting import texted

Start = Callable[[Model, Tensor], Tensor]
"""(model, mixture (batch, channels, samples)) → where each stem begins, (batch, stems, channels, samples)."""


def silence(model: Model, mixture: Tensor) -> Tensor:
    """Nothing."""
    return equal(model, torch.zeros_like(mixture))


def equal(model: Model, mixture: Tensor) -> Tensor:
    """The same part for all."""
    stems = len(model.config.stems)
    return (mixture / stems).unsqueeze(1).expand(-1, stems, -1, -1)


def by_power(model: Model, mixture: Tensor) -> Tensor:
    """In the ratio of their expected powers."""
    powers = torch.tensor(levels(model.config)).square()
    return (powers / powers.sum()).to(mixture)[:, None, None] * mixture.unsqueeze(1)


def expected(model: Model, mixture: Tensor) -> Tensor:
    """In the ratio of the spectra that a model of text lets expect. Raises ModelError for another model."""
    return texted(model, "a start at expected spectra").shares(mixture)


def best_known(model: Model, mixture: Tensor) -> Tensor:
    """`expected` where the model expects spectra, else `by_power`."""
    return (expected if isinstance(model, Lineup) and model.expects else by_power)(model, mixture)


STARTS: Mapping[str, Start] = {"silence": silence, "equal": equal, "power": by_power, "expected": expected}
"""The starts by the names that checkpoints use; without one a likelihood begins as it does by itself."""


def begun(problem: Problem, parts: Tensor) -> Problem:
    """The problem begun at these parts of the mixture, (batch, stems, channels, samples), as its state has them.

    Raises ModelError for a problem whose state they do not make: it begins by itself.
    """
    entered = problem.enter(parts)
    if entered.shape[1] != problem.shape[1]:
        raise ModelError(
            f"the model asks for a start of {entered.shape[1]} stems, but this likelihood walks with {problem.shape[1]} "
            "signals and begins by itself; leave the start out"
        )
    return replace(problem, start=At(entered))
