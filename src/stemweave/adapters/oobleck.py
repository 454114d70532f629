"""Oobleck, the autoencoder of Stable Audio Open (2407.14358) and ACE-Step 1.5, as a codec of ours."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from stemweave.errors import ModelError


class Oobleck(nn.Module):
    """diffusers' AutoencoderOobleck, in the form of `stemweave.model.codec.Codec`; latents as they are, not linear."""

    linear = False

    def __init__(self, vae: Any) -> None:
        super().__init__()
        self.vae = vae

    @property
    def hop(self) -> int:
        """Samples per frame."""
        return int(self.vae.hop_length)

    @property
    def channels(self) -> int:
        """Latents per frame."""
        return int(self.vae.config.decoder_input_channels)

    def encode(self, audio: Tensor) -> Tensor:
        """The mean of the latents, the last frame filled with silence.

        Shape: (batch, stems, channels, samples) → (batch, stems, latents, frames). Sounds pass one by one. Raises ModelError
        where there are no samples, and for other channels than the codec's.
        """
        channels = int(self.vae.config.audio_channels)
        if not audio.shape[-1] or audio.shape[-2] != channels:
            raise ModelError(f"codec: got sound of shape {tuple(audio.shape)}, expected {channels} channels of samples")
        whole = pad(audio, (0, -audio.shape[-1] % self.hop))
        made = [self.vae.encode(sound).latent_dist.mode() for sound in whole.flatten(0, 1).split(1)]
        return torch.cat(made).unflatten(0, audio.shape[:2])

    def decode(self, latents: Tensor, samples: int) -> Tensor:
        """Sound of a length. Shape: (batch, stems, latents, frames) → (batch, stems, channels, samples).

        Raises ModelError when the frames do not hold that many samples.
        """
        made = torch.cat([self.vae.decode(one).sample for one in latents.flatten(0, 1).split(1)])
        return cut(made, samples).unflatten(0, latents.shape[:2])


def cut(sound: Tensor, samples: int) -> Tensor:
    """The first samples. Raises ModelError where there are fewer."""
    if sound.shape[-1] < samples:
        raise ModelError(f"codec: the latents decode to {sound.shape[-1]} samples, not {samples}")
    return sound[..., :samples]
