"""Inventing a whole band: all stems drawn together from the prior (2302.02257 §3.1)."""

import torch
from torch import Tensor

from stemweave.model.model import Model
from stemweave.tasks.coupled import Coupling, own_coupling
from stemweave.tasks.lengths import decoded, held
from stemweave.tasks.prompting import generating
from stemweave.tasks.sampler import Event, Progress, Sampler, silent_progress
from stemweave.tasks.song import checked_seconds


def generate(
    model: Model,
    seconds: float,
    seed: int,
    sampler: Sampler | None = None,
    progress: Progress = silent_progress,
    coupling: Coupling | None = None,
) -> Tensor:
    """A piece, (stems, channels, samples) at the model's rate; any length, by overlapping windows.

    Sampler and coupling left out are the model's own. Raises UsageError for seconds that are not a length.
    """
    config = model.config
    samples = max(1, round(checked_seconds(seconds) * config.rate))
    sampler = sampler or Sampler.of(config.settings.generate)
    coupling = coupling or own_coupling(config.settings)
    problem = coupling(generating(model), model.shape(1, held(config, samples)))

    def watch(step: int) -> None:
        progress(Event("generate", step, sampler.total))

    state = sampler.run(problem, model.noise(seed), watch)
    return decoded(model, problem.answer(state.x), samples)[0]


def loudest_take(made: list[Tensor]) -> int:
    """Which take has the largest norm: the papers' remedy against silence (2403.11706 §4). Shapes: any, alike."""
    return int(torch.stack([take.square().sum() for take in made]).argmax())
