"""Prompts as tensors: what a conditioner prepares on the CPU, and what a net hears of it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from stemweave.errors import UsageError


@dataclass(frozen=True, eq=False)
class Prepared:
    """Texts as tensors on the CPU; nothing in them is learned, so they may be kept, or made by a loader's workers.

    Shapes: ``values`` (batch, n, words) of indices or (batch, n, features); ``mask`` (batch, n), False where padded.
    """

    values: Tensor
    mask: Tensor

    def to(self, device: torch.device | str) -> "Prepared":
        """The same on another device."""
        return Prepared(self.values.to(device), self.mask.to(device))


@dataclass(frozen=True, eq=False)
class Prompt:
    """What a net hears: a sequence to attend to, and one vector.

    Shapes: ``tokens`` (batch, n, width), zero where padded; ``mask`` (batch, n), False where padded; ``pooled`` (batch, width).
    """

    tokens: Tensor
    mask: Tensor
    pooled: Tensor

    def __len__(self) -> int:
        return len(self.mask)

    def padded(self, length: int) -> "Prompt":
        """The same with ``length`` tokens, the added ones masked out."""
        extra = length - self.mask.shape[1]
        return Prompt(F.pad(self.tokens, (0, 0, 0, extra)), F.pad(self.mask, (0, extra)), self.pooled)

    def tiled(self, batch: int) -> "Prompt":
        """All of them again for each of `batch` items, one item after another."""
        return Prompt(self.tokens.repeat(batch, 1, 1), self.mask.repeat(batch, 1), self.pooled.repeat(batch, 1))

    def split(self) -> list["Prompt"]:
        """One prompt each."""
        return [Prompt(*parts) for parts in zip(self.tokens.split(1), self.mask.split(1), self.pooled.split(1), strict=True)]

    def repeated(self, batch: int) -> "Prompt":
        """One prompt for the whole batch, or one each. Raises :class:`UsageError` for another number of prompts."""
        if len(self) not in (1, batch):
            raise UsageError(f"{len(self)} prompts for a batch of {batch}: expected one for all, or {batch}")
        tokens, mask, pooled = self.tokens, self.mask, self.pooled
        return Prompt(tokens.expand(batch, -1, -1), mask.expand(batch, -1), pooled.expand(batch, -1))


def joined(prompts: Sequence[Prompt]) -> Prompt:
    """Several prompts along the batch, padded to the longest: one forward pass hears them all."""
    if not prompts:
        raise UsageError("no prompts to join: expected at least one")
    length = max(prompt.mask.shape[1] for prompt in prompts)
    same = [prompt.padded(length) for prompt in prompts]
    return Prompt(
        torch.cat([prompt.tokens for prompt in same]),
        torch.cat([prompt.mask for prompt in same]),
        torch.cat([prompt.pooled for prompt in same]),
    )


def stacked(sequences: Sequence[Tensor]) -> Prepared:
    """Sequences (n, …) of unequal lengths as one batch, padded with zeros."""
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    values = torch.nn.utils.rnn.pad_sequence(list(sequences), batch_first=True)
    return Prepared(values, torch.arange(values.shape[1]) < lengths[:, None])


def label(stem: str) -> str:
    """A stem's name as a prompt.

    >>> label("lead_guitar")
    'Lead guitar'
    """
    return stem.replace("_", " ").capitalize()


_BASS_GUITARS = re.compile(r"\bbass guitars?\b")


def spelled(text: str) -> str:
    """A text in lower case, in which a bass guitar is a bass, and no guitar.

    >>> spelled("Electric bass guitar")
    'electric bass'
    """
    return _BASS_GUITARS.sub("bass", " ".join(text.casefold().split()))


def checked(texts: Sequence[str]) -> list[str]:
    """The texts with their white space made single.

    Raises :class:`UsageError` for one text in place of a list of them, for no text, and for texts of white space only.
    """
    if isinstance(texts, str):
        raise UsageError(f"got the text {texts[:40]!r}, expected a list of texts")
    if not texts:
        raise UsageError("no prompts, expected at least one text")
    tidy = [" ".join(text.split()) for text in texts]
    if not all(tidy):
        at = tidy.index("")
        raise UsageError(f"prompt {at + 1} of {len(tidy)} is empty: say what should sound, or give no prompt at all")
    return tidy
