"""``stemweave evaluate extraction``: one sound at a time, asked for by name."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from stemweave.cli import measuring, options
from stemweave.cli.prompts import of_quality
from stemweave.cli.sampling import changed, settings_of, told, told_likelihood
from stemweave.cli.values import known_stems
from stemweave.evaluation.protocols.extraction import by_stem, cases, measure, tables
from stemweave.evaluation.reports import report as reports
from stemweave.model.checkpoint import DEFAULT
from stemweave.tasks.likelihoods import own_likelihood, own_sampling
from stemweave.tasks.sampler import Sampler
from stemweave.tasks.separate import Separation
from stemweave.tasks.studio import load


def extraction(
    data: measuring.Data,
    json_file: Annotated[Path, typer.Option("--json", help="Write the report here; begun work is kept beside it.")],
    model: options.Model = DEFAULT,
    split: measuring.Split = "",
    songs: measuring.Songs = None,
    overwrite: options.Overwrite = False,
    prompts: Annotated[
        str | None, typer.Option("--prompts", help="What to ask for, such as drums,bass. (default: every stem the model knows)")
    ] = None,
    absent: Annotated[
        bool,
        typer.Option("--absent", help="Also ask for each prompt in the songs without that stem: one more separation each."),
    ] = False,
    seed: measuring.Seed = 0,
    seeds: Annotated[int, typer.Option(help="How often to ask each song; figures are means over all.")] = 1,
    device: options.Device = "auto",
    quality: options.Qualities = options.Quality.DEFAULT,
    likelihood: options.Likelihood = None,
    anchor: options.Anchor = None,
    steps: options.Steps = None,
    solver: options.Solver = None,
    churn: options.Churn = None,
    resamples: options.Resamples = None,
) -> None:
    """Ask songs for one sound by name at a time, and measure what comes, also where that sound is absent.

    The model's masked stems answer, and one separation of a song answers all prompts. A run that was stopped goes on
    where it was.
    """
    all_seeds = measuring.seeds(seed, seeds)
    reports.free(json_file, overwrite)
    studio = of_quality(load(model, device=device), quality)
    settings = told_likelihood(settings_of(studio.config, quality), likelihood, anchor)
    rule = own_likelihood(settings)
    used = changed(own_sampling(settings, rule), steps=steps, solver=solver, churn=churn, resamples=resamples)
    asked = known_stems(prompts, studio.stems, "--prompts")
    removed = asked if absent else ()
    corpus = measuring.corpus(data, split, songs, studio.stems)
    about = measuring.about(studio, corpus, studio.stems) | {
        "prompts": list(asked), "absent": list(removed), **told(settings), "sampling": asdict(used), "seeds": all_seeds,
    }  # fmt: skip
    journal, tracks = measuring.begun(json_file, about), list(corpus)
    plan = [case for track in tracks for case in cases(track, asked, removed)]
    extract = by_stem(studio.model, Separation(rule, Sampler.of(used)))
    for _ in measuring.watched(measure(plan, studio.stems, extract, all_seeds, journal), len(plan)):
        pass
    measuring.deliver("extraction", about, list(tables(tracks, asked, removed, journal)), json_file)
    journal.close()
