"""The model's own way of sampling, changed where the command line asks for it."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

from stemweave.cli.app import complain
from stemweave.cli.options import Quality
from stemweave.cli.values import one_of
from stemweave.diffusion.coupling import Constant, Proportional, Width
from stemweave.errors import UsageError
from stemweave.model.config import ModelConfig, Sampling, Settings
from stemweave.tasks.accompany import CONDITIONINGS
from stemweave.tasks.apart import Ensemble
from stemweave.tasks.coupled import COUPLINGS
from stemweave.tasks.likelihoods import (
    LIKELIHOODS,
    Dirac,
    Relaxation,
    exact,
    explicit,
    own_likelihood,
)
from stemweave.tasks.sampler import SOLVERS

_MOST = 10_000

RELAXATIONS: Mapping[str, Relaxation] = {"exact": exact, "explicit": explicit}
WIDTHS: Mapping[str, Callable[[float], Width]] = {"": Proportional, "constant:": Constant}
"""γ(σ) by what stands before its number."""


def settings_of(config: ModelConfig, quality: Quality) -> Settings:
    """The model's settings of that quality; the paper's are already its own (`prompts.published`)."""
    return config.best if quality is Quality.BEST else config.settings


def told_likelihood(settings: Settings, name: str | None, anchor: str | None) -> Settings:
    """The settings with that likelihood and anchor, where given.

    Raises UsageError for a name there is not, or an anchor that the likelihood has no use for.
    """
    if name is not None:
        one_of(LIKELIHOODS, name, "--likelihood")
        settings = dataclasses.replace(settings, likelihood=name)
    if anchor is not None:
        if not isinstance(own_likelihood(settings), Dirac | Ensemble):
            raise UsageError(f"--anchor goes with --likelihood dirac or ensemble, not {settings.likelihood}: leave it out")
        settings = dataclasses.replace(settings, anchor=anchor)
    return settings


def told_method(settings: Settings, name: str | None) -> Settings:
    """The settings with that way to hear given stems, where given; raises UsageError for a name there is not."""
    if name is None:
        return settings
    one_of(CONDITIONINGS, name, "--method")
    return dataclasses.replace(settings, conditioning=name)


def told_coupling(settings: Settings, name: str | None) -> Settings:
    """The settings with that coupling, where given; raises UsageError for a name there is not."""
    if name is None:
        return settings
    one_of(COUPLINGS, name, "--coupling")
    return dataclasses.replace(settings, coupling=name)


def told(settings: Settings) -> dict[str, Any]:
    """How the model is told the song, for manifests and reports."""
    rule = own_likelihood(settings)
    anchor = {"anchor": settings.anchor or "loudest"} if isinstance(rule, Dirac | Ensemble) else {}
    extracted = {"extracted": list(settings.extracted)} if isinstance(rule, Ensemble) else {}
    return {"likelihood": settings.likelihood, **anchor, **extracted}


def width_of(text: str) -> Width:
    """γ(σ) of a Gaussian likelihood: ``0.3`` times σ, or ``constant:0.05``; raises UsageError for anything else."""
    kind, colon, number = text.rpartition(":")
    try:
        gamma = float(number)
    except ValueError:
        gamma = 0.0
    if kind + colon not in WIDTHS or not 0 < gamma < math.inf:
        raise UsageError(f"gamma is {text!r}, expected a number above 0 that σ is multiplied by, or such as constant:0.05")
    return WIDTHS[kind + colon](gamma)


def changed(own: Sampling, *, steps: int | None, solver: str | None, churn: float | None, resamples: int | None) -> Sampling:
    """`replaced`, said on stderr."""
    used = replaced(own, steps=steps, solver=solver, churn=churn, resamples=resamples)
    if used != own:
        complain(f"not the model's own settings: {_difference(own, used)}")
    return used


def replaced(own: Sampling, *, steps: int | None, solver: str | None, churn: float | None, resamples: int | None) -> Sampling:
    """``own`` with what was asked instead; raises UsageError for values that cannot be."""
    if steps is not None and not 1 <= steps <= _MOST:
        raise UsageError(f"--steps is {steps}, expected 1 to {_MOST}")
    if solver is not None:
        one_of(SOLVERS, solver, "--solver")
    if churn is not None and not 0 <= churn <= _MOST:
        raise UsageError(f"--churn is {churn}, expected a number from 0 to {_MOST}")
    if resamples is not None and not 1 <= resamples <= _MOST:
        raise UsageError(f"--resamples is {resamples}, expected 1 to {_MOST}")
    asked: dict[str, Any] = {"steps": steps, "solver": solver, "churn": churn, "resamples": resamples}
    return dataclasses.replace(own, **{name: value for name, value in asked.items() if value is not None})


def _difference(own: Sampling, used: Sampling) -> str:
    before, after = dataclasses.asdict(own), dataclasses.asdict(used)
    return ", ".join(f"{name} {after[name]} instead of {before[name]}" for name in after if after[name] != before[name])
