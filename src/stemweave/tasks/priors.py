"""A model's prior on a piece of any length, and what the model expects of each stem."""

import torch
from torch import Tensor

from stemweave.diffusion.denoiser import Denoiser
from stemweave.diffusion.mixing import loudest
from stemweave.diffusion.posterior import LevelVariance, TableVariance, Variance
from stemweave.diffusion.windowed import Windowed
from stemweave.errors import UsageError
from stemweave.model.config import ModelConfig
from stemweave.model.model import Model


def uncertainty(config: ModelConfig, device: torch.device) -> Variance:
    """v_n(σ): as measured on validation, or guessed from the stems' levels where that is missing."""
    if config.errors:
        return TableVariance(config.error_sigmas, torch.tensor(config.errors, device=device))
    known = (config.sigma_data,) * len(config.stems) if config.codec else levels(config)
    return LevelVariance(torch.tensor(known, device=device))


def levels(config: ModelConfig) -> tuple[float, ...]:
    """The stems' expected RMS."""
    return config.levels or (config.sigma_data,) * len(config.stems)


def whole(model: Model, prior: Denoiser | None = None) -> Denoiser:
    """The unconditional prior (or another one of the model's) on a piece of any length."""
    length, hop = grid(model.config)
    return Windowed(prior or model.prior(), length, hop)


def grid(config: ModelConfig) -> tuple[int, int]:
    """Windows' length and hop in samples, or in frames of the codec: half overlapping."""
    length = config.frames(config.span * config.window)
    return length, length // 2


def shape(model: Model, mixture: Tensor) -> tuple[int, int, int, int]:
    """The state's shape for a mixture (batch, channels, samples)."""
    batch, channels, samples = mixture.shape
    return batch, len(model.config.stems), channels, samples


def shape_of(known: Tensor) -> tuple[int, int, int, int]:
    """The state's shape."""
    batch, stems, channels, samples = known.shape
    return batch, stems, channels, samples


def anchored(config: ModelConfig, anchor: str | None) -> int:
    """The place of the stem that takes what the others leave: that of this name, or the one expected loudest.

    Raises UsageError when the model has no stem of that name.
    """
    if anchor is not None and anchor not in config.stems:
        raise UsageError(f"got anchor {anchor!r}; expected one of {', '.join(config.stems)}")
    return loudest(levels(config)) if anchor is None else config.stems.index(anchor)
