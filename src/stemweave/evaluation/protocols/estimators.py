"""What is scored: a model's separations, oracle masks, and the two trivial estimates."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from stemweave.audio.masks import share_out
from stemweave.model.model import Model
from stemweave.tasks.separate import Separation, Share, separate
from stemweave.tasks.song import Clip

Estimator = Callable[[Tensor, int, int], Mapping[str, Tensor]]
"""(true stems (stems, channels, samples), rate in Hz, seed) → estimates of the same shape, by row of the report."""


class Hearing(Protocol):
    """What a separator hears of a mixture."""

    def __call__(self, mixture: Tensor, rate: int, seed: int, /) -> Tensor:
        """Shape: (channels, samples) at ``rate`` Hz → the same."""

    def undo(self, audio: Tensor, rate: int, /) -> Tensor:
        """Its estimates (…, samples), brought back to the references' level and time."""


@dataclass(frozen=True)
class Clearly:
    """The mixture as it is."""

    def __call__(self, mixture: Tensor, _rate: int, _seed: int, /) -> Tensor:
        """The same."""
        return mixture

    def undo(self, audio: Tensor, _rate: int, /) -> Tensor:
        """The same."""
        return audio


def separator(model: Model, how: Separation, shares: Mapping[str, Share], hear: Hearing = Clearly()) -> Estimator:
    """The model's separation of the stems' sum: one walk, its estimates used in each of several ways, by row."""

    def all_shares(song: Tensor, rate: int, estimates: Tensor, model_rate: int, rest: Tensor | None) -> Tensor:
        return torch.cat([share(song, rate, estimates, model_rate, rest) for share in shares.values()])

    def estimate(references: Tensor, rate: int, seed: int) -> dict[str, Tensor]:
        asked = replace(how, seed=seed, share=all_shares, residual=False)
        heard = Clip(hear(references.sum(0), rate, seed), rate)
        sources = hear.undo(torch.cat(list(separate(model, heard, asked)), -1), rate)
        return dict(zip(shares, sources.split(len(references)), strict=True))

    return estimate


def oracle(references: Tensor, rate: int, _seed: int) -> dict[str, Tensor]:
    """The mixture shared out by ratio masks of the true stems: what masks can reach at best."""
    return {"oracle": share_out(references.sum(0), rate, references, rate)}


def trivial(references: Tensor, _rate: int, _seed: int) -> dict[str, Tensor]:
    """Silence, and the mixture for every stem: what a protocol gives for nothing."""
    return {"silence": torch.zeros_like(references), "mixture": references.sum(0).expand_as(references)}
