"""A model of mixtures that is told in words what sounds (2403.11706): any stems that can be named, one prompt each."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from stemweave.diffusion.denoiser import Denoiser
from stemweave.diffusion.guidance import Guidance, GuidedPrompts
from stemweave.errors import ModelError, UsageError
from stemweave.model.config import EncoderConfig, ModelConfig, TextConfig
from stemweave.model.model import Model
from stemweave.nets.encoders import clap, sentences, t5
from stemweave.nets.prompts import Prompt, joined, label
from stemweave.nets.text import Conditioner, Encoded, Reader

Words = str | None
"""What the model is told of one signal; None is the learned prompt that stands for nothing said."""


class TextModel(Model):
    """One network over single signals. Its stems are what it is told of; by itself those of its configuration, by name.

    `prompts`, `references` (negative prompts, or None for the learned one) and `guidance` are per stem what `prior` uses.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        if not config.text:
            raise ModelError(f"{config.name} is no model of text")
        self.conditioner = Conditioner(reader(config.text), config.text.width)
        self.prompts: tuple[Words, ...] = tuple(map(label, config.stems))
        self.references: tuple[Words, ...] = (None,) * len(config.stems)
        self.guidance = Guidance(1.0)

    def told(
        self, prompts: Mapping[str, str], negatives: Mapping[str, str] | None = None, guidance: Guidance | None = None
    ) -> "TextModel":
        """The same network with these stems: prompts, and negative prompts of some, by stem name.

        Levels of stems that the configuration does not know are the mean of those it knows. Raises UsageError for no prompts,
        for negative prompts of unknown stems, and for texts that the model cannot read.
        """
        negatives = negatives or {}
        if not prompts:
            raise UsageError("no prompts: name at least one stem")
        if unknown := sorted(set(negatives) - set(prompts)):
            raise UsageError(f"a negative prompt for {unknown[0]!r}; the stems are {', '.join(prompts)}")
        self.conditioner.prepare([*prompts.values(), *negatives.values()])
        known = dict(zip(self.config.stems, self.config.levels, strict=False))
        typical = (sum(level**2 for level in known.values()) / len(known)) ** 0.5 if known else self.config.sigma_data
        other = copy.copy(self)
        other.config = replace(
            self.config,
            stems=tuple(prompts),
            levels=tuple(known.get(stem, typical) for stem in prompts),
            error_sigmas=(),
            errors=(),
        )
        other.prompts = tuple(prompts.values())
        other.references = tuple(negatives.get(stem) for stem in prompts)
        other.guidance = guidance or self.guidance
        return other

    def prior(self) -> Denoiser:
        """Independent priors, one prompt each, under guidance, in one forward pass."""
        return GuidedPrompts(Asked(self), self.prompts, self.references, self.guidance)

    def forward(self, x: Tensor, sigma: Tensor, mixture: Tensor, mixed: Tensor) -> Tensor:  # noqa: ARG002
        """As `Model.forward`, without guidance; `mixture` and `mixed` are ignored."""
        heard = self.heard(self.prompts)
        return self.each(x, sigma, heard)

    def heard(self, prompts: tuple[Words, ...]) -> Prompt:
        """What the network hears of these texts, one after another."""
        texts = [text for text in prompts if text is not None]
        said = iter(self.conditioner(self.conditioner.prepare(texts)).split() if texts else ())
        return joined([self.conditioner.null() if text is None else next(said) for text in prompts])

    def each(self, x: Tensor, sigma: Tensor, heard: Prompt) -> Tensor:
        """Every stem under its own prompt. Shapes: x (batch, stems, channels, samples), sigma (batch, stems), heard (stems)."""
        batch = x.shape[0]
        return self.denoised(x.flatten(0, 1).unsqueeze(1), sigma.flatten(), heard.tiled(batch)).view_as(x)

    def denoised(self, x: Tensor, sigma: Tensor, prompt: Prompt) -> Tensor:
        """Shapes: x (batch, 1, channels, samples), sigma (batch,), prompt (batch) → as x."""
        level = sigma[:, None, None, None]
        answer = self.net(self.precondition.scale(level) * x, self.precondition.noise(sigma), prompt)
        return self.precondition.denoised(x, level, answer)


@dataclass(frozen=True, eq=False)
class Asked:
    """A `TextModel` as `stemweave.diffusion.guidance.Prompted`: each set of prompts is read once."""

    model: TextModel
    _heard: dict[tuple[Words, ...], Prompt] = field(default_factory=dict)

    def __call__(self, x: Tensor, sigma: Tensor, prompts: tuple[Words, ...], /) -> Tensor:
        """Shape: (batch, prompts, channels, samples) → the same."""
        if prompts not in self._heard:
            self._heard[prompts] = self.model.heard(prompts)
        levels = x.new_full(x.shape[:2], float(sigma))
        return self.model.each(x, levels, self._heard[prompts])

    def __repr__(self) -> str:
        return f"Asked({self.model.config.name})"


def reader(config: TextConfig) -> Reader:
    """What turns texts into tensors. Raises ModelError for an encoder this version does not know, and what encoders raise."""
    if not isinstance(config.reader, EncoderConfig):
        return config.reader
    source = (config.reader.source,) if config.reader.source else ()
    match config.reader.encoder:
        case "t5":
            return Encoded(t5(*source))
        case "clap":
            return Encoded(clap(*source))
        case "sentences":
            return Encoded(sentences())
    raise ModelError(f"the model reads texts with {config.reader.encoder!r}; this stemweave has t5, clap and sentences")
