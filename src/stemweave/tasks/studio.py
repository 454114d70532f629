"""A model and its jobs in one object: what `stemweave.load` returns, and what the command line calls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from stemweave.audio.resample import resample
from stemweave.audio.stems import Stems, check_names
from stemweave.diffusion.guidance import Guidance
from stemweave.errors import UsageError
from stemweave.model import checkpoint
from stemweave.model.config import ModelConfig
from stemweave.model.model import Model
from stemweave.model.precision import pick_device, pick_precision, place
from stemweave.tasks import accompany as playing
from stemweave.tasks import generate as inventing
from stemweave.tasks.coupled import Coupling
from stemweave.tasks.extract import AGAINST_REST, TARGET, duet, extraction, own_rule, own_walk
from stemweave.tasks.likelihoods import Likelihood, own_likelihood
from stemweave.tasks.prompting import texted, walking
from stemweave.tasks.sampler import Progress, Sampler, silent_progress
from stemweave.tasks.separate import Separation, Share, masked, separate
from stemweave.tasks.song import Sound, checked_seed, opened


@dataclass(frozen=True, eq=False)
class Studio:
    """A model with its jobs. Results are `Stems`, read like a dict by name.

    `folder` is where the model came from, `precision` what its matrix products run in. Seeds left out are drawn and returned
    in the result; samplers, likelihood and conditioning left out are the checkpoint's own.
    """

    model: Model
    folder: Path
    precision: torch.dtype = torch.float32

    @property
    def config(self) -> ModelConfig:
        """Stems, rate (Hz), window (samples) and defaults."""
        return self.model.config

    def told(
        self, prompts: Mapping[str, str], *, negatives: Mapping[str, str] | None = None, guidance: float | None = None
    ) -> "Studio":
        """The same model with any stems that can be named, by their prompts; for models that are told in words what sounds.

        `negatives`: what stems are not. `guidance`: how strongly to follow prompts, 1 plainly. What is left out is as the model
        has it for each job; with either, songs are taken apart by a walk. Raises ModelError for a model that knows only its own
        stems, UsageError for what it cannot read.
        """
        check_names(tuple(prompts))
        weight = None if guidance is None else Guidance(checked_guidance(guidance))
        told = texted(self.model, "a prompt").told(prompts, negatives, weight)
        return replace(self, model=walking(told) if negatives or guidance not in (None, 1) else told)

    @property
    def stems(self) -> tuple[str, ...]:
        """The names of the stems the model knows."""
        return self.model.config.stems

    def generate(
        self,
        seconds: float = 12.0,
        *,
        seed: int | None = None,
        sampler: Sampler | None = None,
        coupling: Coupling | None = None,
        progress: Progress = silent_progress,
    ) -> Stems:
        """Invent a band: all stems together, at the model's rate, hearing each other as the model has it, or by `coupling`."""
        seed = checked_seed(seed)
        audio = inventing.generate(self.model, seconds, seed, sampler, progress, coupling)
        return Stems(self.stems, audio, self.config.rate, seed=seed)

    def accompany(
        self,
        given: Mapping[str, Sound],
        *,
        make: Sequence[str] | None = None,
        rate: int | None = None,
        seed: int | None = None,
        conditioning: playing.Conditioning | None = None,
        sampler: Sampler | None = None,
        progress: Progress = silent_progress,
    ) -> Stems:
        """Play along: the given stems, untouched, and those in `make` (default: all others), in time with them.

        `given`: paths or samples by stem name (`rate` in Hz for samples), of equal length. The result has the highest
        rate and channel count given.
        """
        wanted = playing.checked_names(self.config, tuple(given), make)
        audio, common = aligned(given, rate)
        names = tuple(name for name in self.stems if name in given or name in wanted)
        seed = checked_seed(seed)
        whole = playing.accompany(self.model, audio, common, seed, conditioning, sampler, progress)
        return Stems(names, whole[[self.stems.index(name) for name in names]], common, seed=seed)

    def separate(
        self,
        song: Sound,
        *,
        rate: int | None = None,
        likelihood: Likelihood | None = None,
        sampler: Sampler | None = None,
        share: Share = masked,
        residual: bool = False,
        seed: int | None = None,
        progress: Progress = silent_progress,
    ) -> Stems:
        """Take a song apart: stems at the song's own rate, channels and length, that sum (with the residual) to the song.

        The model knows only its own stems: anything else in the song, such as vocals, ends up in them or, with `residual`,
        partly there.
        """
        rule = likelihood or own_likelihood(self.config.settings)
        how = Separation(rule, sampler, share, residual, checked_seed(seed))
        with opened(song, rate) as source:
            whole = torch.cat(list(separate(self.model, source, how, progress)), -1)
            return Stems(self.stems, whole[: len(self.stems)], source.rate, whole[-1] if residual else None, how.seed)

    def extract(
        self,
        song: Sound,
        prompt: str,
        *,
        negative: str | None = None,
        rest: str | None = None,
        rate: int | None = None,
        sampler: Sampler | None = None,
        share: Share = masked,
        seed: int | None = None,
        progress: Progress = silent_progress,
    ) -> Stems:
        """Take one sound out of a song, by its name: the stem "target" and the residual, which sum to the song.

        `negative`: what it is not. `rest`: what else sounds in the song; by default the model's own stems but those that
        `prompt` names. `sampler`: walk by this one; by default as the model is best used. Raises ModelError for a model that is
        not told in words, UsageError for what it cannot read.
        """
        told = duet(self.model, prompt, negative, rest)
        settings = told.config.settings
        rule = AGAINST_REST if sampler else own_rule(settings)
        how = extraction(rule, sampler or Sampler.of(own_walk(settings, rule)), share, checked_seed(seed))
        with opened(song, rate) as source:
            whole = torch.cat(list(separate(told, source, how, progress)), -1)
            return Stems((TARGET,), whole[:1], source.rate, whole[1], how.seed)

    def save(self, folder: Path | str, card: str = "", overwrite: bool = False) -> None:
        """Write the model as a folder: config.json, model.safetensors, README.md."""
        checkpoint.save(self.model, folder, card, overwrite=overwrite)


def load(
    name: str | Path = checkpoint.DEFAULT, *, device: str = "auto", revision: str | None = None, precision: str = "auto"
) -> Studio:
    """A model ready for work: an embedded one by name (default), a folder, or a hub id "owner/name".

    `device`: "auto", "cpu", "cuda", …; `precision`: "auto" (bfloat16 where the hardware has it), "float32" or "bfloat16".
    Raises ModelError or UsageError, in one line.
    """
    choices = {"float32": torch.float32, "bfloat16": torch.bfloat16}
    if precision != "auto" and precision not in choices:
        raise UsageError(f"got precision {precision!r}; expected auto, {' or '.join(choices)}")
    where = pick_device(device)
    folder = checkpoint.find(name, revision)
    kind = choices.get(precision) or pick_precision(where)
    return Studio(place(checkpoint.load(folder), where, kind), folder, kind)


def loudest(made: Sequence[Stems]) -> Stems:
    """The take with the largest norm: the papers' remedy against silent stems (2403.11706 §4)."""
    return made[inventing.loudest_take([take.audio for take in made])]


def checked_guidance(weight: float) -> float:
    """A guidance weight."""
    if not 0 <= weight <= 100:
        raise UsageError(f"got guidance {weight}; expected 0 to 100, 1 for none")
    return weight


def aligned(given: Mapping[str, Sound], rate: int | None) -> tuple[dict[str, Tensor], int]:
    """The given stems as samples of one rate, channel count and length; those that have these already are untouched."""
    read: dict[str, tuple[Tensor, int]] = {}
    for name, sound in given.items():
        with opened(sound, rate) as song:
            read[name] = (song.read(), song.rate)
    common, channels = max(own for _, own in read.values()), max(len(audio) for audio, _ in read.values())
    slack = 1.5 / min(own for _, own in read.values())
    seconds = {name: audio.shape[1] / own for name, (audio, own) in read.items()}
    if max(seconds.values()) - min(seconds.values()) > (0 if len({own for _, own in read.values()}) == 1 else slack):
        told = ", ".join(f"{name} {length:.3f} s" for name, length in seconds.items())
        raise UsageError(f"given stems differ in length: {told}; cut or pad them to one length")
    samples = max(round(length * common) for length in seconds.values())
    return {name: widened(resample(audio, own, common, samples), channels, name) for name, (audio, own) in read.items()}, common


def widened(audio: Tensor, channels: int, name: str) -> Tensor:
    """Mono copied to as many channels as the others have."""
    if audio.shape[0] not in (1, channels):
        raise UsageError(f"stem {name!r} has {audio.shape[0]} channels, another has {channels}; give them alike, or mono")
    return audio.expand(channels, -1)
