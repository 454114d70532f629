"""``stemweave evaluate ablation``: several models on the same songs."""

from pathlib import Path
from typing import Annotated

import typer

from stemweave.cli import measuring, options
from stemweave.cli.grid import SHARES, compare
from stemweave.cli.sampling import likelihood_of, replaced
from stemweave.cli.values import one_of, stem_names
from stemweave.errors import UsageError
from stemweave.evaluation.protocols import grid as grids
from stemweave.evaluation.protocols.estimators import separator
from stemweave.evaluation.reports import report as reports
from stemweave.tasks.sampler import Sampler
from stemweave.tasks.separate import Separation, own_sampling
from stemweave.tasks.studio import Studio, load


def ablation(
    models: Annotated[list[str], typer.Argument(help="Models by name, folder or hub id; the first is the one to beat.")],
    data: measuring.Data,
    json_file: Annotated[Path, typer.Option("--json", help="Write the report here; begun work is kept beside it.")],
    split: measuring.Split = "",
    songs: measuring.Songs = None,
    overwrite: options.Overwrite = False,
    rows: Annotated[str, typer.Option(help="What to score: the models' signals, their masks.")] = "direct,masked",
    seed: measuring.Seed = 0,
    seeds: Annotated[int, typer.Option(help="How often to separate each song; figures are means over all.")] = 1,
    device: options.Device = "auto",
    likelihood: options.Likelihood = "learned",
    anchor: options.Anchor = None,
    steps: options.Steps = None,
    solver: options.Solver = None,
    churn: options.Churn = None,
    resamples: options.Resamples = None,
) -> None:
    """Let several models separate the same songs, and compare each with the first.

    What is not asked for is as each model has it. A run that was stopped goes on where it was.
    """
    shares = {name: one_of(SHARES, name, "--rows") for name in stem_names(rows, "--rows") or ()}
    rule, all_seeds = likelihood_of(likelihood, anchor), measuring.seeds(seed, seeds)
    reports.free(json_file, overwrite)
    studios = {name: load(name, device=device) for name in models}
    stems = _alike(studios)
    settings = []
    for name, studio in studios.items():
        used = replaced(own_sampling(studio.config, rule), steps=steps, solver=solver, churn=churn, resamples=resamples)
        settings.append(grids.Setting(name, separator(studio.model, Separation(rule, Sampler.of(used)), shares)))
    corpus = measuring.corpus(data, split, songs, stems)
    about = {
        "models": {name: measuring.about_model(studio) for name, studio in studios.items()},
        "data": measuring.about_songs(corpus, stems),
        "likelihood": likelihood,
        "rows": list(shares),
        "seeds": all_seeds,
    }
    compare("ablation", about, corpus, stems, settings, all_seeds, json_file)


def _alike(studios: dict[str, Studio]) -> tuple[str, ...]:
    """The stems that all models know; raises UsageError where they differ, or there is one model only."""
    stems = {name: studio.stems for name, studio in studios.items()}
    if len(stems) < 2:
        raise UsageError(f"{len(stems)} model, expected at least two different ones to compare")
    if len(set(stems.values())) > 1:
        known = "; ".join(f"{name}: {', '.join(names)}" for name, names in stems.items())
        raise UsageError(f"these models know different stems ({known}): compare models of the same stems")
    return next(iter(stems.values()))
