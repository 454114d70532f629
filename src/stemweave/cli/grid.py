"""``stemweave evaluate grid``: separation in every combination of settings, on the same songs."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from stemweave.cli import measuring, options
from stemweave.cli.across import Across
from stemweave.cli.factors import factors, places, points
from stemweave.cli.settings import about_models, loaded, rule_of, setting
from stemweave.cli.values import one_of, stem_names
from stemweave.data.layouts import Corpus
from stemweave.errors import UsageError
from stemweave.evaluation.protocols.grid import Group, style, tables
from stemweave.evaluation.protocols.pieces import Setting, measure, pieces
from stemweave.evaluation.reports import report as reports
from stemweave.evaluation.reports.tables import Table
from stemweave.model.checkpoint import DEFAULT
from stemweave.tasks.separate import Share, direct, masked

SHARES: Mapping[str, Share] = {"direct": direct, "masked": masked}
GROUPS: Mapping[str, Group] = {"style": style}

View = Callable[[Sequence[Table]], Sequence[Table]]
"""(tables of a grid) → those that are shown."""

Rows = Annotated[str, typer.Option("--rows", help="What to score: the model's signals, its masks.")]
Seeds = Annotated[int, typer.Option("--seeds", help="How often to separate each song; figures are means over all.")]
By = Annotated[str | None, typer.Option("--by", help="Also a table by groups of songs: style.")]


def grid(
    data: measuring.Data,
    vary: Annotated[
        list[str],
        typer.Option(
            "--vary",
            help="A setting and its values, such as steps=1,4,16; give it again for more. Settings: model, where 'A*B' is the "
            "product of two; likelihood; anchor, with dirac or ensemble; extracted (none, bass+guitar), with ensemble; with "
            "gaussian, gamma (the standard deviation of its noise in σ, or constant:0.05) and relaxation (exact, explicit); "
            "guidance and negatives (own, none, paper), for models that are told in words; solver, steps, churn, resamples; "
            "lineup, which stems play: all, bass+drums; harm, what is done to the song first: none, noise:-40, room:-40, "
            "gain:-12, clip:-6, mp3:128, reverb:0.5, detune:20, voice:-6.",
        ),
    ],
    json_file: Annotated[Path, typer.Option("--json", help="Write the report here; begun work is kept beside it.")],
    model: options.Model = DEFAULT,
    split: measuring.Split = "",
    songs: measuring.Songs = None,
    overwrite: options.Overwrite = False,
    rows: Rows = "direct,masked",
    by: By = None,
    across: Annotated[
        str | None,
        typer.Option(
            "--across",
            help="Also a table of means with this setting along the top, such as guidance; as .csv, and as a heat map in .png, "
            "beside the report. (default: none)",
        ),
    ] = None,
    seed: measuring.Seed = 0,
    seeds: Seeds = 1,
    device: options.Device = "auto",
) -> None:
    """Separate songs in every combination of some settings, and compare them with the first.

    A run that was stopped goes on where it was.
    """
    shares, groups = shares_of(rows), groups_of(by)
    varied, all_seeds = factors(vary), measuring.seeds(seed, seeds)
    named = points(varied)
    if "model" in varied and model != DEFAULT:
        raise UsageError(f"--model is {model}, but --vary names models too: name all of them there")
    view = Across.beside(json_file, places(named, across), overwrite=overwrite) if across else plainly
    reports.free(json_file, overwrite)
    studios = loaded(varied.get("model", [model]), device)
    first = next(iter(studios.values()))
    settings = []
    for name, point in named.items():
        studio = studios[point.get("model", model)]
        settings.append(setting(name, studio, rule_of(point, studio.stems, studio.config.settings.extracted), point, shares))
    corpus = measuring.corpus(data, split, songs, first.stems)
    measured = about_models(studios, corpus) if "model" in varied else measuring.about(first, corpus, first.stems)
    told = measured | {"vary": varied, "rows": list(shares), "seeds": all_seeds}
    compare("grid", told, corpus, first.stems, settings, all_seeds, groups, json_file, view)


def plainly(found: Sequence[Table]) -> list[Table]:
    """The tables as they are."""
    return list(found)


def shares_of(rows: str) -> dict[str, Share]:
    """Ways to use the estimates, by name; raises UsageError for others."""
    return {name: one_of(SHARES, name, "--rows") for name in stem_names(rows, "--rows") or ()}


def groups_of(by: str | None) -> dict[str, Group]:
    """Groups of songs by name; raises UsageError for others."""
    return {} if by is None else {by: one_of(GROUPS, by, "--by")}


def compare(
    kind: str, about: Mapping[str, Any], corpus: Corpus, stems: Sequence[str], settings: Sequence[Setting],
    seeds: Sequence[int], groups: Mapping[str, Group], json_file: Path, view: View = plainly,
) -> None:  # fmt: skip
    """Separate every song in every setting, with a journal beside the report until that is written.

    ``view`` has the last word on the tables.
    """
    work = pieces(list(corpus), settings)
    journal = measuring.begun(json_file, about)
    for _ in measuring.watched(measure(work, stems, seeds, journal), len(work), "separation"):
        pass
    measuring.deliver(kind, about, view(tables(settings, work, stems, journal, groups)), json_file)
    journal.close()
