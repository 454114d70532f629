"""``stemweave evaluate context``: does accompaniment hear its context?"""

from dataclasses import asdict
from typing import Annotated

import torch
import typer

from stemweave.cli import measuring, options
from stemweave.cli.prompts import of_quality
from stemweave.cli.sampling import changed, settings_of, told_method
from stemweave.errors import UsageError
from stemweave.evaluation.protocols import context as contexts
from stemweave.evaluation.reports import report as reports
from stemweave.evaluation.reports.kinds import tables_of
from stemweave.model.checkpoint import DEFAULT
from stemweave.tasks.accompany import Conditioning, own_conditioning
from stemweave.tasks.sampler import Sampler
from stemweave.tasks.studio import Studio, load


def context(
    data: measuring.Data,
    model: options.Model = DEFAULT,
    split: measuring.Split = "",
    songs: measuring.Songs = None,
    json_file: measuring.JsonFile = None,
    overwrite: options.Overwrite = False,
    given: Annotated[str, typer.Option(help="The stem that is played along to.")] = "drums",
    pairs: Annotated[int, typer.Option(help="How many pairs of songs to compare.")] = 50,
    seconds: Annotated[float, typer.Option(help="Length of what is made.")] = 12.0,
    seed: measuring.Seed = 0,
    device: options.Device = "auto",
    quality: options.Qualities = options.Quality.DEFAULT,
    method: options.Hearing = None,
    steps: options.Steps = None,
    solver: options.Solver = None,
    churn: options.Churn = None,
    resamples: options.Resamples = None,
) -> None:
    """Measure whether accompaniment hears its context: a song's own stem against another song's, seed by seed."""
    measuring.above_zero("--pairs", pairs)
    measuring.above_zero("--seconds", seconds)
    (first,) = measuring.seeds(seed, 1)
    reports.free(json_file, overwrite)
    studio = of_quality(load(model, device=device), quality)
    if given not in studio.stems:
        raise UsageError(f"--given is {given!r}, but this model knows {', '.join(studio.stems)}")
    settings = told_method(settings_of(studio.config, quality), method)
    conditioning = own_conditioning(settings)
    used = changed(settings.accompany, steps=steps, solver=solver, churn=churn, resamples=resamples)
    corpus = measuring.corpus(data, split, songs, studio.stems)
    how = {"given": given, "seconds": seconds, "method": settings.conditioning, "sampling": asdict(used), "seed": first}
    about = measuring.about(studio, corpus, (given,)) | how
    accompany = _accompanist(studio, given, conditioning, Sampler.of(used))
    made = contexts.pairs(list(corpus), given, accompany, studio.config.rate, pairs, seconds, first)
    about |= contexts.findings(list(measuring.watched(made, pairs)))
    measuring.deliver("context", about, tables_of({"report": "context", **about}), json_file)


def _accompanist(studio: Studio, given: str, conditioning: Conditioning, sampler: Sampler) -> contexts.Accompanist:
    def accompany(clip: torch.Tensor, rate: int, seed: int) -> torch.Tensor:
        stems = studio.accompany({given: clip}, rate=rate, seed=seed, conditioning=conditioning, sampler=sampler)
        return torch.stack([audio for name, audio in stems.items() if name != given]).sum(0)

    return accompany
