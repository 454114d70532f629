"""The factors of a grid: ``--vary`` as values, and their combinations as points with names."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from types import UnionType
from typing import Any

from stemweave.cli.values import one_of, stem_names
from stemweave.errors import UsageError
from stemweave.tasks.apart import Ensemble
from stemweave.tasks.likelihoods import LIKELIHOODS, Dirac, Gaussian

Point = Mapping[str, Any]
"""A value for each factor that varies."""


@dataclass(frozen=True)
class Factor:
    """A setting that can vary: how a word is read, how its value is called in a table, which kinds of likelihood have it."""

    read: Callable[[str], Any] = str
    called: Callable[[Any], str] = str
    of: type | UnionType = object


FACTORS: Mapping[str, Factor] = {
    "likelihood": Factor(),
    "anchor": Factor(of=Dirac | Ensemble),
    "extracted": Factor(called="extracted {}".format, of=Ensemble),
    "gamma": Factor(called="gamma {}".format, of=Gaussian),
    "relaxation": Factor(of=Gaussian),
    "guidance": Factor(float, "guidance {:g}".format),
    "negatives": Factor(called="negatives {}".format),
    "model": Factor(),
    "lineup": Factor(called="lineup {}".format),
    "harm": Factor(),
    "solver": Factor(),
    "steps": Factor(int, "steps {:g}".format),
    "churn": Factor(float, "churn {:g}".format),
    "resamples": Factor(int, "resamples {:g}".format),
}


def factors(vary: Sequence[str]) -> dict[str, list[Any]]:
    """Values by factor, from such as ``steps=1,4``; raises UsageError for what is none."""
    read: dict[str, list[Any]] = {}
    for text in vary:
        name, _, values = text.partition("=")
        factor = one_of(FACTORS, name, "--vary")
        if name in read:
            raise UsageError(f"--vary names {name} twice: give all its values at once")
        words = stem_names(values, "--vary") or ()
        try:
            read[name] = [factor.read(word) for word in words]
        except ValueError as error:
            raise UsageError(f"--vary {text}: {values!r} are not all numbers, expected such as {name}=1,4") from error
    return read


def points(varied: Mapping[str, Sequence[Any]]) -> dict[str, Point]:
    """Every combination once, by its name in tables; what a likelihood does not have is left out of its points.

    Raises UsageError for a factor that no point has, and for a likelihood there is not.
    """
    every = [_meant(dict(zip(varied, values, strict=True))) for values in product(*varied.values())]
    for name in varied:
        if not any(name in point for point in every):
            owners = " or ".join(key for key, rule in LIKELIHOODS.items() if isinstance(rule, FACTORS[name].of))
            raise UsageError(f"--vary {name} goes with likelihood={owners} only, which is not varied: add it or leave this out")
    return {_name(point): point for point in every}


def places(named: Mapping[str, Point], across: str) -> dict[str, tuple[str, str]]:
    """By the name of a point, its place in a table with the factor ``across`` along the top: (row, column).

    All other factors name the row. Points without that factor are left out. Raises UsageError for a factor that no point has.
    """
    found = {name: point for name, point in named.items() if across in point}
    if not found:
        raise UsageError(f"--across is {across!r}, expected one of the settings that --vary names")
    return {
        name: (_name({other: value for other, value in point.items() if other != across}), _name({across: point[across]}))
        for name, point in found.items()
    }


def _meant(point: Point) -> Point:
    """The point without what its likelihood does not have."""
    rule = one_of(LIKELIHOODS, point.get("likelihood", "learned"), "--vary likelihood")
    return {name: value for name, value in point.items() if isinstance(rule, FACTORS[name].of)}


def _name(point: Point) -> str:
    return ", ".join(FACTORS[name].called(value) for name, value in point.items()) or "defaults"
