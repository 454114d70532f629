"""``stemweave evaluate ablation``: several models on the same songs, a grid that varies nothing else."""

from pathlib import Path
from typing import Annotated, Any

import typer

from stemweave.cli import measuring, options
from stemweave.cli.grid import By, Rows, Seeds, compare, groups_of, shares_of
from stemweave.cli.sampling import told_likelihood
from stemweave.cli.settings import about_models, loaded, setting
from stemweave.errors import UsageError
from stemweave.evaluation.reports import report as reports
from stemweave.tasks.likelihoods import own_likelihood


def ablation(
    models: Annotated[
        list[str],
        typer.Argument(help="Models by name, folder or hub id, 'A*B' being the product of two; the first is the one to beat."),
    ],
    data: measuring.Data,
    json_file: Annotated[Path, typer.Option("--json", help="Write the report here; begun work is kept beside it.")],
    split: measuring.Split = "",
    songs: measuring.Songs = None,
    overwrite: options.Overwrite = False,
    rows: Rows = "direct,masked",
    by: By = None,
    seed: measuring.Seed = 0,
    seeds: Seeds = 1,
    device: options.Device = "auto",
    likelihood: options.Likelihood = None,
    anchor: options.Anchor = None,
    steps: options.Steps = None,
    solver: options.Solver = None,
    churn: options.Churn = None,
    resamples: options.Resamples = None,
) -> None:
    """Let several models separate the same songs, and compare each with the first.

    What is not asked for is as each model has it. A run that was stopped goes on where it was.
    """
    shares, groups = shares_of(rows), groups_of(by)
    all_seeds = measuring.seeds(seed, seeds)
    if len(set(models)) < 2:
        raise UsageError(f"{len(set(models))} model, expected at least two different ones to compare")
    reports.free(json_file, overwrite)
    studios = loaded(models, device)
    point: dict[str, Any] = {"steps": steps, "solver": solver, "churn": churn, "resamples": resamples}
    told = {name: told_likelihood(studio.config.settings, likelihood, anchor) for name, studio in studios.items()}
    settings = [setting(name, studio, own_likelihood(told[name]), point, shares) for name, studio in studios.items()]
    stems = next(iter(studios.values())).stems
    corpus = measuring.corpus(data, split, songs, stems)
    asked = {"likelihoods": {name: own.likelihood for name, own in told.items()}, "anchor": anchor, **point}
    about = about_models(studios, corpus) | asked | {"rows": list(shares), "seeds": all_seeds}
    compare("ablation", about, corpus, stems, settings, all_seeds, groups, json_file)
