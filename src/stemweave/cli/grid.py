"""``stemweave evaluate grid``: separation in every combination of settings, on the same songs."""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import typer

from stemweave.cli import measuring, options
from stemweave.cli.harms import hearing
from stemweave.cli.sampling import LIKELIHOODS, likelihood_of, replaced
from stemweave.cli.values import one_of, stem_names
from stemweave.data.layouts import Corpus
from stemweave.errors import UsageError
from stemweave.evaluation.protocols import grid as grids
from stemweave.evaluation.protocols.estimators import separator
from stemweave.evaluation.reports import report as reports
from stemweave.evaluation.reports.journal import Journal
from stemweave.model.checkpoint import DEFAULT
from stemweave.tasks.likelihoods import Dirac
from stemweave.tasks.sampler import Sampler
from stemweave.tasks.separate import Separation, Share, direct, masked, own_sampling
from stemweave.tasks.studio import Studio, load

SHARES: Mapping[str, Share] = {"direct": direct, "masked": masked}
FACTORS: Mapping[str, Callable[[str], Any]] = {
    "likelihood": str, "anchor": str, "harm": str, "solver": str, "steps": int, "churn": float, "resamples": int,
}  # fmt: skip

LOUDEST = "loudest"
"""The anchor that is expected to be the loudest, Dirac's default."""

Point = Mapping[str, Any]
"""A value for each factor that varies."""


def grid(
    data: measuring.Data,
    vary: Annotated[
        list[str],
        typer.Option(
            "--vary",
            help="A setting and its values, such as steps=1,4,16; give it again for more. Settings: likelihood, anchor, "
            "solver, steps, churn, resamples; harm, what is done to the song first: none, noise:-40, room:-40, gain:-12, "
            "clip:-6, mp3:128, reverb:0.5, detune:20.",
        ),
    ],
    json_file: Annotated[Path, typer.Option("--json", help="Write the report here; begun work is kept beside it.")],
    model: options.Model = DEFAULT,
    split: measuring.Split = "",
    songs: measuring.Songs = None,
    overwrite: options.Overwrite = False,
    rows: Annotated[str, typer.Option(help="What to score: the model's signals, its masks.")] = "direct,masked",
    seed: measuring.Seed = 0,
    seeds: Annotated[int, typer.Option(help="How often to separate each song; figures are means over all.")] = 1,
    device: options.Device = "auto",
) -> None:
    """Separate songs in every combination of some settings, and compare them with the first.

    A run that was stopped goes on where it was.
    """
    shares = {name: one_of(SHARES, name, "--rows") for name in stem_names(rows, "--rows") or ()}
    factors, all_seeds = _factors(vary), measuring.seeds(seed, seeds)
    reports.free(json_file, overwrite)
    studio = load(model, device=device)
    settings = [_setting(studio, point, shares) for point in _points(factors)]
    corpus = measuring.corpus(data, split, songs, studio.stems)
    about = measuring.about(studio, corpus, studio.stems) | {"vary": dict(factors), "rows": list(shares), "seeds": all_seeds}
    compare("grid", about, corpus, studio.stems, settings, all_seeds, json_file)


def compare(
    kind: str, about: Mapping[str, Any], corpus: Corpus, stems: Sequence[str], settings: Sequence[grids.Setting],
    seeds: Sequence[int], json_file: Path,
) -> None:  # fmt: skip
    """Separate every song in every setting, with a journal beside the report until that is written."""
    journal, tracks = Journal(json_file.with_suffix(".journal"), about), list(corpus)
    work = grids.measure(tracks, stems, settings, seeds, journal)
    for _ in measuring.watched(work, len(tracks) * len(settings), "separation"):
        pass
    measuring.deliver(kind, about, grids.tables(tracks, stems, settings, journal), json_file)
    journal.close()


def _factors(vary: Sequence[str]) -> dict[str, list[Any]]:
    """Values by setting; raises UsageError for what is none."""
    factors: dict[str, list[Any]] = {}
    for text in vary:
        name, _, values = text.partition("=")
        parse = one_of(FACTORS, name, "--vary")
        if name in factors:
            raise UsageError(f"--vary names {name} twice: give all its values at once")
        words = stem_names(values, "--vary") or ()
        try:
            factors[name] = [parse(word) for word in words]
        except ValueError as error:
            raise UsageError(f"--vary {text}: {values!r} are not all numbers, expected such as {name}=1,4") from error
    return factors


def _points(factors: Mapping[str, Sequence[Any]]) -> list[Point]:
    """Every combination once; an anchor goes with Dirac only, others are without."""
    points = [dict(zip(factors, values, strict=True)) for values in product(*factors.values())]
    for point in points:
        if not isinstance(one_of(LIKELIHOODS, point.get("likelihood", "learned"), "--vary likelihood"), Dirac):
            point.pop("anchor", None)
    return list({_name(point): point for point in points}.values())


def _setting(studio: Studio, point: Point, shares: Mapping[str, Share]) -> grids.Setting:
    anchor = point.get("anchor")
    rule = likelihood_of(point.get("likelihood", "learned"), None if anchor == LOUDEST else anchor)
    used = replaced(
        own_sampling(studio.config, rule), steps=point.get("steps"), solver=point.get("solver"), churn=point.get("churn"),
        resamples=point.get("resamples"),
    )  # fmt: skip
    how = Separation(rule, Sampler.of(used))
    return grids.Setting(_name(point), separator(studio.model, how, shares, hearing(point.get("harm", "none"))))


def _name(point: Point) -> str:
    """As in a table: words alone, numbers with what they count."""
    return ", ".join(value if isinstance(value, str) else f"{name} {value:g}" for name, value in point.items()) or "defaults"
