"""Models that are told in words what sounds: prompts of the command line, and the settings of their paper."""

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from stemweave.cli.app import complain
from stemweave.cli.options import Quality
from stemweave.cli.values import folder_name
from stemweave.errors import UsageError
from stemweave.model.checkpoint import DEFAULT
from stemweave.model.config import TextConfig
from stemweave.model.lineup import Lineup
from stemweave.model.model import Model
from stemweave.nets.prompts import label
from stemweave.tasks import presets
from stemweave.tasks.apart import Ensemble, Extractor
from stemweave.tasks.likelihoods import Likelihood, expected
from stemweave.tasks.presets import gmsdi
from stemweave.tasks.prompting import extracting, prompts_of, separating, texted
from stemweave.tasks.studio import Studio, load

TEXTED = "gmsdi-band"
"""The embedded model for prompts."""
LONGEST = 60
"""Letters of a stem's name, which is a file's."""

Usual = Callable[[TextConfig], TextConfig]
"""How a model's jobs are prompted → the same with other negative prompts."""


def own(texts: TextConfig) -> TextConfig:
    """Each job's negative prompts as the model has them."""
    return texts


def none(texts: TextConfig) -> TextConfig:
    """No negative prompts."""
    return presets.against(texts, (), ())


NEGATIVES: Mapping[str, Usual] = {"own": own, "none": none, "paper": presets.prompting}
"""The negative prompts of all jobs by the names that the command line uses."""


@dataclass(frozen=True)
class Asked:
    """What the command line says in words: prompts and negative prompts by stem name, the guidance, the usual negatives."""

    prompts: Mapping[str, str]
    negatives: Mapping[str, str]
    guidance: float | None
    usual: Usual = own

    @classmethod
    def of(cls, prompts: Sequence[str] | None, negatives: Sequence[str] | None, guidance: float | None) -> "Asked":
        """From ``bass="slap bass"`` and the like; a prompt alone is its own name, one negative alone may be one of `NEGATIVES`.

        Raises UsageError for another shape, a name of more than `LONGEST` letters, and one given twice.
        """
        said = named([text if "=" in text else f"{short(text)}={text}" for text in prompts or ()], "--prompt")
        if negatives and len(negatives) == 1 and negatives[0] in NEGATIVES:
            return cls(said, {}, guidance, NEGATIVES[negatives[0]])
        return cls(said, named(negatives or (), "--negative"), guidance)

    def __bool__(self) -> bool:
        return bool(self.prompts or self.negatives or self.guidance is not None or self.usual is not own)

    def studio(self, model: str | None, quality: Quality, device: str, given: Sequence[str] = ()) -> Studio:
        """The model with these stems, and with the ``given`` ones by their own names; `band` where nothing is said in words.

        Raises what `load` does, ModelError for prompts to a model that knows only its own stems, and UsageError for what it
        cannot read.
        """
        studio = load(model or (TEXTED if self else DEFAULT), device=device)
        if self:
            own_names = {name: label(name) for name in (given if self.prompts else studio.stems)}
            studio = studio.told(
                {**self.prompts, **{n: t for n, t in own_names.items() if n not in self.prompts}},
                negatives=self.negatives,
                guidance=self.guidance,
            )
        studio = of_quality(studio, quality)
        return studio if self.usual is own else against(studio, self.usual)


def against(studio: Studio, usual: Usual) -> Studio:
    """The model with other negative prompts of its jobs. Raises ModelError for one that is not told in words."""
    lineup = texted(studio.model, "a prompt")
    other = copy.copy(lineup)
    other.config = replace(lineup.config, text=usual(prompts_of(lineup)))
    return replace(studio, model=other)


def of_quality(studio: Studio, quality: Quality) -> Studio:
    """The model, whose settings are then the paper's where these are asked for; raises UsageError where it has no paper's."""
    return published(studio) if quality is Quality.PAPER else studio


def published(studio: Studio) -> Studio:
    """The model as 2403.11706 used its own; raises UsageError for another kind."""
    if not isinstance(studio.model, Lineup):
        raise UsageError(f"--quality paper is for models that are told in words, such as {TEXTED}, not {studio.config.name}")
    return replace(studio, model=gmsdi(studio.model))


def words(model: Model) -> dict[str, Any]:
    """What a model is told for a job (`stemweave.tasks.prompting`), for manifests; nothing for one that cannot be.

    Says on stderr where negative prompts do nothing.
    """
    if not isinstance(model, Lineup):
        return {}
    against = {stem: text for stem, text in zip(model.config.stems, model.references, strict=True) if text is not None}
    guidance = {name: value if math.isfinite(value) else None for name, value in asdict(model.guidance).items()}
    if against and model.guidance.weight == 1:
        complain(f"negative prompts ({', '.join(against)}) do nothing under guidance 1: ask for another, such as --guidance 2")
    return {**asked_of(model), "negatives": against, "guidance": guidance}


def asked_of(model: Lineup) -> dict[str, Any]:
    """Its prompts alone."""
    return {"prompts": dict(zip(model.config.stems, model.prompts, strict=True))}


def heard(model: Model, rule: Likelihood) -> dict[str, Any]:
    """`words` of taking songs apart by this likelihood; raises ModelError where it needs a model that is told in words."""
    if rule is expected:
        return asked_of(texted(model, "the likelihood expected"))
    match rule:
        case Extractor():
            return words(extracting(texted(model, "the extractor")))
        case Ensemble():
            return words(separating(model)) | {"extraction": words(extracting(texted(model, "the ensemble")))}
    return words(separating(model))


def short(prompt: str) -> str:
    """A prompt as the name of its stem."""
    return folder_name(prompt, "--prompt")[:LONGEST].strip("-")


def named(pairs: Sequence[str], option: str) -> dict[str, str]:
    """Texts by name from ``bass="slap bass"``. Raises UsageError as `Asked.of` says."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, _, text = (part.strip() for part in pair.partition("="))
        if not (name and text):
            raise UsageError(f'{option} is {pair[:40]!r}, expected NAME=TEXT, such as bass="slap bass"')
        if len(name) > LONGEST:
            raise UsageError(f"{option} names a stem {name[:40]!r} and so on: use at most {LONGEST} letters")
        if name in found:
            raise UsageError(f"{option} names {name} twice: name each stem once")
        found[name] = text
    return found
