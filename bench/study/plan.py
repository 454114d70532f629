"""What is measured: settings where one factor varies around a base, in stages, the cheap and telling ones first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bench.study.setting import CALLS, EXPLICIT, OWN, Setting, within

BUDGETS = (1, 2, 4, 8, 12, 18, 25, 40)
"""Evaluations of the network per window."""
AFFORDABLE = BUDGETS[-1]
"""The most that a default may take."""
GAMMAS = (0.05, 0.133, 0.27, 0.414)
PRIORS = ("dirac", "gaussian", "even", "posterior-mean")
"""The likelihoods that tell the mixture to the unconditional prior."""
LIKELIHOODS = ("learned", *PRIORS)
STARTS = ("equal", "power")
LOW = 0.25
"""σ from which a walk that begins at the mixture is tried too."""


@dataclass(frozen=True)
class Family:
    """Settings that differ in one factor alone: its value in words → the setting; the first is what others are compared to."""

    name: str
    settings: dict[str, Setting]


@dataclass(frozen=True)
class Factor:
    """What varies, in words, and the families in which it does."""

    name: str
    title: str
    families: tuple[Family, ...]

    @property
    def settings(self) -> list[Setting]:
        """All of them."""
        return [setting for family in self.families for setting in family.settings.values()]


def bases(likelihood: str, anchor: str) -> tuple[Setting, ...]:
    """What factors vary around: Euler without churn; the learned likelihood in one step, as it is used, and in four.

    The priors start at the paper's σ of 1, the learned likelihood at the 2 that it was trained for.
    """
    if likelihood == "learned":
        return Setting(likelihood, 1, sigma_max=2.0), Setting(likelihood, 4, sigma_max=2.0)
    base = within(Setting(likelihood, 12, anchor=anchor if likelihood == "dirac" else ""), 12)
    assert base is not None
    return (base,)


def official(anchor: str) -> dict[str, Setting]:
    """The separators of 2302.02257 as released, 300 evaluations: Dirac with γ of churn 20, Gaussian 40, over 150 steps."""
    walk = Setting("dirac", 150, gamma=20 / 150, resamples=2, sigma_min=1e-4)
    dirac = {f"dirac, anchor {stem}": replace(walk, anchor=stem) for stem in dict.fromkeys(("bass", anchor))}
    return dirac | {EXPLICIT: replace(walk, likelihood=EXPLICIT, gamma=40 / 150)}


def reference(likelihood: str, anchor: str) -> Setting:
    """The official setting that a likelihood is compared with: the paper's own, or Dirac with the paper's anchor."""
    return official(anchor)[EXPLICIT if likelihood == "gaussian" else "dirac, anchor bass"]


def long(anchor: str) -> list[Setting]:
    """The paper's walk of 300 evaluations through the other likelihoods, and Euler in 75 and 150 steps."""
    same = reference("dirac", anchor)
    others = [replace(same, likelihood=name, anchor="") for name in LIKELIHOODS if name != "dirac"]
    plain = [replace(bases(name, anchor)[-1], steps=steps) for steps in (75, 150) for name in ("learned", "dirac", "gaussian")]
    return sorted(plain + others, key=lambda one: one.evaluations)


def factors(stems: Sequence[str], anchor: str) -> tuple[Factor, ...]:
    """One factor at a time, over all likelihoods; `anchor` is the stem expected loudest."""
    starting = [base for name in LIKELIHOODS for base in bases(name, anchor)]
    dirac = [base for base in starting if base.likelihood == "dirac"]
    last = [bases(name, anchor)[-1] for name in LIKELIHOODS]
    sigmas = (0.25, 0.5, 1.0, 2.0)
    return (
        Factor("evaluations", "Evaluations (Euler, no churn)", tuple(map(_budgets, last))),
        Factor("solver", "Solver, no churn", tuple(_solvers(base, k * base.evaluations) for k in (1, 2) for base in last)),
        Factor("sigma-max", "Where noise begins, σ max", tuple(_varied(base, "sigma_max", sigmas) for base in starting)),
        Factor("sigma-min", "Where noise ends, σ min", tuple(_varied(base, "sigma_min", (1e-4, 1e-3, 1e-2)) for base in last)),
        Factor("start", "Where the walk begins", tuple(_starts(one) for base in starting for one in _and_lower(base))),
        Factor("churn", "γ of churn", tuple(_varied(base, "gamma", (0.0, *GAMMAS)) for base in last)),
        Factor("resamples", "Resamples, at equal evaluations", tuple(_equal(base, "resamples", (1, 2, 4)) for base in last)),
        Factor("anchor", "Anchor of Dirac", tuple(_varied(base, "anchor", stems) for base in dirac)),
        Factor("draws", "Mean of several draws", tuple(_varied(base, "draws", (1, 2, 4)) for base in starting)),
        Factor("fewer-steps", "Mean of several shorter draws", tuple(_equal(base, "draws", (1, 2, 4)) for base in last)),
    )  # fmt: skip


def _budgets(base: Setting) -> Family:
    made = {f"{budget}": within(base, budget) for budget in (base.evaluations, *BUDGETS)}
    return Family(base.likelihood, _possible(made))


def _solvers(base: Setting, budget: int) -> Family:
    made = {name: within(replace(base, solver=name), budget) for name in CALLS}
    return Family(f"{base.likelihood}, up to {budget} evaluations", _possible(made))


def _varied(base: Setting, field: str, values: Sequence[float | str]) -> Family:
    """The base's own value first."""
    own = getattr(base, field)
    ordered = (own, *(value for value in values if value != own))
    return Family(_called(base), {_word(value): replace(base, **{field: value}) for value in ordered})


def _equal(base: Setting, field: str, values: Sequence[int]) -> Family:
    made = {f"{value}": within(replace(base, **{field: value}), base.evaluations) for value in values}  # type: ignore[arg-type]
    return Family(_called(base), _possible(made))


def _and_lower(base: Setting) -> Iterator[Setting]:
    yield base
    yield replace(base, sigma_max=LOW)


def _starts(base: Setting) -> Family:
    others = ("silence", *STARTS) if base.likelihood == "posterior-mean" else STARTS
    made = {value: replace(base, start=value) for value in (OWN, *others)}
    return Family(f"{_called(base)}, σ from {base.sigma_max:g}", made)


def _possible(made: dict[str, Setting | None]) -> dict[str, Setting]:
    return {value: setting for value, setting in made.items() if setting}


def _called(base: Setting) -> str:
    return f"{base.likelihood}, {base.evaluations} evaluations"


def _word(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"
