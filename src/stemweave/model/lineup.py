"""A model that is told in words what sounds, with a line-up: any stems that can be named, one prompt each (2403.11706)."""

import copy
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Self

from torch import Tensor

from stemweave.diffusion.denoiser import Denoiser
from stemweave.diffusion.guidance import Guidance, GuidedPrompts, Prompted
from stemweave.errors import ModelError, UsageError
from stemweave.model.config import ModelConfig, Prompting, Settings
from stemweave.model.model import Model
from stemweave.nets.prompts import label, spelled

Words = str | None
"""What a model is told of one signal; None stands for nothing said."""

Sounds = set[frozenset[object]]
"""What a text names: the words of each of its phrases."""


class Lineup(Model):
    """One network over single signals; its stems are what it is told of, by itself those of its configuration, by name.

    `prompts`, `references` (negative prompts, or None) and `guidance` are, stem by stem, what `prior` uses.
    """

    prompts: tuple[Words, ...]
    references: tuple[Words, ...]
    guidance: Guidance
    _negatives: Mapping[str, str]
    _chosen: Guidance | None

    def stand(self) -> None:
        """Take the configuration's own stems as line-up."""
        self.prompts = tuple(map(label, self.config.stems))
        self._negatives, self._chosen = {}, None
        self.references, self.guidance = (None,) * len(self.prompts), Guidance(1.0)

    @abstractmethod
    def voice(self) -> Prompted:
        """The network, to be asked about several signals in one forward pass."""

    @abstractmethod
    def read(self, texts: Sequence[str]) -> None:
        """Raises UsageError for texts that the model cannot read."""

    def shares(self, mixture: Tensor) -> Tensor:  # noqa: ARG002
        """The mixture, shared out by what the prompts let expect in it, without guidance; the parts sum to it.

        Shape: (batch, channels, samples) → (batch, stems, channels, samples). Raises ModelError for a network that expects no
        spectra.
        """
        raise ModelError(f"{self.config.name} expects no spectra of what it is told; use the likelihood dirac")

    @property
    def expects(self) -> bool:
        """Whether there are `shares`."""
        return False

    def told(
        self, prompts: Mapping[str, str], negatives: Mapping[str, str] | None = None, guidance: Guidance | None = None
    ) -> Self:
        """The same network with these stems: prompts, and negative prompts of some, by stem name.

        What is left out is as each job has it (`doing`). Levels of stems that the configuration does not know are the mean of
        those it knows. Raises UsageError for no prompts, for negative prompts of unknown stems, and for texts that the model
        cannot read.
        """
        negatives = negatives or {}
        if not prompts:
            raise UsageError("no prompts: name at least one stem")
        if unknown := sorted(set(negatives) - set(prompts)):
            raise UsageError(f"a negative prompt for {unknown[0]!r}; the stems are {', '.join(prompts)}")
        self.read([*prompts.values(), *negatives.values()])
        other = copy.copy(self)
        other.config = named(self.config, tuple(prompts))
        other.prompts = tuple(prompts.values())
        other._negatives, other._chosen = dict(negatives), guidance
        other.references = tuple(negatives.get(stem) for stem in prompts)
        other.guidance = guidance or Guidance(1.0)
        return other

    def doing(self, prompting: Prompting) -> Self:
        """The same line-up under a job's own guidance and negative prompts, where it was not told others.

        A job's negative prompt is left out where it names what the prompt asks for (`alike`).
        """
        other, usual = copy.copy(self), dict(prompting.negatives)
        other.references = tuple(
            self._negatives.get(stem) or self._apart(prompt, usual.get(stem))
            for stem, prompt in zip(self.config.stems, self.prompts, strict=True)
        )
        other.guidance = self._chosen or Guidance(
            prompting.weight, prompting.low, prompting.high or float("inf"), prompting.rescale
        )
        return other

    def prior(self) -> Denoiser:
        """Independent priors, one prompt each, under guidance, in one forward pass."""
        return self.asked(self.prompts, self.references)

    def asked(self, prompts: tuple[Words, ...], references: tuple[Words, ...]) -> Denoiser:
        """The prior of any signals under the guidance of this line-up, references in the same forward pass."""
        return GuidedPrompts(self.voice(), prompts, references, self.guidance)

    def names(self, text: str) -> Sounds:
        """What a text names, to be compared; phrases are parted by commas."""
        return {frozenset(words) for phrase in spelled(text).split(",") if (words := phrase.split())}

    def alike(self, one: str, other: str) -> bool:
        """Whether both name one sound: all words of a phrase are in a phrase of the other, as "drums" in "jazz drums"."""
        theirs = self.names(other)
        return any(mine <= each or each <= mine for mine in self.names(one) for each in theirs)

    def _apart(self, prompt: Words, negative: str | None) -> Words:
        return None if prompt and negative and self.alike(prompt, negative) else negative


def named(config: ModelConfig, stems: tuple[str, ...]) -> ModelConfig:
    """The configuration for these stems: levels of those it knows, and their mean for others; no measured errors."""
    known = dict(zip(config.stems, config.levels, strict=False))
    typical = (sum(level**2 for level in known.values()) / len(known)) ** 0.5 if known else config.sigma_data
    return replace(
        config,
        stems=stems,
        levels=tuple(known.get(stem, typical) for stem in stems),
        error_sigmas=(),
        errors=(),
        settings=fitted(config.settings, stems),
        best=fitted(config.best, stems),
    )


def fitted(settings: Settings, stems: tuple[str, ...]) -> Settings:
    """The settings without stems that are not there."""
    extracted = tuple(stem for stem in settings.extracted if stem in stems)
    return replace(settings, anchor=settings.anchor if settings.anchor in stems else "", extracted=extracted)


def together(prompts: Sequence[Words]) -> Words:
    """One prompt for all of these signals at once, such as "Bass, Drums"; nothing where nothing was said."""
    return ", ".join(prompt for prompt in prompts if prompt) or None
