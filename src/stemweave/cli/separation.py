"""``stemweave evaluate separation``: songs whose stems are known, taken apart."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Annotated

import typer

from stemweave.cli import measuring, options
from stemweave.cli.choices import Choices, available
from stemweave.cli.grid import SHARES
from stemweave.cli.prompts import of_quality
from stemweave.cli.sampling import changed, settings_of, told, told_likelihood
from stemweave.cli.values import one_of, stem_names
from stemweave.data.layouts import Corpus
from stemweave.evaluation.protocols import wholesongs
from stemweave.evaluation.protocols.estimators import Estimator, oracle, separator, trivial
from stemweave.evaluation.protocols.parts import MINUTE, SOURCES, STYLE, Division, table
from stemweave.evaluation.protocols.records import resumed
from stemweave.evaluation.protocols.separation import Result, run
from stemweave.evaluation.protocols.summary import findings
from stemweave.evaluation.protocols.wholesongs import WholeSong
from stemweave.evaluation.reports import report as reports
from stemweave.evaluation.reports.kinds import tables_of
from stemweave.model.checkpoint import DEFAULT
from stemweave.tasks.likelihoods import own_likelihood, own_sampling
from stemweave.tasks.sampler import Sampler
from stemweave.tasks.separate import Separation
from stemweave.tasks.studio import Studio, load

OTHERS: Mapping[str, Estimator] = {"oracle": oracle, "trivial": trivial}
WHOLE_SONGS: Choices[WholeSong] = {"bsseval": lambda _: wholesongs.bsseval(), "global": lambda _: wholesongs.plain}
PROTOCOLS = ("active", "msdm", *WHOLE_SONGS)
DIVISIONS: Mapping[str, Division] = {"style": STYLE, "minute": MINUTE, "sources": SOURCES}


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
        str,
        typer.Option(
            help="active: stems where they sound, which is always there; msdm: as in the paper 2302.02257, in a second pass; "
            "bsseval: museval's medians, slow; global: plain SDR of whole songs."
        ),
    ] = "active,msdm",
    by: Annotated[
        str | None,
        typer.Option("--by", help="More tables by parts of the songs: style, minute, sources (that sound). (default: none)"),
    ] = None,
    seed: measuring.Seed = 0,
    seeds: Annotated[int, typer.Option(help="How often to separate each song; figures are means over all.")] = 1,
    device: options.Device = "auto",
    quality: options.Qualities = options.Quality.DEFAULT,
    likelihood: options.Likelihood = None,
    anchor: options.Anchor = None,
    steps: options.Steps = None,
    solver: options.Solver = None,
    churn: options.Churn = None,
    resamples: options.Resamples = None,
) -> None:
    """Separate songs whose stems are known, and measure how near the estimates come.

    With --json, a run that was stopped goes on where it was.
    """
    asked, protocols = _names(rows, (*SHARES, *OTHERS), "--rows"), _names(protocol, PROTOCOLS, "--protocol")
    divisions = [one_of(DIVISIONS, name, "--by") for name in stem_names(by, "--by") or ()]
    all_seeds = measuring.seeds(seed, seeds)
    reports.free(json_file, overwrite)
    whole, skipped = available(WHOLE_SONGS, [name for name in protocols if name in WHOLE_SONGS], "--protocol")
    studio = of_quality(load(model, device=device), quality)
    settings = told_likelihood(settings_of(studio.config, quality), likelihood, anchor)
    rule = own_likelihood(settings)
    used = changed(own_sampling(settings, rule), steps=steps, solver=solver, churn=churn, resamples=resamples)
    corpus = measuring.corpus(data, split, songs, studio.stems)
    _complete(corpus, studio.stems)
    how = {**told(settings), "sampling": asdict(used), "seeds": all_seeds}
    about = measuring.about(studio, corpus, studio.stems) | how | {"protocols": list(protocols), "skipped": skipped}
    estimators = _estimators(studio, Separation(rule, Sampler.of(used)), asked)
    journal = measuring.begun(json_file, about | {"rows": list(asked)}) if json_file else None
    measured = partial(run, names=studio.stems, estimators=estimators, seeds=all_seeds, msdm="msdm" in protocols, whole=whole)
    songs_done = resumed(corpus, measured, journal) if journal else measured(corpus)
    results = _by_row([result for song in measuring.watched(songs_done, len(corpus)) for result in song])
    found = findings(studio.stems, results)
    more = [*wholesongs.tables(found), *(table(division, results) for division in divisions)]
    shown = [*tables_of({"report": "separation", **found}), *(one for one in more if one.measured)]
    measuring.deliver("separation", about | found, shown, json_file)
    if journal:
        journal.close()


def _complete(songs: Corpus, stems: Sequence[str]) -> None:
    """Before any of them is worked on; raises DataError as `Track.require` does."""
    for track in songs:
        track.require(stems)


def _names(text: str, known: Sequence[str], option: str) -> tuple[str, ...]:
    return tuple(one_of({name: name for name in known}, name, option) for name in stem_names(text, option) or ())


def _estimators(studio: Studio, how: Separation, rows: Sequence[str]) -> list[Estimator]:
    shares = {name: share for name, share in SHARES.items() if name in rows}
    own = [separator(studio.model, how, shares)] if shares else []
    return own + [estimator for name, estimator in OTHERS.items() if name in rows]


def _by_row(results: Sequence[Result]) -> dict[str, list[Result]]:
    rows = dict.fromkeys(result.row for result in results)
    return {row: [result for result in results if result.row == row] for row in rows}
