"""A setting of the study: one way to separate a song, as plain values that a row of a table can hold."""

from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields, replace

from stemweave.model.config import Sampling
from stemweave.tasks.likelihoods import LIKELIHOODS, Dirac, Gaussian, Likelihood, explicit
from stemweave.tasks.sampler import Sampler
from stemweave.tasks.separate import Separation

EXPLICIT = "gaussian, explicit"
"""The Gaussian likelihood as the paper steps it (2302.02257), its gradient with the prior's."""
RULES: Mapping[str, Likelihood] = {**LIKELIHOODS, EXPLICIT: Gaussian(relaxation=explicit)}
OWN = "own"
"""The start that the likelihood has: its own answer for the posterior mean, silence for the others."""

CALLS = {"euler": 1, "heun": 2, "adpm2": 2, "ancestral": 1, "dpm2m": 1, "dpm2m-sde": 1}
"""Calls of the network per step by solver; the step to 0 takes one."""


@dataclass(frozen=True)
class Setting:
    """A likelihood, and how it is walked. `gamma` is EDM's γ of churn, the same whatever the number of steps."""

    likelihood: str
    steps: int
    solver: str = "euler"
    gamma: float = 0.0
    resamples: int = 1
    sigma_max: float = 1.0
    sigma_min: float = 1e-3
    anchor: str = ""
    start: str = OWN
    draws: int = 1

    @property
    def sampling(self) -> Sampling:
        """As a checkpoint stores it: churn is γ times the number of steps (2206.00364 alg. 2)."""
        return Sampling(
            self.steps, self.sigma_max, self.sigma_min, solver=self.solver, churn=self.gamma * self.steps,
            resamples=self.resamples, draws=self.draws, start="" if self.start == OWN else self.start,
        )  # fmt: skip

    @property
    def separation(self) -> Separation:
        """What separates so. Raises what `Sampler.of` raises."""
        rule = RULES[self.likelihood]
        rule = Dirac(self.anchor) if isinstance(rule, Dirac) else rule
        return Separation(rule, Sampler.of(self.sampling))

    @property
    def evaluations(self) -> int:
        """Evaluations of the network that it takes per window of music."""
        calls = CALLS[self.solver]
        walk = self.resamples * (calls * self.steps - (calls - 1))
        return self.draws * (walk + (self.likelihood == "posterior-mean" and self.start == OWN))

    @property
    def name(self) -> str:
        """What tells it from others of its likelihood, in words."""
        said = [f"{self.steps} × {self.solver}", f"σ {self.sigma_max:g} to {self.sigma_min:g}"]
        said += [f"γ {self.gamma:.3g}"] * (self.gamma > 0) + [f"resamples {self.resamples}"] * (self.resamples > 1)
        said += [f"anchor {self.anchor}"] * bool(self.anchor) + [f"start {self.start}"] * (self.start != OWN)
        return ", ".join(said + [f"{self.draws} draws"] * (self.draws > 1))

    def row(self) -> dict[str, str]:
        """Its fields as text."""
        return dict(zip(FIELDS, map(str, astuple(self)), strict=True))

    @classmethod
    def of(cls, row: Mapping[str, str]) -> "Setting":
        """Read back what `row` wrote."""
        return cls(**{field.name: field.type(row[field.name]) for field in fields(cls)})  # type: ignore[operator]


FIELDS = tuple(field.name for field in fields(Setting))


def within(setting: Setting, evaluations: int) -> Setting | None:
    """The setting with as many steps as so many evaluations allow; None where not even one step fits."""
    fitting = (made for n in range(evaluations, 0, -1) if (made := replace(setting, steps=n)).evaluations <= evaluations)
    return next(fitting, None)
