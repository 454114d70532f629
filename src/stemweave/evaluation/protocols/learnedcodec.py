"""A trained codec as one of those that are compared: its latents are numbers of 32 bits, not yet packed."""

from dataclasses import dataclass

import torch
from torch import Tensor

from stemweave.audio.resample import resample
from stemweave.errors import UsageError
from stemweave.evaluation.checks import check_audio
from stemweave.evaluation.measures.codec import Coded, latent_kbits
from stemweave.model.codec import Codec

BITS = 32
"""Of a latent, which is a float32."""


@dataclass(frozen=True, eq=False)
class Learned:
    """A codec at its own rate, to which the sound is resampled; a codec of one channel takes each channel on its own."""

    codec: Codec

    @property
    def name(self) -> str:
        """For the report."""
        return f"{self.codec.config.name} (float32 latents)"

    @torch.no_grad()
    def __call__(self, audio: Tensor, rate: int, /) -> Coded:
        """There and back. Raises :class:`UsageError` for channels it does not have, :class:`DataError` for NaN."""
        check_audio(audio, 2, "the sound")
        config = self.codec.config
        if len(audio) % config.net.channels:
            raise UsageError(f"the sound has {len(audio)} channels, codec {config.name} {config.net.channels}; mix it to these")
        sent = resample(audio, rate, config.rate).unflatten(0, (1, -1, config.net.channels))
        latents = self.codec.encode(sent)
        back = self.codec.decode(latents, sent.shape[-1]).flatten(0, 2)
        return Coded(resample(back, config.rate, rate, audio.shape[-1]), latent_kbits(latents, BITS, audio.shape[-1] / rate))
