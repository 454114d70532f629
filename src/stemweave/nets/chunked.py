"""Sounds of any length through a `SourceVAE` in constant memory: in chunks, each with all that its frames can hear.

What comes out is what the network gives of the whole at once (but for rounding), at its beginning and its end as well.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from stemweave.errors import ModelError
from stemweave.nets.sourcevae import SourceVAE, SourceVAEConfig

CHUNK = 512
"""Frames that are coded at once, besides those that they hear on either side."""


def encode(net: SourceVAE, sound: Tensor, chunk: int = CHUNK) -> Tensor:
    """As `SourceVAE.encode`. Shape: (batch, channels, samples) → (batch, latent, frames)."""
    hop, frames = net.config.hop, net.frames(sound.shape[-1])
    pieces = chunks(frames, chunk, context(net.config))
    made = [net.encode(sound[..., heard.start * hop : heard.stop * hop])[..., kept] for heard, kept in pieces]
    return torch.cat(made, -1)


def decode(net: SourceVAE, z: Tensor, samples: int, chunk: int = CHUNK) -> Tensor:
    """As `SourceVAE.decode`. Shape: (batch, latent, frames) → (batch, channels, samples)."""
    hop, frames = net.config.hop, z.shape[-1]
    if net.frames(samples) > frames:
        raise ModelError(f"codec: {samples} samples need {net.frames(samples)} frames, got {frames}")
    made = []
    for heard, kept in chunks(frames, chunk, context(net.config)):
        first, last = kept.start * hop, min(kept.stop * hop, samples - heard.start * hop)
        if first <= last:
            made.append(net.decode(z[..., heard], last)[..., first:])
    return torch.cat(made, -1)


def chunks(frames: int, chunk: int, context: int) -> Iterator[tuple[slice, slice]]:
    """So many frames at a time: which frames are heard, and which of these are kept."""
    for start in range(0, max(frames, 1), chunk):
        begin, stop = max(start - context, 0), min(start + chunk, frames)
        yield slice(begin, min(stop + context, frames)), slice(start - begin, stop - begin)


def context(config: SourceVAEConfig) -> int:
    """How many frames on either side of one tell on it at most, in the encoder and in the decoder.

    A residual reaches three times its dilation; a convolution to another rate two strides, or two of the longer steps.
    """
    residuals, lapped = 3 * sum(config.dilations), int(config.patch > 1)
    encoder, decoder = 1, 3 + lapped
    for stride in reversed(config.strides):
        encoder = stride * (encoder + 2) + residuals
    for stride in config.strides:
        decoder = math.ceil((decoder + residuals) / stride) + 2
    return max(math.ceil((encoder + 3 + lapped) / math.prod(config.strides)), decoder + 3)
