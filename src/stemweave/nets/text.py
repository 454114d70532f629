"""Conditioners: texts become what a net hears, in two acts.

`Conditioner.prepare` turns texts into tensors on the CPU, with a vocabulary (`Labels`) or a frozen model (`Encoded`, over the
encoders of `encoders`); `Conditioner.forward` turns those into a `Prompt` with what is learned.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor, nn

from stemweave.errors import UsageError
from stemweave.nets.prompts import Prepared, Prompt, checked, stacked
from stemweave.nets.text_cache import Encoder, TextCache


class Reader(Protocol):
    """The first act, and the learned module that the second needs for it."""

    def prepare(self, texts: Sequence[str], /) -> Prepared:
        """Texts as tensors on the CPU."""

    def embedding(self, width: int, /) -> nn.Module:
        """A fresh module from `Prepared.values` to (batch, n, width)."""


@dataclass(frozen=True)
class Labels:
    """A vocabulary: "Bass, Drums" is the set of its names, in any order and case. No text model.

    Raises :class:`UsageError` for a vocabulary that is empty, says a name twice, or holds an empty name or one with a comma.
    """

    names: tuple[str, ...]
    _places: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        places = {_plain(name): place for place, name in enumerate(self.names)}
        if not places or len(places) < len(self.names) or "" in places or any("," in name for name in places):
            raise UsageError(f"labels {', '.join(map(repr, self.names)) or 'of none'}: expected distinct names without commas")
        object.__setattr__(self, "_places", places)

    def prepare(self, texts: Sequence[str]) -> Prepared:
        """Indices (batch, n), ascending in each text. Raises :class:`UsageError` for an empty text or an unknown name."""
        return stacked([torch.tensor(self._found(text)) for text in checked(texts)])

    def embedding(self, width: int) -> nn.Module:
        """One learned vector per name."""
        return nn.Embedding(len(self.names), width)

    def _found(self, text: str) -> list[int]:
        said = {_plain(part) for part in text.split(",")} - {""}
        if unknown := sorted(said - set(self._places)):
            raise UsageError(f"unknown label {unknown[0][:80]!r}: this model knows {', '.join(self.names)}")
        if not said:
            raise UsageError(f"the prompt {text[:80]!r} names nothing: this model knows {', '.join(self.names)}")
        return sorted(self._places[name] for name in said)


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


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()
