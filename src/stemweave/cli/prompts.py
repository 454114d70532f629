"""Models that are told in words what sounds: prompts of the command line, and the settings of their paper."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from stemweave.cli.options import Quality
from stemweave.cli.values import folder_name
from stemweave.errors import UsageError
from stemweave.model.checkpoint import DEFAULT
from stemweave.model.lineup import Lineup
from stemweave.nets.prompts import label
from stemweave.tasks.presets import gmsdi
from stemweave.tasks.studio import Studio, load

TEXTED = "gmsdi-band"
"""The embedded model for prompts."""


@dataclass(frozen=True)
class Asked:
    """What the command line says in words: prompts and negative prompts by stem name, and the guidance."""

    prompts: Mapping[str, str]
    negatives: Mapping[str, str]
    guidance: float | None

    @classmethod
    def of(cls, prompts: Sequence[str] | None, negatives: Sequence[str] | None, guidance: float | None) -> "Asked":
        """From ``bass="slap bass"`` and the like; raises UsageError for another shape or a name given twice."""
        return cls(named(prompts or (), "--prompt"), named(negatives or (), "--negative"), guidance)

    def __bool__(self) -> bool:
        return bool(self.prompts or self.negatives or self.guidance is not None)

    def studio(self, model: str | None, quality: Quality, device: str, given: Sequence[str] = ()) -> Studio:
        """The model with these stems, and with the ``given`` ones by their own names; `band` where nothing is said in words.

        Raises what `load` does, ModelError for prompts to a model that knows only its own stems, and UsageError for what it
        cannot read.
        """
        studio = load(model or (TEXTED if self else DEFAULT), device=device)
        if self:
            own = {name: label(name) for name in given} if self.prompts else {name: label(name) for name in studio.stems}
            studio = studio.told(
                {**self.prompts, **{n: t for n, t in own.items() if n not in self.prompts}},
                negatives=self.negatives,
                guidance=self.guidance,
            )
        return published(studio) if quality is Quality.PAPER else studio


def published(studio: Studio) -> Studio:
    """The model as 2403.11706 used its own; raises UsageError for another kind."""
    if not isinstance(studio.model, Lineup):
        raise UsageError(f"--quality paper is for models that are told in words, such as {TEXTED}, not {studio.config.name}")
    return replace(studio, model=gmsdi(studio.model))


def words(studio: Studio) -> dict[str, Any]:
    """What a model was told, for manifests; nothing for one that cannot be."""
    if not isinstance(studio.model, Lineup):
        return {}
    return {"prompts": dict(zip(studio.stems, studio.model.prompts, strict=True))}


def named(pairs: Sequence[str], option: str) -> dict[str, str]:
    """Texts by name from ``bass="slap bass"``; a text alone is its own name. Raises UsageError as `Asked.of` says."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        name, text = (name.strip(), text.strip()) if equals else (folder_name(pair, option), pair.strip())
        if not (name and text):
            raise UsageError(f'{option} is {pair!r}, expected NAME=TEXT, such as bass="slap bass"')
        if name in found:
            raise UsageError(f"{option} names {name} twice: name each stem once")
        found[name] = text
    return found
