"""``stemweave evaluate``: figures of a model, as tables on stdout and as one JSON per run."""

import hashlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from tqdm import tqdm

from stemweave.cli import options
from stemweave.cli.accompany import METHODS
from stemweave.cli.sampling import changed, likelihood_of
from stemweave.cli.values import one_of, stem_names
from stemweave.data.layouts import Corpus, open_corpus
from stemweave.errors import UsageError
from stemweave.evaluation import context as contexts
from stemweave.evaluation import report as reports
from stemweave.evaluation.estimators import Estimator, oracle, separator, trivial
from stemweave.evaluation.protocol import Result, corpus_hash, run
from stemweave.model.checkpoint import CONFIG, DEFAULT, digest
from stemweave.tasks.accompany import Conditioning
from stemweave.tasks.sampler import Sampler
from stemweave.tasks.separate import Separation, direct, masked, own_sampling
from stemweave.tasks.studio import Studio, load

app = typer.Typer(help="Measure a model.", no_args_is_help=True)

SHARES = {"direct": direct, "masked": masked}
OTHERS: Mapping[str, Estimator] = {"oracle": oracle, "trivial": trivial}
PROTOCOLS = ("active", "msdm")

Data = Annotated[Path, typer.Option("--data", help="A folder of songs as stems.")]
Split = Annotated[str, typer.Option("--split", help="Only this part of the data, such as test-a. (default: all)")]
Songs = Annotated[int | None, typer.Option("--songs", help="Only the first so many songs. (default: all)")]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write the report to this file.")]
Seed = Annotated[int, typer.Option("--seed", help="The first seed; the next ones count up from it.")]


@app.callback()
def evaluate() -> None:
    """Measure a model."""


@app.command()
def separation(
    data: Data,
    model: options.Model = DEFAULT,
    split: Split = "",
    songs: Songs = None,
    json_file: JsonFile = None,
    overwrite: options.Overwrite = False,
    rows: Annotated[
        str, typer.Option(help="What to score: the model's signals, its masks, masks of the truth, silence and the mix.")
    ] = "direct,masked,oracle,trivial",
    protocol: Annotated[
        str, typer.Option(help="active: stems where they sound; msdm: as in the paper 2302.02257, in a second pass.")
    ] = "active,msdm",
    seed: Seed = 0,
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
    rule, all_seeds = likelihood_of(likelihood, anchor), _seeds(seed, seeds)
    reports.free(json_file, overwrite)
    studio = load(model, device=device)
    used = changed(own_sampling(studio.config, rule), steps=steps, solver=solver, churn=churn, resamples=resamples)
    corpus = _corpus(data, split, songs, studio.stems)
    how = {"likelihood": likelihood, "anchor": anchor, "sampling": asdict(used), "seeds": all_seeds}
    about = _about(studio, corpus, studio.stems) | how
    estimators = _estimators(studio, Separation(rule, Sampler.of(used)), asked)
    songs_done = run(corpus, studio.stems, estimators, all_seeds, "msdm" in protocols)
    results = [result for song in _watched(songs_done, len(corpus)) for result in song]
    report = reports.separation_report(studio.stems, _by_row(results), about)
    reports.write(json_file, report)
    typer.echo(reports.markdown(report))


@app.command()
def context(
    data: Data,
    model: options.Model = DEFAULT,
    split: Split = "",
    songs: Songs = None,
    json_file: JsonFile = None,
    overwrite: options.Overwrite = False,
    given: Annotated[str, typer.Option(help="The stem that is played along to.")] = "drums",
    pairs: Annotated[int, typer.Option(help="How many pairs of songs to compare.")] = 50,
    seconds: Annotated[float, typer.Option(help="Length of what is made.")] = 12.0,
    seed: Seed = 0,
    device: options.Device = "auto",
    method: options.Hearing = "learned",
    steps: options.Steps = None,
    solver: options.Solver = None,
    churn: options.Churn = None,
    resamples: options.Resamples = None,
) -> None:
    """Measure whether accompaniment hears its context: a song's own stem against another song's, seed by seed."""
    _above_zero("--pairs", pairs)
    _above_zero("--seconds", seconds)
    conditioning, (first,) = one_of(METHODS, method, "--method"), _seeds(seed, 1)
    reports.free(json_file, overwrite)
    studio = load(model, device=device)
    if given not in studio.stems:
        raise UsageError(f"--given is {given!r}, but this model knows {', '.join(studio.stems)}")
    used = changed(studio.config.accompany, steps=steps, solver=solver, churn=churn, resamples=resamples)
    corpus = _corpus(data, split, songs, studio.stems)
    how = {"given": given, "seconds": seconds, "method": method, "sampling": asdict(used), "seed": first}
    about = _about(studio, corpus, (given,)) | how
    accompany = _accompanist(studio, given, conditioning, Sampler.of(used))
    made = contexts.pairs(list(corpus), given, accompany, studio.config.rate, pairs, seconds, first)
    report = contexts.report(list(_watched(made, pairs)), about)
    reports.write(json_file, report)
    typer.echo(contexts.markdown(report))


def _accompanist(studio: Studio, given: str, conditioning: Conditioning, sampler: Sampler) -> contexts.Accompanist:
    def accompany(clip: torch.Tensor, rate: int, seed: int) -> torch.Tensor:
        stems = studio.accompany({given: clip}, rate=rate, seed=seed, conditioning=conditioning, sampler=sampler)
        return torch.stack([audio for name, audio in stems.items() if name != given]).sum(0)

    return accompany


def _names(text: str, known: Sequence[str], option: str) -> tuple[str, ...]:
    return tuple(one_of({name: name for name in known}, name, option) for name in stem_names(text, option) or ())


def _above_zero(option: str, number: float) -> None:
    if not number > 0:
        raise UsageError(f"{option} is {number}, expected more than 0")


def _seeds(first: int, count: int) -> list[int]:
    _above_zero("--seeds", count)
    if first < 0:
        raise UsageError(f"--seed is {first}, expected 0 or more")
    return list(range(first, first + count))


def _corpus(data: Path, split: str, songs: int | None, stems: Sequence[str]) -> Corpus:
    if songs is not None:
        _above_zero("--songs", songs)
    corpus = open_corpus(data, stems)
    chosen: Corpus = (corpus.split(split) if split else corpus)[:songs]
    return chosen


def _estimators(studio: Studio, how: Separation, rows: Sequence[str]) -> list[Estimator]:
    shares = {name: share for name, share in SHARES.items() if name in rows}
    own = [separator(studio.model, how, shares)] if shares else []
    return own + [estimator for name, estimator in OTHERS.items() if name in rows]


def _watched(work: Any, total: int, unit: str = "song") -> Any:
    return tqdm(work, total=total, unit=unit, file=sys.stderr)


def _by_row(results: Sequence[Result]) -> dict[str, list[Result]]:
    rows = dict.fromkeys(result.row for result in results)
    return {row: [result for result in results if result.row == row] for row in rows}


def _about(studio: Studio, corpus: Corpus, stems: Sequence[str]) -> dict[str, Any]:
    """What is measured on what, with hashes that change when it does."""
    *_, songs = _watched(corpus_hash(corpus, stems), len(corpus), "song read")
    settings = hashlib.sha256((studio.folder / CONFIG).read_bytes()).hexdigest()
    return {
        "model": {"name": studio.config.name, "config_sha256": settings, "sha256": digest(studio.folder)},
        "data": {"folder": corpus.root.name, "splits": list(corpus.splits), "songs": len(corpus), "sha256": songs},
        "device": str(studio.model.device),
        "precision": str(studio.precision).removeprefix("torch."),
    }
