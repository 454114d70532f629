"""Playing along: some stems are given, the others are made to fit (2302.02257 §3.2, source imputation)."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from stemweave.audio.resample import resample
from stemweave.diffusion.problem import Problem
from stemweave.diffusion.projections import Replacement
from stemweave.diffusion.windowed import Windowed, windows
from stemweave.errors import ModelError, UsageError
from stemweave.model.config import ModelConfig, Settings
from stemweave.model.lineup import Lineup
from stemweave.model.model import Model
from stemweave.tasks.coupled import COHERENT, UNDER, Beside
from stemweave.tasks.lengths import decoded, encoded
from stemweave.tasks.priors import grid, levels, shape_of, whole
from stemweave.tasks.prompting import accompanying
from stemweave.tasks.sampler import Event, Progress, Sampler, silent_progress
from stemweave.tasks.separate import channels_for

Conditioning = Callable[[Model, Tensor, Tensor], Problem]
"""(model, known (1, stems, channels, samples) or latents, mask (stems,)) → the problem of making the other stems."""


def learned(model: Model, known: Tensor, mask: Tensor) -> Problem:
    """The network itself hears the given stems, at noise level 0. Ours; not in the paper."""
    length, hop = grid(model.config)
    prior = Windowed(model.given(windows(known, length, hop), mask), length, hop)
    return Problem(prior, shape_of(known), project=Replacement(known, mask))


def replacement(model: Model, known: Tensor, mask: Tensor) -> Problem:
    """The paper's way: given stems are noised to the walk's level before every step (2302.02257 §3.2)."""
    return Problem(whole(model), shape_of(known), project=Replacement(known, mask))


CONDITIONINGS: Mapping[str, Conditioning] = {
    "learned": learned,
    "replacement": replacement,
    **{name: Beside(rule) for name, rule in COHERENT.items()},
    **{name: rule.beside for name, rule in UNDER.items()},
}
"""The ways to be told given stems by the names that checkpoints and the command line use."""


def own_conditioning(settings: Settings) -> Conditioning:
    """The way that the settings name. Raises ModelError for one this version does not know."""
    if settings.conditioning not in CONDITIONINGS:
        raise ModelError(f"the model asks for method {settings.conditioning!r}; this stemweave has {sorted(CONDITIONINGS)}")
    return CONDITIONINGS[settings.conditioning]


def accompany(
    model: Model,
    given: Mapping[str, Tensor],
    rate: int,
    seed: int,
    conditioning: Conditioning | None = None,
    sampler: Sampler | None = None,
    progress: Progress = silent_progress,
) -> Tensor:
    """All stems at `rate`, (stems, channels, samples); the given ones untouched.

    `given` are (channels, samples) tensors of one length and channel count at `rate` Hz, by stem name.
    """
    config = model.config
    mask = torch.tensor([name in given for name in config.stems], device=model.device)
    known, gain = at_model(config, given, rate)
    sampler = sampler or Sampler.of(config.settings.accompany)
    conditioning = conditioning or own_conditioning(config.settings)
    if not config.joint and conditioning in (learned, replacement):
        how = "by the method coherent or consistent" if isinstance(model, Lineup) else "with another model"
        raise ModelError(f"{config.name} has a prior for each stem, which hears no others by this method: play along {how}")
    problem = conditioning(accompanying(model), encoded(model, known.unsqueeze(0)), mask)

    def watch(step: int) -> None:
        progress(Event("accompany", step, sampler.total))

    x = problem.answer(sampler.run(problem, model.noise(seed), watch).x)
    made = decoded(model, x, known.shape[-1])[0] / gain
    channels, samples = next(iter(given.values())).shape
    aligned = resample(made, config.rate, rate, samples).expand(-1, channels, -1).clone()
    for name, audio in given.items():
        aligned[config.stems.index(name)] = audio
    return aligned


def at_model(config: ModelConfig, given: Mapping[str, Tensor], rate: int) -> tuple[Tensor, float]:
    """The given stems at the model's rate and expected level, zeros elsewhere, and the gain that was applied."""
    heard = {name: resample(channels_for(audio, config.channels), rate, config.rate) for name, audio in given.items()}
    expected = sum(levels(config)[config.stems.index(name)] ** 2 for name in given) ** 0.5
    rms = float(sum(audio.double().square().mean() for audio in heard.values()) ** 0.5)
    gain = expected / rms if rms > 1e-6 and config.mixture_level else 1.0
    silent = torch.zeros_like(next(iter(heard.values())))
    return gain * torch.stack([heard.get(name, silent) for name in config.stems]), gain


def checked_names(config: ModelConfig, given: Sequence[str], make: Sequence[str] | None) -> tuple[str, ...]:
    """The stems to make, in the model's order; raises UsageError for names that cannot be."""
    if isinstance(make, str):
        raise UsageError(f"got make={make!r}; name the stems to make in a list, such as [{make!r}]")
    for name in (*given, *(make or ())):
        if name not in config.stems:
            raise UsageError(f"got stem {name!r}; {config.name} knows {', '.join(config.stems)}")
    if not given:
        raise UsageError(f"nothing to play along to; give at least one of {', '.join(config.stems)}")
    if set(given) == set(config.stems):
        raise UsageError(f"all stems are given ({', '.join(config.stems)}); leave out at least one to be made")
    if make is not None and len(set(make)) != len(make):
        raise UsageError(f"stems to make are repeated: {', '.join(make)}; name each once")
    if both := sorted(set(given) & set(make or ())):
        raise UsageError(f"{', '.join(both)} cannot be both given and made; drop one of the two")
    wanted = [name for name in config.stems if name not in given and (make is None or name in make)]
    if not wanted:
        raise UsageError(
            f"no stem is named to be made; choose from {', '.join(name for name in config.stems if name not in given)}"
        )
    return tuple(wanted)
