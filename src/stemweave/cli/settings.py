"""What a grid measures: models, and a point's setting as what separates there."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from stemweave.cli import measuring
from stemweave.cli.blends import blended, part_names
from stemweave.cli.factors import Point
from stemweave.cli.harms import hearing
from stemweave.cli.prompts import NEGATIVES, against
from stemweave.cli.sampling import RELAXATIONS, replaced, width_of
from stemweave.cli.values import one_of
from stemweave.data.layouts import Corpus
from stemweave.errors import UsageError
from stemweave.evaluation.protocols.estimators import separator
from stemweave.evaluation.protocols.lineups import Lineup, Some, everyone
from stemweave.evaluation.protocols.pieces import Setting
from stemweave.nets.prompts import label
from stemweave.tasks.apart import Ensemble
from stemweave.tasks.likelihoods import LIKELIHOODS, Dirac, Gaussian, Likelihood, own_sampling
from stemweave.tasks.sampler import Sampler
from stemweave.tasks.separate import Separation, Share
from stemweave.tasks.studio import Studio, load

LOUDEST = "loudest"
"""The anchor that is expected to be the loudest, Dirac's default."""

ALL = "all"
"""The line-up of every stem a song has."""


NONE = "none"
"""No stem at all, where several can be named."""


def loaded(names: Sequence[str], device: str) -> dict[str, Studio]:
    """Models by name, ``A*B`` being the product of two; raises UsageError where they know different stems."""
    named = {name: part_names(name) for name in names}
    once = {part: load(part, device=device) for part in dict.fromkeys(chain(*named.values()))}
    studios = {name: blended(*(once[part] for part in parts)) for name, parts in named.items()}
    stems = {name: studio.stems for name, studio in studios.items()}
    if len(set(stems.values())) > 1:
        known = "; ".join(f"{name}: {', '.join(own)}" for name, own in stems.items())
        raise UsageError(f"these models know different stems ({known}): compare models of the same stems")
    return studios


def about_models(studios: Mapping[str, Studio], corpus: Corpus) -> dict[str, Any]:
    """What is measured on what, where several models are: as `measuring.about`, with every model by name."""
    first = next(iter(studios.values()))
    shared = measuring.about(first, corpus, first.stems)
    del shared["model"]
    return shared | {"models": {name: measuring.about_model(studio) for name, studio in studios.items()}}


def setting(name: str, studio: Studio, rule: Likelihood, point: Point, shares: Mapping[str, Share]) -> Setting:
    """What separates at a point, by likelihood ``rule``; what the point leaves open is as the model has it.

    Raises UsageError for values that cannot be, ModelError for prompting of a model that is not told in words.
    """
    studio = prompted(studio, point)
    own = own_sampling(studio.config.settings, rule)
    asked = {name: point.get(name) for name in ("steps", "solver", "churn", "resamples")}
    used = replaced(own, **asked)
    hear, lineup = hearing(point.get("harm", "none")), lineup_of(point.get("lineup", ALL), studio.stems)
    return Setting(name, separator(studio.model, Separation(rule, Sampler.of(used)), shares, hear), lineup)


def prompted(studio: Studio, point: Point) -> Studio:
    """The model under a point's guidance and negative prompts, where it has some."""
    if "negatives" in point:
        studio = against(studio, one_of(NEGATIVES, point["negatives"], "--vary negatives"))
    if "guidance" in point:
        studio = studio.told({stem: label(stem) for stem in studio.stems}, guidance=point["guidance"])
    return studio


def rule_of(point: Point, stems: Sequence[str], extracted: Sequence[str] = ()) -> Likelihood:
    """A point's likelihood with the settings of its own; ``extracted`` are those of an ensemble that names none.

    Raises UsageError for what cannot be.
    """
    anchors = {LOUDEST: None, **{stem: stem for stem in stems}}
    match one_of(LIKELIHOODS, point.get("likelihood", "learned"), "--vary likelihood"):
        case Dirac():
            return Dirac(one_of(anchors, point.get("anchor", LOUDEST), "--vary anchor"))
        case Ensemble():
            anchor = one_of(anchors, point.get("anchor", LOUDEST), "--vary anchor")
            return Ensemble(extracted_of(point["extracted"], stems) if "extracted" in point else tuple(extracted), anchor)
        case Gaussian() as rule:
            gamma = width_of(point["gamma"]) if "gamma" in point else rule.gamma
            return Gaussian(gamma, one_of(RELAXATIONS, point.get("relaxation", "exact"), "--vary relaxation"))
        case rule:
            return rule


def extracted_of(text: str, stems: Sequence[str]) -> tuple[str, ...]:
    """``none``, or such as ``bass+guitar``; raises UsageError unless these are some of ``stems``, each once."""
    names = () if text == NONE else tuple(text.split("+"))
    if len(set(names)) < len(names) or not set(names) <= set(stems):
        known = ", ".join(stems)
        raise UsageError(f"--vary extracted is {text!r}, expected none, or different ones of {known} with + between")
    return names


def lineup_of(text: str, stems: Sequence[str]) -> Lineup:
    """``all``, or such as ``bass+drums``; raises UsageError unless these are two or more of ``stems``, each once."""
    names = text.split("+")
    if text == ALL:
        return everyone
    if len(names) < 2 or len(set(names)) < len(names) or not set(names) <= set(stems):
        known = ", ".join(stems)
        raise UsageError(f"--vary lineup is {text!r}, expected all, or two or more different ones of {known} with + between")
    return Some(tuple(names))
