"""SourceVAE, the codec of 2409.06190: one convolutional VAE for every stem, built as the Descript Audio Codec (2306.06546) is.

The same function of the same weights as the published network, which keeps lengths of `hop * frames - lost` samples and returns
less sound for others; this one keeps every length. Weight norm is folded into plain weights. Ours: with a `patch` the network
begins and ends with lapped frames of that many samples, so that no convolution runs at the rate of the sound; and `straight`
latents are the lowest frequencies themselves, to which the network adds the rest.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stemweave.errors import ModelError
from stemweave.nets.lapped import Lapped

UNIT = 0.1
"""What a straight latent of 1 stands for, as a coefficient of the lapped transform."""


@dataclass(frozen=True)
class SourceVAEConfig:
    """Shape of a `SourceVAE`: channels double from `encoder_width`, and halve from `decoder_width`, at each stride.

    patch: samples per lapped frame (`Lapped`) with which the network begins and ends; 1, as published: the sound itself.
    dilations: of the residuals before a stride in the encoder, after it in the decoder.
    straight: how many latents of each channel are the lowest coefficients of lapped frames of `hop` samples; 0 as published.
    Raises ModelError for widths that do not halve, an odd patch, and straight latents without a patch or more than there are.
    """

    channels: int = 1
    latent: int = 80
    encoder_width: int = 64
    decoder_width: int = 1536
    strides: tuple[int, ...] = (2, 4, 5, 8)
    patch: int = 1
    dilations: tuple[int, ...] = (1, 3, 9)
    straight: int = 0

    def __post_init__(self) -> None:
        if self.patch != 1 and (self.patch < 1 or self.patch % 2):
            raise ModelError(f"codec: patch is {self.patch}, expected 1 or an even number of samples")
        if self.decoder_width % 2 ** len(self.strides):
            raise ModelError(f"codec: decoder_width ({self.decoder_width}) must halve {len(self.strides)} times")
        if self.straight and (self.patch == 1 or self.passed > self.latent):
            raise ModelError(
                f"codec: {self.passed} of {self.latent} latents are straight, expected no more, and a patch of 2 or more"
            )

    @property
    def passed(self) -> int:
        """Latents that are straight, of all channels."""
        return self.channels * self.straight

    @property
    def hop(self) -> int:
        """Samples per frame."""
        return self.patch * math.prod(self.strides)

    @property
    def lost(self) -> int:
        """Samples by which the decoder's sound is shorter than `hop * frames`; of straight latents a whole frame."""
        return self.hop if self.straight else self.dropped

    @property
    def dropped(self) -> int:
        """Samples by which the network's sound is shorter.

        At each odd stride it loses one sample or lapped frame; and of lapped frames one more, as n patches lie under n + 1.
        """
        steps = reduce(lambda lost, stride: lost * stride + stride % 2, reversed(self.strides), 0)
        return self.patch * (steps + (self.patch > 1))

    def frames(self, samples: int) -> int:
        """How many frames stand for `samples` samples: enough for the decoder to return them all."""
        return math.ceil((samples + self.lost) / self.hop)


class SourceVAE(nn.Module):
    """Sound to latents and back. Shapes: (batch, channels, samples) and (batch, latent, frames)."""

    def __init__(self, config: SourceVAEConfig) -> None:
        super().__init__()
        self.config = config
        self.lapped = Lapped(config.patch) if config.patch > 1 else None
        self.low = Lapped(config.hop) if config.straight else None
        signals, dilations = config.channels * config.patch, config.dilations
        widths = [config.encoder_width * 2**level for level in range(len(config.strides) + 1)]
        self.encoder = nn.Sequential(
            nn.Conv1d(signals, widths[0], 7, padding=3),
            *(shorter(width, stride, dilations) for width, stride in zip(widths, config.strides, strict=False)),
            Snake(widths[-1]),
            nn.Conv1d(widths[-1], 2 * config.latent - config.passed, 3, padding=1),
        )
        widths = [config.decoder_width // 2**level for level in range(len(config.strides) + 1)]
        self.decoder = nn.Sequential(
            nn.Conv1d(config.latent, widths[0], 7, padding=3),
            *(longer(width, stride, dilations) for width, stride in zip(widths, reversed(config.strides), strict=False)),
            Snake(widths[-1]),
            nn.Conv1d(widths[-1], signals, 7, padding=3),
        )

    def frames(self, samples: int) -> int:
        """How many frames stand for `samples` samples."""
        return self.config.frames(samples)

    def encode(self, x: Tensor) -> Tensor:
        """The mean of the latents, on which diffusion works. Shape: (batch, channels, samples) → (batch, latent, frames)."""
        return self.distribution(x)[0]

    def distribution(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the latents given the sound, padded with silence at its end; both (batch, latent, frames).

        Raises ModelError for sound without samples.
        """
        samples = x.shape[-1]
        if not samples:
            raise ModelError("codec: got no samples, expected at least one")
        sound = F.pad(x, (0, self.config.hop * self.frames(samples) - self.config.lost - samples))
        learned, logvar = self.encoder(self.apart(sound)).tensor_split((self.config.latent - self.config.passed,), 1)
        mean = learned if self.low is None else torch.cat((self.lowest(self.low, sound), learned), 1)
        return mean, logvar.clamp(-30, 20)

    def decode(self, z: Tensor, samples: int) -> Tensor:
        """Sound of a length. Shape: (batch, latent, frames) → (batch, channels, samples).

        Raises ModelError when the frames do not hold that many samples.
        """
        if self.frames(samples) > z.shape[-1]:
            raise ModelError(f"codec: {samples} samples need {self.frames(samples)} frames, got {z.shape[-1]}")
        sound = self.together(self.decoder(z))
        return (sound if self.low is None else sound + self.raised(self.low, z))[..., :samples]

    def lowest(self, low: Lapped, sound: Tensor) -> Tensor:
        """The straight latents. Shape: (batch, channels, samples) → (batch, channels * straight, frames)."""
        return low.cosines(sound)[..., : self.config.straight].transpose(2, 3).flatten(1, 2) / UNIT

    def raised(self, low: Lapped, z: Tensor) -> Tensor:
        """The sound of the straight latents."""
        lowest = z[:, : self.config.passed].unflatten(1, (-1, self.config.straight)).transpose(2, 3)
        return low.inverse(F.pad(UNIT * lowest, (0, self.config.hop - self.config.straight)))

    def apart(self, sound: Tensor) -> Tensor:
        """What the encoder begins with. Shape: (batch, channels, samples) → (batch, channels * patch, lapped frames)."""
        if self.lapped is None:
            return sound
        return self.lapped.cosines(F.pad(sound, self.around)).transpose(2, 3).flatten(1, 2)

    def together(self, frames: Tensor) -> Tensor:
        """Takes `apart` back."""
        if self.lapped is None:
            return frames
        before, after = self.around
        return F.pad(self.lapped.inverse(frames.unflatten(1, (-1, self.config.patch)).transpose(2, 3)), (-before, -after))

    @property
    def around(self) -> tuple[int, int]:
        """Samples that the network hears before and after the sound, so that its frames lie where the straight ones do."""
        more = self.config.lost - self.config.dropped
        return more // 2, more - more // 2


class Snake(nn.Module):
    """x + sin²(αx)/α, with an α per channel (2006.08195 eq. 3). Shape: (batch, channels, time) → the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """The published network's guard against α = 0 is part of the function."""
        return x + (self.alpha * x).sin().square() / (self.alpha + 1e-9)


class Residual(nn.Sequential):
    """A dilated and a pointwise convolution, each after a Snake, added to what came. Shape: (batch, width, time) → the same."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__(
            Snake(width),
            nn.Conv1d(width, width, 7, dilation=dilation, padding=3 * dilation),
            Snake(width),
            nn.Conv1d(width, width, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Any length."""
        change: Tensor = super().forward(x)  # type: ignore[no-untyped-call]
        return x + change


def shorter(width: int, stride: int, dilations: Sequence[int]) -> nn.Sequential:
    """Residuals, then a convolution to twice the channels and `1 / stride` of the time."""
    residuals = (Residual(width, dilation) for dilation in dilations)
    return nn.Sequential(*residuals, Snake(width), nn.Conv1d(width, 2 * width, 2 * stride, stride, math.ceil(stride / 2)))


def longer(width: int, stride: int, dilations: Sequence[int]) -> nn.Sequential:
    """A convolution to half the channels and `stride` times the time (an odd stride loses one sample), then residuals."""
    residuals = (Residual(width // 2, dilation) for dilation in dilations)
    lengthen = nn.ConvTranspose1d(width, width // 2, 2 * stride, stride, math.ceil(stride / 2))
    return nn.Sequential(Snake(width), lengthen, *residuals)
