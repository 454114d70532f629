"""Stable Audio Open (2407.14358) through diffusers' StableAudioPipeline."""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from stemweave.adapters.oobleck import Oobleck
from stemweave.adapters.parametrisations import Velocity
from stemweave.adapters.pipelines import PipelineConfig, guided, sampled
from stemweave.errors import ModelError, UsageError
from stemweave.model.config import Sampling
from stemweave.model.lineup import Words
from stemweave.nets.encoders import Tokens

EXPONENTIAL = 1e3
"""ρ of Karras's schedule at which its ratios are equal."""


class Heard(NamedTuple):
    """Shapes: tokens (prompts, tokens, width), timing (prompts, 1, width)."""

    tokens: Tensor
    timing: Tensor


@dataclass(frozen=True, eq=False)
class StableAudio:
    """`seconds`: how long the pieces are said to be. The network always makes its whole window, as in the pipeline."""

    pipe: Any
    form: Velocity
    seconds: float
    sigmas: tuple[float, float]

    @classmethod
    def of(cls, pipe: Any, scheduler: Mapping[str, Any], seconds: float | None) -> "StableAudio":
        """ModelError for a scheduler that the released model was not trained for; UsageError for seconds it cannot make."""
        kind, predicts = scheduler.get("_class_name"), scheduler.get("prediction_type")
        if (kind, predicts) != ("CosineDPMSolverMultistepScheduler", "v_prediction"):
            raise ModelError(
                f"a StableAudioPipeline with {kind} that predicts {predicts}; expected CosineDPMSolverMultistepScheduler with "
                "v_prediction, as released: its network reads noise levels as that says them"
            )
        longest = pipe.transformer.config.sample_size * pipe.vae.hop_length / pipe.vae.config.sampling_rate
        if seconds is not None and not 0 < seconds <= longest:
            raise UsageError(f"pieces of {seconds:g} s; this model makes at most {longest:g} s at once")
        sigmas = float(scheduler["sigma_min"]), float(scheduler["sigma_max"])
        return cls(pipe, Velocity(float(scheduler["sigma_data"])), seconds or longest, sigmas)

    @property
    def modules(self) -> Sequence[nn.Module]:
        """All that holds weights."""
        return self.pipe.transformer, self.pipe.projection_model, self.pipe.text_encoder, self.pipe.vae

    @property
    def codec(self) -> Oobleck:
        """The pipeline's."""
        return Oobleck(self.pipe.vae)

    def config(self, name: str) -> PipelineConfig:
        """Guidance 7 and the levels of the scheduler, in equal ratios, by the SDE solver that it has; 100 steps."""
        frames, low_high = self.pipe.transformer.config.sample_size, self.sigmas
        window = frames * self.codec.hop
        return PipelineConfig(
            name=name,
            stems=("music",),
            rate=int(self.pipe.vae.config.sampling_rate),
            window=window,
            channels=int(self.pipe.vae.config.audio_channels),
            text=guided(7.0),
            settings=sampled(Sampling(100, low_high[1], low_high[0], EXPONENTIAL, "dpm2m-sde")),
            latents=int(self.pipe.transformer.config.in_channels),
            hop=self.codec.hop,
            least=window,
        )

    def noise(self, generator: torch.Generator, frames: int) -> Tensor:
        """What a call of the pipeline begins with. Shape: (latents, frames)."""
        return torch.randn(1, int(self.pipe.transformer.config.in_channels), frames, generator=generator)[0]

    def read(self, texts: Sequence[str]) -> None:
        """Raises UsageError for a text of more tokens than the pipeline hears, or in an unknown script."""
        tokens = Tokens(self.pipe.tokenizer, self.pipe.tokenizer.model_max_length)
        for text in texts:
            tokens(text)

    def heard(self, prompts: tuple[Words, ...], frames: int) -> Heard:  # noqa: ARG002
        """Texts and seconds as tokens; None is all zero but for the seconds that join the noise level, as in the pipeline."""
        device, width = self.pipe.device, len(prompts)
        start, end = self.pipe.encode_duration(0.0, self.seconds, device, False, width)
        tokens = start.new_zeros(width, self.pipe.tokenizer.model_max_length + 2, start.shape[-1])
        if texts := [text for text in prompts if text is not None]:
            said = torch.tensor([text is not None for text in prompts], device=device)
            embedded = self.pipe.encode_prompt(texts, device, False)
            tokens[said] = torch.cat([embedded, start[said], end[said]], 1)
        return Heard(tokens, torch.cat([start, end], 2))

    def answered(self, x: Tensor, time: Tensor, heard: Heard) -> Tensor:
        """v. Shape: (batch, prompts, latents, frames) → the same."""
        rotary = importlib.import_module("diffusers.models.embeddings").get_1d_rotary_pos_embed(
            self.pipe.rotary_embed_dim, x.shape[-1] + 1, use_real=True, repeat_interleave_real=False
        )
        batch = len(x)
        answer = self.pipe.transformer(
            x.flatten(0, 1),
            time[None],
            encoder_hidden_states=heard.tokens.repeat(batch, 1, 1),
            global_hidden_states=heard.timing.repeat(batch, 1, 1),
            rotary_embedding=rotary,
            return_dict=False,
        )[0]
        return answer.view_as(x)
