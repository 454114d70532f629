"""Pieces shorter than what a network is at home with."""

from torch import Tensor
from torch.nn.functional import pad

from stemweave.model.config import ModelConfig


def held(config: ModelConfig, samples: int) -> int:
    """How many samples to work on where `samples` are wanted."""
    return max(samples, config.shortest)


def padded(config: ModelConfig, audio: Tensor) -> Tensor:
    """Followed by silence where it is too short. Shape: (..., samples) → (..., held)."""
    samples = audio.shape[-1]
    return pad(audio, (0, held(config, samples) - samples))
