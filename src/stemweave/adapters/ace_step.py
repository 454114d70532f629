"""ACE-Step 1.5 through diffusers' AceStepPipeline: text to music without sung words."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from stemweave.adapters.oobleck import Oobleck
from stemweave.adapters.parametrisations import Flow
from stemweave.adapters.pipelines import PipelineConfig, guided, sampled
from stemweave.errors import ModelError, UsageError
from stemweave.model.config import Sampling
from stemweave.model.lineup import Words

LONGEST = 256
"""Tokens the pipeline hears of a prompt and what it writes around it."""
TIMBRE = 30
"""Seconds of silence that stand for no reference recording."""


class Heard(NamedTuple):
    """Shapes: prompts, each (1, its tokens, width); context (1, frames, width)."""

    prompts: tuple[Tensor, ...]
    context: Tensor


@dataclass(frozen=True, eq=False)
class AceStep:
    """`seconds`: the window. A piece is said to be as long as it is.

    Guidance is plain (2207.12598), in which the pipeline has a variant with memory, APG (2410.02416): at weight 1 both are the
    same. Negative prompts are ours, the pipeline has none.
    """

    pipe: Any
    seconds: float

    @classmethod
    def of(cls, pipe: Any, scheduler: Mapping[str, Any], seconds: float | None) -> "AceStep":
        """ModelError for a scheduler of another kind than flow matching; UsageError for seconds that are no length."""
        if scheduler.get("_class_name") != "FlowMatchEulerDiscreteScheduler":
            raise ModelError(
                f"an AceStepPipeline with {scheduler.get('_class_name')}; expected FlowMatchEulerDiscreteScheduler, as released"
            )
        if seconds is not None and not seconds > 0:
            raise UsageError(f"pieces of {seconds:g} s; expected more than 0")
        return cls(pipe, seconds or 60.0)

    @property
    def form(self) -> Flow:
        """Flow matching."""
        return Flow()

    @property
    def modules(self) -> Sequence[nn.Module]:
        """All that is used and holds weights."""
        return self.pipe.transformer, self.pipe.condition_encoder, self.pipe.text_encoder, self.pipe.vae

    @property
    def codec(self) -> Oobleck:
        """The pipeline's; it does not bring pieces to one peak, as the pipeline does after it: stems keep their balance."""
        return Oobleck(self.pipe.vae)

    def config(self, name: str) -> PipelineConfig:
        """Euler, 8 steps without guidance for a distilled model ("turbo"), else 32 with guidance 7 (ours)."""
        rate, turbo = int(self.pipe.sample_rate), self.pipe.is_turbo
        return PipelineConfig(
            name=name,
            stems=("music",),
            rate=rate,
            window=round(self.seconds * rate),
            channels=int(self.pipe.vae.config.audio_channels),
            text=guided(1.0 if turbo else 7.0),
            settings=sampled(Sampling(8 if turbo else 32, 999.0, 0.1 if turbo else 0.03)),
            latents=int(self.pipe.transformer.config.audio_acoustic_hidden_dim),
            hop=self.codec.hop,
        )

    def noise(self, generator: torch.Generator, frames: int) -> Tensor:
        """What a call of the pipeline begins with. Shape: (latents, frames)."""
        latents = int(self.pipe.transformer.config.audio_acoustic_hidden_dim)
        return torch.randn(1, frames, latents, generator=generator)[0].T

    def read(self, texts: Sequence[str]) -> None:
        """Raises UsageError for a text that the pipeline would cut."""
        for text in texts:
            self._encoded(text, self.seconds)

    def heard(self, prompts: tuple[Words, ...], frames: int) -> Heard:
        """Each prompt by itself, without a reference recording; None is the learned condition for none.

        The network hears no mask, so that prompts of unequal lengths cannot share a batch. Raises UsageError for None with a
        distilled model, which knows no guidance.
        """
        if self.pipe.is_turbo and None in prompts:
            raise UsageError("this ACE-Step is distilled and knows no guidance: use weight 1, or a base model")
        silence, _ = self.pipe.prepare_src_latents(self.pipe.device, torch.float32, latent_length=frames)
        context = torch.cat([silence, torch.ones_like(silence)], -1)
        null = self.pipe.condition_encoder.null_condition_emb
        seconds = frames / self.pipe.latents_per_second
        return Heard(tuple(null if text is None else self._condition(text, seconds) for text in prompts), context)

    def answered(self, x: Tensor, time: Tensor, heard: Heard) -> Tensor:
        """v, prompt by prompt. Shape: (batch, prompts, latents, frames) → the same."""
        times, context = time.expand(len(x)), heard.context.expand(len(x), -1, -1)
        answers = [
            self.pipe.transformer(own.transpose(1, 2), times, times, prompt.expand(len(x), -1, -1), context, return_dict=False)[
                0
            ].transpose(1, 2)
            for own, prompt in zip(x.unbind(1), heard.prompts, strict=True)
        ]
        return torch.stack(answers, 1)

    def _condition(self, text: str, seconds: float) -> Tensor:
        encoder = self.pipe.condition_encoder
        words, mask, lyrics, lyrics_mask = self._encoded(text, seconds)
        reference = encoder.silence_latent[:, : math.ceil(TIMBRE * self.pipe.latents_per_second)]
        order = torch.zeros(1, dtype=torch.long, device=reference.device)
        return encoder(words, mask, lyrics, lyrics_mask, reference, order)[0]

    def _encoded(self, text: str, seconds: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        with torch.no_grad():
            found = self.pipe.encode_prompt(text, "", self.pipe.device, audio_duration=seconds, max_text_length=LONGEST + 1)
        if found[0].shape[1] > LONGEST:
            raise UsageError(
                f"a prompt of more tokens than the {LONGEST} this model hears, its own included: shorten {text[:40]!r}…"
            )
        return found
