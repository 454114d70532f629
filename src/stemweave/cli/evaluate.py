"""``stemweave evaluate``: figures of a model, as tables on stdout and as one JSON per run."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated

import torch
import typer

from stemweave.cli import measuring, options, pages
from stemweave.cli.ablation import ablation
from stemweave.cli.accompaniment import accompaniment
from stemweave.cli.accompany import METHODS
from stemweave.cli.codec import codec
from stemweave.cli.generation import generation
from stemweave.cli.grid import SHARES, grid
from stemweave.cli.sampling import changed, likelihood_of
from stemweave.cli.values import one_of, stem_names
from stemweave.errors import UsageError
from stemweave.evaluation.protocols import context as contexts
from stemweave.evaluation.protocols.estimators import Estimator, oracle, separator, trivial
from stemweave.evaluation.protocols.separation import Result, run
from stemweave.evaluation.protocols.summary import separation_report
from stemweave.evaluation.reports import report as reports
from stemweave.evaluation.reports.kinds import tables_of
from stemweave.evaluation.reports.tables import markdown
from stemweave.model.checkpoint import DEFAULT
from stemweave.tasks.accompany import Conditioning
from stemweave.tasks.sampler import Sampler
from stemweave.tasks.separate import Separation, own_sampling
from stemweave.tasks.studio import Studio, load

app = typer.Typer(help="Measure a model.", no_args_is_help=True)
for command in (generation, accompaniment, codec, grid, ablation, pages.report, pages.listen, pages.ratings):
    app.command()(command)

OTHERS: Mapping[str, Estimator] = {"oracle": oracle, "trivial": trivial}
PROTOCOLS = ("active", "msdm")


@app.callback()
def evaluate() -> None:
    """Measure a model."""


@app.command()
def separation(
    data: measuring.Data,
    model: options.Model = DEFAULT,
    split: measuring.Split = "",
    songs: measuring.Songs = None,
    json_file: measuring.JsonFile = None,
    overwrite: options.Overwrite = False,
    rows: Annotated[
        str, typer.Option(help="What to score: the model's signals, its masks, masks of the truth, silence and the mix.")
    ] = "direct,masked,oracle,trivial",
    protocol: Annotated[
        str, typer.Option(help="active: stems where they sound; msdm: as in the paper 2302.02257, in a second pass.")
    ] = "active,msdm",
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
    """Separate songs whose stems are known, and measure how near the estimates come."""
    asked, protocols = _names(rows, (*SHARES, *OTHERS), "--rows"), _names(protocol, PROTOCOLS, "--protocol")
    rule, all_seeds = likelihood_of(likelihood, anchor), measuring.seeds(seed, seeds)
    reports.free(json_file, overwrite)
    studio = load(model, device=device)
    used = changed(own_sampling(studio.config, rule), steps=steps, solver=solver, churn=churn, resamples=resamples)
    corpus = measuring.corpus(data, split, songs, studio.stems)
    how = {"likelihood": likelihood, "anchor": anchor, "sampling": asdict(used), "seeds": all_seeds}
    about = measuring.about(studio, corpus, studio.stems) | how
    estimators = _estimators(studio, Separation(rule, Sampler.of(used)), asked)
    songs_done = run(corpus, studio.stems, estimators, all_seeds, "msdm" in protocols)
    results = [result for song in measuring.watched(songs_done, len(corpus)) for result in song]
    report = separation_report(studio.stems, _by_row(results), about)
    reports.write(json_file, report)
    typer.echo(markdown(tables_of(report)))


@app.command()
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
    method: options.Hearing = "learned",
    steps: options.Steps = None,
    solver: options.Solver = None,
    churn: options.Churn = None,
    resamples: options.Resamples = None,
) -> None:
    """Measure whether accompaniment hears its context: a song's own stem against another song's, seed by seed."""
    measuring.above_zero("--pairs", pairs)
    measuring.above_zero("--seconds", seconds)
    conditioning, (first,) = one_of(METHODS, method, "--method"), measuring.seeds(seed, 1)
    reports.free(json_file, overwrite)
    studio = load(model, device=device)
    if given not in studio.stems:
        raise UsageError(f"--given is {given!r}, but this model knows {', '.join(studio.stems)}")
    used = changed(studio.config.accompany, steps=steps, solver=solver, churn=churn, resamples=resamples)
    corpus = measuring.corpus(data, split, songs, studio.stems)
    how = {"given": given, "seconds": seconds, "method": method, "sampling": asdict(used), "seed": first}
    about = measuring.about(studio, corpus, (given,)) | how
    accompany = _accompanist(studio, given, conditioning, Sampler.of(used))
    made = contexts.pairs(list(corpus), given, accompany, studio.config.rate, pairs, seconds, first)
    report = contexts.report(list(measuring.watched(made, pairs)), about)
    reports.write(json_file, report)
    typer.echo(markdown(tables_of(report)))


def _accompanist(studio: Studio, given: str, conditioning: Conditioning, sampler: Sampler) -> contexts.Accompanist:
    def accompany(clip: torch.Tensor, rate: int, seed: int) -> torch.Tensor:
        stems = studio.accompany({given: clip}, rate=rate, seed=seed, conditioning=conditioning, sampler=sampler)
        return torch.stack([audio for name, audio in stems.items() if name != given]).sum(0)

    return accompany


def _names(text: str, known: Sequence[str], option: str) -> tuple[str, ...]:
    return tuple(one_of({name: name for name in known}, name, option) for name in stem_names(text, option) or ())


def _estimators(studio: Studio, how: Separation, rows: Sequence[str]) -> list[Estimator]:
    shares = {name: share for name, share in SHARES.items() if name in rows}
    own = [separator(studio.model, how, shares)] if shares else []
    return own + [estimator for name, estimator in OTHERS.items() if name in rows]


def _by_row(results: Sequence[Result]) -> dict[str, list[Result]]:
    rows = dict.fromkeys(result.row for result in results)
    return {row: [result for result in results if result.row == row] for row in rows}
