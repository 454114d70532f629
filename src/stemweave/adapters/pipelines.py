"""A pipeline of diffusers as a model of ours: its parts, asked about several prompts at once, in its latents."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from stemweave.adapters.parametrisations import Parametrisation
from stemweave.diffusion.guidance import Prompted
from stemweave.diffusion.noise import Noise, NoiseSource
from stemweave.errors import ModelError, UsageError
from stemweave.model.config import EncoderConfig, ModelConfig, Prompting, Sampling, Settings, TextConfig
from stemweave.model.lineup import Lineup, Words
from stemweave.nets.prompts import checked


@dataclass(frozen=True)
class PipelineConfig(ModelConfig):
    """As `ModelConfig`, of a network that is not ours. There is no folder of ours to write it to.

    `latents` of one frame, `hop` samples of sound a frame; `least`: the fewest samples the network is at home with.
    """

    net: Any = None
    sigma_data: float = 1.0
    joint: bool = False
    mixture_level: float = 0.0
    latents: int = 1
    hop: int = 1
    least: int = 1

    @property
    def width(self) -> int:
        """Latents of one frame."""
        return self.latents

    def frames(self, samples: int) -> int:
        """How many frames hold so many samples."""
        return math.ceil(samples / self.hop)

    @property
    def shortest(self) -> int:
        """The fewest samples the network is at home with."""
        return self.least


class Parts(Protocol):
    """What is particular to one class of pipelines."""

    @property
    def form(self) -> Parametrisation:
        """What the network is asked and answers."""

    @property
    def modules(self) -> Sequence[nn.Module]:
        """All that holds weights."""

    @property
    def codec(self) -> Any:
        """From sound to latents and back, in the form of `stemweave.model.codec.Codec`."""

    def config(self, name: str) -> PipelineConfig:
        """Its description."""

    def read(self, texts: Sequence[str], /) -> None:
        """Raises UsageError for texts that it would cut or not understand."""

    def noise(self, generator: torch.Generator, frames: int, /) -> Tensor:
        """What a call of the pipeline with this generator begins with. Shape: (latents, frames)."""

    def heard(self, prompts: tuple[Words, ...], frames: int, /) -> Any:
        """What the network hears of prompts for a piece of so many frames; None is the pipeline's unconditional guidance."""

    def answered(self, x: Tensor, time: Tensor, heard: Any, /) -> Tensor:
        """The network's answer. Shape: (batch, prompts, latents, frames) → the same; `time` 0-d."""


class PipelineModel(Lineup):
    """A pipeline that `load` or `adapted` of `stemweave.adapters.diffusers` made ours; its stems are what it is told of.

    Every stem is a piece of its own in the pipeline's latents, whose codec is not linear: the latents of a mixture are not the
    sum of its stems'. Couplings of stems with a mixture (`stemweave.tasks.coupled`) hold there only approximately, and a
    likelihood must go through the decoder (`stemweave.diffusion.decoded.DecodedLikelihood`).
    """

    codec: Any

    def __init__(self, parts: Parts, name: str) -> None:
        nn.Module.__init__(self)
        self.parts, self.config, self.codec = parts, parts.config(name), parts.codec
        self.networks = nn.ModuleList(parts.modules)
        self.eval().requires_grad_(False)
        self.stand()

    def noise(self, seed: int) -> NoiseSource:
        """Begun as a call of the pipeline is, with a generator of this seed for the first stem, of the next for the second…"""
        return OwnNoise(self.parts, seed, self.device)

    def voice(self) -> Prompted:
        """Each set of prompts is read once in its life."""
        return AskedPipeline(self.parts)

    def read(self, texts: Sequence[str]) -> None:
        """Raises UsageError for texts that are empty, that the pipeline would cut, or that it does not understand."""
        self.parts.read(checked(texts))

    def forward(self, x: Tensor, sigma: Tensor, mixture: Tensor, mixed: Tensor) -> Tensor:  # noqa: ARG002
        """ModelError: a pipeline has one noise level for all, and hears no mixture; `prior` is its denoiser."""
        raise ModelError(f"{self.config.name} is a pipeline of diffusers; ask its prior()")


@dataclass(frozen=True)
class OwnNoise:
    """Noise of one item that begins as a pipeline's own; what is drawn later is as any model has it."""

    parts: Parts
    seed: int
    device: torch.device

    def __call__(self, draw: int, shape: tuple[int, ...], /) -> Tensor:
        """Shape: (1, stems, latents, frames). Raises UsageError for another batch."""
        if draw:
            return Noise((self.seed,), device=self.device)(draw, shape)
        if shape[0] != 1:
            raise UsageError(f"got noise of shape {shape} for one seed; expected a batch of one")
        seeds = range(self.seed, self.seed + shape[1])
        begun = [self.parts.noise(torch.Generator().manual_seed(seed), shape[-1]) for seed in seeds]
        return torch.stack(begun).unsqueeze(0).to(self.device)


@dataclass(frozen=True, eq=False)
class AskedPipeline:
    """A pipeline as `stemweave.diffusion.guidance.Prompted`: each set of prompts is read once for each length."""

    parts: Parts
    _heard: dict[tuple[tuple[Words, ...], int], Any] = field(default_factory=dict)

    def __call__(self, x: Tensor, sigma: Tensor, prompts: tuple[Words, ...], /) -> Tensor:
        """Shape: (batch, prompts, latents, frames) → the same."""
        key = prompts, x.shape[-1]
        if key not in self._heard:
            self.parts.read([text for text in prompts if text is not None])  # also what a coupling joins of prompts
            with torch.inference_mode(False), torch.no_grad():
                self._heard[key] = self.parts.heard(*key)
        form = self.parts.form
        answer = self.parts.answered(form.scale(sigma) * x, form.time(sigma).to(x), self._heard[key])
        return form.denoised(x, sigma, answer)

    def __repr__(self) -> str:
        return f"AskedPipeline({type(self.parts).__name__})"


def guided(weight: float) -> TextConfig:
    """Prompts that the pipeline's own encoder reads, under guidance of this weight."""
    return TextConfig(EncoderConfig("its own"), generate=Prompting(weight), accompany=Prompting(weight))


def sampled(sampling: Sampling) -> Settings:
    """Generation and accompaniment so sampled."""
    return Settings(generate=sampling, accompany=sampling, conditioning="coherent")
