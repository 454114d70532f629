"""Separation end to end: the official loop and settings beside ours, on the same network and the same excerpts.

    python -m bench.walks --data .work/benchmarks/songs [--quick] [--songs 8] [--json docs/benchmarks/walks.json]

Every excerpt is separated by each method in turn. A run that was stopped goes on; a result that is there is kept.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from tqdm import tqdm

from bench import machine, official, perstem, results
from bench.study.songs import fullest
from stemweave.data.layouts import open_corpus
from stemweave.errors import UsageError
from stemweave.evaluation.measures.separation import active_scores
from stemweave.evaluation.protocols import grid
from stemweave.evaluation.protocols.estimators import Estimator, separator
from stemweave.evaluation.protocols.excerpts import Excerpt
from stemweave.evaluation.protocols.pieces import Piece, Setting
from stemweave.evaluation.reports.journal import Journal
from stemweave.evaluation.reports.report import plain
from stemweave.evaluation.reports.tables import Cell, Row, Table
from stemweave.model.checkpoint import digest
from stemweave.model.model import Model
from stemweave.tasks.likelihoods import Dirac, learned
from stemweave.tasks.separate import Separation, direct, segment_grid
from stemweave.tasks.studio import Studio, load

WAY = "direct"
"""The networks' own signals are scored; masks are left out."""
COLUMNS = ("calls of the network", "seconds for a minute of music", "× as fast as the official loop")


@dataclass(frozen=True)
class Method:
    """A separator under its name; ``repeated``: what it computes of a long song relative to its length."""

    name: str
    estimator: Estimator
    repeated: float = 1.0


def methods(model: Model, release: official.Settings) -> list[Method]:
    """The official loop first, then ours: with the same likelihood, and with the network's own conditioning."""
    settings, rate = model.config.settings, model.config.rate
    length, overlap = segment_grid(model, rate)
    same = Dirac(settings.anchor or None)

    def ours(name: str, how: Separation) -> Method:
        return Method(f"ours, {name}", separator(model, how, {WAY: direct}), length / (length - overlap))

    first = Method(f"official loop, dirac, {release.evaluations} evaluations", official.estimator(model, release))
    return [first, ours("dirac", Separation(same)), ours("learned", Separation(learned))]


def excerpts(data: Path, songs: int, samples: int, studio: Studio) -> list[Excerpt]:
    """One of each of the first songs; raises UsageError where there are fewer."""
    corpus = open_corpus(data, studio.stems)[:songs]
    if len(corpus) < songs:
        raise UsageError(f"{data} has {len(corpus)} songs, expected at least {songs}: render more, or give a smaller --songs")
    return list(fullest(corpus, studio.stems, samples, studio.config.rate))


def measured(model: Model, estimator: Estimator, excerpt: Excerpt) -> dict[str, Any]:
    """Active-only SI-SDRi in dB of each stem, s of music, s of work, and how often the network was called.

    What is not finite counts as silence.
    """
    references, rate, calls = excerpt.stems.audio, excerpt.stems.rate, []
    handle = model.register_forward_hook(lambda *_: calls.append(1))
    try:
        started = time.perf_counter()
        estimate = estimator(references, rate, 0)[WAY]
        took = time.perf_counter() - started
    finally:
        handle.remove()
    scores = active_scores(estimate.nan_to_num(0.0, 0.0, 0.0), references, rate).improvement.nanmean(0)
    seconds = references.shape[-1] / rate
    return {"si_sdri": [plain(value) for value in scores.tolist()], "seconds": seconds, "took": took, "calls": len(calls)}


def tables(
    model: Model, found: Sequence[Excerpt], journal: Journal, release: official.Settings = official.RELEASE
) -> list[Table]:
    """What the journal lacks is measured, excerpt by excerpt; then cost and scores of every method."""
    ways = methods(model, release)
    settings = {way.name: Setting(way.name, way.estimator) for way in ways}
    work = [Piece(setting, excerpt.track) for excerpt in found for setting in settings.values()]
    by_song = {excerpt.song: excerpt for excerpt in found}
    for piece in tqdm(work, unit="separation"):
        if piece.key not in journal:
            journal.add(piece.key, {WAY: measured(model, piece.setting.estimator, by_song[piece.track.id])})
    records = {way.name: [journal[piece.key][WAY] for piece in work if piece.setting.name == way.name] for way in ways}
    scores = grid.tables(list(settings.values()), work, model.config.stems, journal, {})
    return [_cost(ways, records), *scores]


def _cost(ways: Sequence[Method], records: dict[str, list[dict[str, Any]]]) -> Table:
    minute = {way.name: 60 * way.repeated * median(r["took"] / r["seconds"] for r in records[way.name]) for way in ways}
    base = minute[ways[0].name]
    calls = {name: median(record["calls"] for record in each) for name, each in records.items()}
    rows = [Row(name, (Cell(calls[name]), Cell(minute[name]), Cell(base / minute[name]))) for name in minute]
    seconds = records[ways[0].name][0]["seconds"]
    note = (
        f"In memory, excerpts of {seconds:.2f} s, mono; a minute's time is the median excerpt's by its length, of our methods "
        f"with what the segments of longer songs overlap ({ways[-1].repeated - 1:.0%}). The official loop takes an excerpt as "
        "one window; ours takes windows of the length that the network was trained on."
    )
    return Table("Separation end to end", COLUMNS, tuple(rows), note)


def main() -> None:
    """Measure and write."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--data", type=Path, required=True, help="a folder of songs as stems")
    asked.add_argument("--songs", type=int, help="how many of them, the first ones (default: 8, with --quick 2)")
    asked.add_argument("--device", default="auto", help="cpu, cuda, …")
    asked.add_argument("--repeats", type=int, default=9, help="evaluations of independent priors")
    results.add_options(asked, "walks")
    args = asked.parse_args()
    if results.kept(args):
        return
    studio = load(device=args.device)
    songs, samples = args.songs or (2 if args.quick else 8), studio.config.window if args.quick else official.WINDOW
    found = excerpts(args.data, songs, samples, studio)
    about = {"model": digest(studio.folder), "songs": [excerpt.song for excerpt in found], "samples": samples}
    journal = Journal(results.place(args).with_suffix(".journal"), about)
    made = tables(studio.model, found, journal)
    made.append(perstem.table(studio.model.device, studio.precision, args.repeats))
    results.write(args, "walks", {"machine": machine.facts(studio.model.device), **about}, made)
    journal.close()


if __name__ == "__main__":
    results.run(main)
