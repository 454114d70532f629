"""What is scored: a model's separations, oracle masks, and the two trivial estimates."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from stemweave.audio.masks import share_out
from stemweave.model.model import Model
from stemweave.tasks.separate import Separation, Share, separate
from stemweave.tasks.song import Clip

Estimator = Callable[[Tensor, int, int], Mapping[str, Tensor]]
"""(true stems (stems, channels, samples), rate in Hz, seed) → estimates of the same shape, by row of the report."""


Hearing = Callable[[Tensor, int, int], Tensor]
"""(mixture (channels, samples), rate in Hz, seed) → what the separator hears of it."""


def clearly(mixture: Tensor, _rate: int, _seed: int) -> Tensor:
    """As it is."""
    return mixture


def separator(model: Model, how: Separation, shares: Mapping[str, Share], hear: Hearing = clearly) -> Estimator:
    """The model's separation of the stems' sum: one walk, its estimates used in each of several ways, by row."""

    def all_shares(song: Tensor, rate: int, estimates: Tensor, model_rate: int, rest: Tensor | None) -> Tensor:
        return torch.cat([share(song, rate, estimates, model_rate, rest) for share in shares.values()])

    def estimate(references: Tensor, rate: int, seed: int) -> dict[str, Tensor]:
        asked = replace(how, seed=seed, share=all_shares, residual=False)
        heard = Clip(hear(references.sum(0), rate, seed), rate)
        sources = torch.cat(list(separate(model, heard, asked)), -1)
        return dict(zip(shares, sources.split(len(references)), strict=True))

    return estimate


def oracle(references: Tensor, rate: int, _seed: int) -> dict[str, Tensor]:
    """The mixture shared out by ratio masks of the true stems: what masks can reach at best."""
    return {"oracle": share_out(references.sum(0), rate, references, rate)}


def trivial(references: Tensor, _rate: int, _seed: int) -> dict[str, Tensor]:
    """Silence, and the mixture for every stem: what a protocol gives for nothing."""
    return {"silence": torch.zeros_like(references), "mixture": references.sum(0).expand_as(references)}
