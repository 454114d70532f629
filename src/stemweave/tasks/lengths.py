"""Sound in the form and length a network is at home with, and back."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from stemweave.model.config import ModelConfig
from stemweave.model.model import Model


def held(config: ModelConfig, samples: int) -> int:
    """How many samples to work on where `samples` are wanted."""
    return max(samples, config.shortest)


def padded(config: ModelConfig, audio: Tensor) -> Tensor:
    """Followed by silence where it is too short. Shape: (..., samples) → (..., held)."""
    samples = audio.shape[-1]
    return pad(audio, (0, held(config, samples) - samples))


@torch.no_grad()
def encoded(model: Model, audio: Tensor) -> Tensor:
    """Sound as the network has it, long enough for it.

    Shape: (batch, stems, channels, samples) → the same for `held` samples, or with a codec (batch, stems, latents, frames).
    """
    return model.codec.encode(padded(model.config, audio).to(model.device))


@torch.no_grad()
def decoded(model: Model, x: Tensor, samples: int) -> Tensor:
    """So many samples of sound of what the network has. Shape: as `encoded` gives → (batch, stems, channels, samples)."""
    return model.codec.decode(x, samples).float().cpu()
