"""What lies between a model's sound and what its network walks over: a codec, or nothing.

Either has `encode`, `decode`, `hop` (samples per frame), `channels` (of what it encodes to) and `linear`.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from stemweave.errors import ModelError
from stemweave.nets.sourcevae import SourceVAE, SourceVAEConfig


@dataclass(frozen=True)
class CodecConfig:
    """Everything of a codec beside its weights. Rate in Hz.

    mean and std: of each of its network's latents, which are handed out whitened by them; none where they are handed out as
    they are. linear: whether the latents of a mixture are the sum of its stems' latents; these may be scaled, but not shifted.
    Raises ModelError where that cannot be.
    """

    name: str
    rate: int
    net: SourceVAEConfig
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    linear: bool = False
    trained_on: str = ""
    licence: str = ""
    steps_trained: int = 0

    def __post_init__(self) -> None:
        for name, values in (("mean", self.mean), ("std", self.std)):
            if values and len(values) != self.net.latent:
                raise ModelError(f"codec {self.name}: got {len(values)} values of {name}, expected {self.net.latent} or none")
            if not all(isinstance(value, int | float) and math.isfinite(value) for value in values):
                raise ModelError(f"codec {self.name}: {name} holds {values}, expected finite numbers")
        if not all(value > 0 for value in self.std):
            raise ModelError(f"codec {self.name}: the smallest std is {min(self.std)}, expected more than 0")
        if self.linear and any(self.mean):
            raise ModelError(f"codec {self.name}: latents that are shifted by a mean do not add up; a linear codec has none")


class Codec(nn.Module):
    """One `SourceVAE` for every stem, its latents whitened."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.config = config
        self.net = SourceVAE(config.net)

    @property
    def hop(self) -> int:
        """Samples per frame."""
        return self.config.net.hop

    @property
    def channels(self) -> int:
        """Latents per frame."""
        return self.config.net.latent

    @property
    def linear(self) -> bool:
        """Whether latents add up as sounds do."""
        return self.config.linear

    def encode(self, audio: Tensor) -> Tensor:
        """Whitened latents. Shape: (batch, stems, channels, samples) → (batch, stems, latents, frames).

        Sounds pass one by one, so that memory does not grow with their number. Raises ModelError where there are no samples.
        """
        made = torch.cat([self.net.encode(sound) for sound in audio.flatten(0, 1).split(1)])
        return self._whitened(made).unflatten(0, audio.shape[:2])

    def decode(self, latents: Tensor, samples: int) -> Tensor:
        """Sound of a length. Shape: (batch, stems, latents, frames) → (batch, stems, channels, samples).

        Raises ModelError when the frames do not hold that many samples.
        """
        coloured = self._coloured(latents.flatten(0, 1))
        return torch.cat([self.net.decode(one, samples) for one in coloured.split(1)]).unflatten(0, latents.shape[:2])

    def _whitened(self, latents: Tensor) -> Tensor:
        """Shape: (..., latents, frames) → the same."""
        latents = latents - latents.new_tensor(self.config.mean)[:, None] if self.config.mean else latents
        return latents / latents.new_tensor(self.config.std)[:, None] if self.config.std else latents

    def _coloured(self, latents: Tensor) -> Tensor:
        """Takes `_whitened` back."""
        latents = latents * latents.new_tensor(self.config.std)[:, None] if self.config.std else latents
        return latents + latents.new_tensor(self.config.mean)[:, None] if self.config.mean else latents


class Identity(nn.Module):
    """No codec, in a codec's form: the network walks over the sound itself."""

    hop, linear = 1, True

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def encode(self, audio: Tensor) -> Tensor:
        """Shape: any → the same."""
        return audio

    def decode(self, latents: Tensor, samples: int) -> Tensor:
        """The first `samples` samples. Shape: (..., at least as many) → (..., samples)."""
        return latents[..., :samples]
