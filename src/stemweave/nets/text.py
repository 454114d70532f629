"""Conditioners: texts become what a net hears, in two acts.

`Conditioner.prepare` turns texts into tensors on the CPU, with a vocabulary (`Words`) or a frozen model (`Encoded`, over the
encoders of `encoders`); `Conditioner.forward` turns those into a `Prompt` with what is learned.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor, nn

from stemweave.errors import UsageError
from stemweave.nets.prompts import Prepared, Prompt, checked, spelled, stacked
from stemweave.nets.text_cache import Encoder, TextCache


class Reader(Protocol):
    """The first act, and the learned module that the second needs for it."""

    def prepare(self, texts: Sequence[str], /) -> Prepared:
        """Texts as tensors on the CPU."""

    def embedding(self, width: int, /) -> nn.Module:
        """A fresh module from `Prepared.values` to (batch, n, width)."""


@dataclass(frozen=True)
class Words:
    """A vocabulary: "slap bass, Drums" is the set of its phrases in any order and case, a phrase a bag of words. No text model.

    Each name holds all spellings of one word, "drums drum kit". Commas, "and", "with" and the like end a phrase; articles do
    not count. Raises :class:`UsageError` for a vocabulary that is empty or knows a spelling twice.
    """

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        spellings = [spelling for name in self.names for spelling in _words(name)]
        if not spellings or len(set(spellings)) < len(spellings) or not all(map(_words, self.names)):
            raise UsageError(f"words {', '.join(map(repr, self.names)) or 'of none'}: expected names with distinct spellings")

    def prepare(self, texts: Sequence[str]) -> Prepared:
        """Places in the vocabulary from 1 (batch, phrases, `LONGEST`), 0 where a phrase is shorter; phrases ascending.

        Raises :class:`UsageError` for an empty text, an unknown word, a phrase of too many, or a text that names nothing.
        """
        return stacked([torch.tensor(self._phrases(text)) for text in checked(texts)])

    def embedding(self, width: int) -> nn.Module:
        """The sum of one learned vector per word."""
        return Bag(len(self.names), width)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {spelling: place for place, name in enumerate(self.names, 1) for spelling in _words(name)}

    @property
    def _known(self) -> str:
        return ", ".join(_words(name)[0] for name in self.names)

    def _phrases(self, text: str) -> list[list[int]]:
        found = {self._phrase(part) for part in _JOINTS.split(spelled(text))} - {()}
        if not found:
            raise UsageError(f"the prompt {text[:80]!r} names nothing: this model knows {self._known}")
        return sorted([*phrase, *[0] * (LONGEST - len(phrase))] for phrase in found)

    def _phrase(self, text: str) -> tuple[int, ...]:
        said = [word for word in _words(text) if word not in _ARTICLES]
        if unknown := [word for word in said if word not in self._places]:
            raise UsageError(f"unknown word {unknown[0][:40]!r} in a prompt: this model knows {self._known}")
        places = tuple(sorted({self._places[word] for word in said}))
        if len(places) > LONGEST:
            raise UsageError(f"{len(places)} words on one sound in {text[:40]!r}, at most {LONGEST}: part sounds by commas")
        return places


LONGEST = 6
"""Words of a phrase."""
_JOINTS = re.compile(r"[,;:+&/.]|\b(?:and|with|at|playing|plus)\b")
_ARTICLES = frozenset(("a", "an", "the", "some"))


class Bag(nn.Module):
    """Sums of word vectors. Shape: (..., words) places from 1, 0 for none → (..., width)."""

    def __init__(self, words: int, width: int) -> None:
        super().__init__()
        self.words = nn.Embedding(words + 1, width, padding_idx=0)

    def forward(self, places: Tensor) -> Tensor:
        """One vector per phrase."""
        return self.words(places).sum(-2)


@dataclass(frozen=True, eq=False)
class Encoded:
    """Free text through a frozen ``encoder``, each text once in the life of ``cache``."""

    encoder: Encoder
    cache: TextCache = field(default_factory=TextCache)

    def prepare(self, texts: Sequence[str]) -> Prepared:
        """Vectors (batch, n, features). Raises :class:`UsageError` for an empty text, and what the encoder raises."""
        return stacked(self.cache.encoded(self.encoder, checked(texts)))

    def embedding(self, width: int) -> nn.Module:
        """A linear layer on vectors brought to one size: encoders differ in theirs by a factor of ten and more."""
        features = self.encoder.features
        return nn.Sequential(nn.LayerNorm(features, elementwise_affine=False), nn.Linear(features, width))


class Conditioner(nn.Module):
    """Texts to prompts of ``width``, and the learned prompt that stands for none (2207.12598 section 3.2).

    Its parameters and its state are what is learned; an encoder's weights are neither.
    """

    def __init__(self, reader: Reader, width: int) -> None:
        super().__init__()
        self.reader = reader
        self.embedding = reader.embedding(width)
        self.pool = nn.Linear(width, width)
        self.null_token = nn.Parameter(torch.randn(width))
        self.null_pooled = nn.Parameter(torch.randn(width) / width**0.5)

    def prepare(self, texts: Sequence[str]) -> Prepared:
        """The first act: tensors on the CPU. Raises :class:`UsageError` for texts that the reader cannot take."""
        return self.reader.prepare(texts)

    def forward(self, prepared: Prepared, batch: int | None = None) -> Prompt:
        """The second act, one prompt per text; with ``batch`` one text serves all. The vector is of the mean over the tokens.

        Raises :class:`UsageError` where ``batch`` is neither the number of texts nor are they one.
        """
        prepared = prepared.to(self.null_token.device)
        sounding = prepared.mask[..., None]
        tokens = torch.where(sounding, self.embedding(prepared.values), 0)
        pooled = self.pool(tokens.sum(1) / sounding.sum(1))
        prompt = Prompt(tokens, prepared.mask, pooled)
        return prompt if batch is None else prompt.repeated(batch)

    def null(self, batch: int = 1) -> Prompt:
        """The learned prompt that stands for none: one token."""
        mask = torch.ones(1, 1, dtype=torch.bool, device=self.null_token.device)
        return Prompt(self.null_token[None, None], mask, self.null_pooled[None]).repeated(batch)

    def dropped(self, prompt: Prompt, share: float, generator: torch.Generator | None = None) -> Prompt:
        """The prompts with a random ``share`` of them replaced, whole, by the null prompt: for training.

        The draw is on the CPU. Raises :class:`UsageError` for a share outside 0 to 1.
        """
        if not 0 <= share <= 1:
            raise UsageError(f"a share of {share:g} prompts dropped, expected 0 to 1")
        gone = (torch.rand(len(prompt), generator=generator) < share).to(prompt.mask.device)
        return _chosen(gone, self.null(len(prompt)).padded(prompt.mask.shape[1]), prompt)


def _chosen(which: Tensor, yes: Prompt, no: Prompt) -> Prompt:
    return Prompt(
        torch.where(which[:, None, None], yes.tokens, no.tokens),
        torch.where(which[:, None], yes.mask, no.mask),
        torch.where(which[:, None], yes.pooled, no.pooled),
    )


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


_WORD = re.compile(r"[^\W_]+")
