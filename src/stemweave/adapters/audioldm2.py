"""AudioLDM 2 (2308.05734) through diffusers' AudioLDM2Pipeline: sound as mel spectrograms, mono."""

import importlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from stemweave.adapters.oobleck import cut
from stemweave.adapters.parametrisations import Epsilon
from stemweave.adapters.pipelines import PipelineConfig, guided, sampled
from stemweave.errors import ModelError, UsageError
from stemweave.model.config import Sampling
from stemweave.model.lineup import Words
from stemweave.nets.encoders import Tokens


class Heard(NamedTuple):
    """Shapes: texts (prompts, tokens, width), mask (prompts, tokens), generated (prompts, tokens, width)."""

    texts: Tensor
    mask: Tensor
    generated: Tensor


class Mel(nn.Module):
    """The autoencoder of mel spectrograms and the vocoder, in the form of `stemweave.model.codec.Codec`; not linear.

    Latents are the autoencoder's channels by its bands, frame by frame.
    """

    linear = False

    def __init__(self, vae: Any, vocoder: Any) -> None:
        super().__init__()
        self.vae, self.vocoder = vae, vocoder

    @property
    def shrinks(self) -> int:
        """Frames and bands of the spectrogram in one of the latents."""
        return int(2 ** (len(self.vae.config.block_out_channels) - 1))

    @property
    def hop(self) -> int:
        """Samples per frame of the latents."""
        return self.shrinks * math.prod(self.vocoder.config.upsample_rates)

    @property
    def bands(self) -> int:
        """Bands of the latents."""
        return int(self.vocoder.config.model_in_dim) // self.shrinks

    @property
    def channels(self) -> int:
        """Latents per frame."""
        return int(self.vae.config.latent_channels) * self.bands

    def encode(self, audio: Tensor) -> Tensor:  # noqa: ARG002
        """ModelError: the pipeline publishes no way from sound to its spectrograms."""
        raise ModelError("AudioLDM 2 in diffusers makes sound and hears none: no stems can be given to it")

    def decode(self, latents: Tensor, samples: int) -> Tensor:
        """Sound of a length. Shape: (batch, stems, latents, frames) → (batch, stems, 1, samples).

        Raises ModelError when the frames do not hold that many samples.
        """
        pictures = pictured(latents.flatten(0, 1), self.bands) / self.vae.config.scaling_factor
        made = torch.cat([self.vocoder(self.vae.decode(one).sample.squeeze(1)) for one in pictures.split(1)])
        return cut(made.unsqueeze(1), samples).unflatten(0, latents.shape[:2])


@dataclass(frozen=True, eq=False)
class AudioLDM2:
    """`seconds`: the window; the network takes other lengths too."""

    pipe: Any
    form: Epsilon
    seconds: float

    @classmethod
    def of(cls, pipe: Any, scheduler: Mapping[str, Any], seconds: float | None) -> "AudioLDM2":
        """ModelError for a scheduler without noise levels, for another prediction, and for a model of speech."""
        if scheduler.get("prediction_type") != "epsilon" or "beta_schedule" not in scheduler:
            raise ModelError(
                f"an AudioLDM2Pipeline with {scheduler.get('_class_name')} that predicts {scheduler.get('prediction_type')}; "
                "expected a scheduler with a beta_schedule and epsilon, as released"
            )
        if pipe.text_encoder_2.config.model_type == "vits":
            raise ModelError("this AudioLDM 2 is told what to speak; expected one of sound or music")
        if seconds is not None and not seconds > 0:
            raise UsageError(f"pieces of {seconds:g} s; expected more than 0")
        alphas = importlib.import_module("diffusers").DDPMScheduler.from_config(scheduler).alphas_cumprod.double().tolist()
        codec = Mel(pipe.vae, pipe.vocoder)
        own = pipe.unet.config.sample_size * codec.hop / pipe.vocoder.config.sampling_rate
        return cls(pipe, Epsilon.of(alphas), seconds or own)

    @property
    def modules(self) -> Sequence[nn.Module]:
        """All that holds weights."""
        texts = self.pipe.text_encoder, self.pipe.text_encoder_2, self.pipe.projection_model, self.pipe.language_model
        return self.pipe.unet, self.pipe.vae, self.pipe.vocoder, *texts

    @property
    def codec(self) -> Mel:
        """The pipeline's."""
        return Mel(self.pipe.vae, self.pipe.vocoder)

    def config(self, name: str) -> PipelineConfig:
        """Guidance 3.5, as the pipeline's own; Euler is DDIM, here on Karras's levels in place of equal steps."""
        rate = int(self.pipe.vocoder.config.sampling_rate)
        return PipelineConfig(
            name=name,
            stems=("music",),
            rate=rate,
            window=round(self.seconds * rate),
            text=guided(3.5),
            settings=sampled(Sampling(200, self.form.sigmas[-1], self.form.sigmas[0])),
            latents=self.codec.channels,
            hop=self.codec.hop,
        )

    def noise(self, generator: torch.Generator, frames: int) -> Tensor:
        """What a call of the pipeline begins with. Shape: (latents, frames)."""
        bands = self.codec.bands
        return torch.randn(1, self.codec.channels // bands, frames, bands, generator=generator).transpose(2, 3).flatten(1, 2)[0]

    def read(self, texts: Sequence[str]) -> None:
        """Raises UsageError for a text of more tokens than the pipeline hears, or in an unknown script."""
        for tokenizer in (self.pipe.tokenizer, self.pipe.tokenizer_2):
            tokens = Tokens(tokenizer, tokenizer.model_max_length)
            for text in texts:
                tokens(text)

    def heard(self, prompts: tuple[Words, ...], frames: int) -> Heard:  # noqa: ARG002
        """As the pipeline encodes a list, padded to its longest; None is the empty text.

        The language model hears the padding: as in the pipeline, what it says of a prompt depends a little on its neighbours.
        The pipeline cuts a negative prompt to the length of its prompt, this does not.
        """
        return Heard(*self.pipe.encode_prompt([text or "" for text in prompts], self.pipe.device, 1, False))

    def answered(self, x: Tensor, time: Tensor, heard: Heard) -> Tensor:
        """ε. Shape: (batch, prompts, latents, frames) → the same."""
        batch = len(x)
        answer = self.pipe.unet(
            pictured(x.flatten(0, 1), self.codec.bands),
            time,
            encoder_hidden_states=heard.generated.repeat(batch, 1, 1),
            encoder_hidden_states_1=heard.texts.repeat(batch, 1, 1),
            encoder_attention_mask_1=heard.mask.repeat(batch, 1),
            return_dict=False,
        )[0]
        return answer.transpose(2, 3).reshape(x.shape)


def pictured(latents: Tensor, bands: int) -> Tensor:
    """As the autoencoder and the U-Net have them. Shape: (n, channels·bands, frames) → (n, channels, frames, bands)."""
    return latents.unflatten(1, (-1, bands)).transpose(2, 3)
