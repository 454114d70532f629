"""What every ``stemweave evaluate`` command asks and says: data, seeds, and what was measured on what."""

import dataclasses
import hashlib
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from tqdm import tqdm

from stemweave.cli.blends import Blended
from stemweave.data.layouts import Corpus, open_corpus
from stemweave.data.tracks import Track
from stemweave.errors import DataError, UsageError
from stemweave.evaluation.protocols.separation import corpus_hash
from stemweave.evaluation.reports import report as reports
from stemweave.evaluation.reports.journal import Journal
from stemweave.evaluation.reports.tables import Table, markdown
from stemweave.model.checkpoint import CONFIG, digest
from stemweave.tasks.studio import Studio

Data = Annotated[Path, typer.Option("--data", help="A folder of songs as stems.")]
Split = Annotated[str, typer.Option("--split", help="Only this part of the data, such as test-a. (default: all)")]
Songs = Annotated[int | None, typer.Option("--songs", help="Only the first so many songs. (default: all)")]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write the report to this file.")]
Seed = Annotated[int, typer.Option("--seed", help="The first seed; the next ones count up from it.")]

Entry = tuple[str, str, Callable[[], Track]]
"""(id, split, read the track), as a corpus has them."""


def above_zero(option: str, number: float) -> None:
    """Raises UsageError for anything else."""
    if not number > 0:
        raise UsageError(f"{option} is {number}, expected more than 0")


def seeds(first: int, count: int) -> list[int]:
    """``count`` seeds from ``first`` on; raises UsageError where there are none."""
    above_zero("--seeds", count)
    if first < 0:
        raise UsageError(f"--seed is {first}, expected 0 or more")
    return list(range(first, first + count))


def corpus(data: Path, split: str, songs: int | None, stems: Sequence[str]) -> Corpus:
    """The songs asked for, each of a name of its own; raises UsageError or DataError where there are none."""
    if songs is not None:
        above_zero("--songs", songs)
    whole = open_corpus(data, stems)
    chosen: Corpus = (whole.split(split) if split else whole)[:songs]
    return Corpus(chosen.root, tuple(_told_apart(chosen)))


def mixtures(songs: Corpus) -> Corpus:
    """The same songs, of which each is one stem: the sum of those that it has."""
    return Corpus(songs.root, tuple((name, split, partial(_mixed, read)) for name, split, read in songs.entries))


def _mixed(read: Callable[[], Track]) -> Track:
    return read().mixed()


def _told_apart(songs: Corpus) -> Iterator[Entry]:
    """Figures are kept by song: those of one name in several splits are called by their split as well.

    Raises DataError for two of one name in one split.
    """
    often, within = Counter(name for name, _, _ in songs.entries), Counter(entry[:2] for entry in songs.entries)
    if twice := [name for (name, _), count in within.items() if count > 1]:
        raise DataError(f"{songs.root} holds several songs called {twice[0]!r}: give each a name of its own")
    for name, split, read in songs.entries:
        yield (name, split, read) if often[name] == 1 else (f"{split}/{name}", split, partial(_called, f"{split}/{name}", read))


def _called(name: str, read: Callable[[], Track]) -> Track:
    return dataclasses.replace(read(), id=name)


def begun(json_file: Path, about: Mapping[str, Any]) -> Journal:
    """What was measured so far, beside the report; raises UsageError where the report is to have that name."""
    path = json_file.with_suffix(".journal")
    if path == json_file:
        raise UsageError(f"--json is {json_file}, which is where begun work is kept: give another name, such as report.json")
    return Journal(path, about)


def watched(work: Any, total: int, unit: str = "song") -> Any:
    """The same, with progress on stderr."""
    return tqdm(work, total=total, unit=unit, file=sys.stderr)


def deliver(kind: str, about: Mapping[str, Any], found: Sequence[Table], json_file: Path | None) -> None:
    """Write a report of tables where one is wanted, with the command that made it, and print it."""
    command = shlex.join(["stemweave", *sys.argv[1:]])
    laid_out = [dataclasses.asdict(table) for table in found]
    reports.write(json_file, {"report": kind, **reports.versions(), **about, "command": command, "tables": laid_out})
    typer.echo(markdown(found))


def about(studio: Studio, corpus: Corpus, stems: Sequence[str]) -> dict[str, Any]:
    """What is measured on what, with hashes that change when it does."""
    return {**about_studio(studio), "data": about_songs(corpus, stems)}


def about_studio(studio: Studio) -> dict[str, Any]:
    """Which model, and where and in which precision it computes."""
    return {
        "model": about_model(studio),
        "device": str(studio.model.device),
        "precision": str(studio.precision).removeprefix("torch."),
    }


def about_model(studio: Studio) -> dict[str, Any]:
    """Which weights, and which settings of their own; of several models as one, those of each."""
    if isinstance(studio, Blended):
        return {"name": studio.config.name, "parts": [about_model(part) for part in studio.parts]}
    settings = hashlib.sha256((studio.folder / CONFIG).read_bytes()).hexdigest()
    return {"name": studio.config.name, "config_sha256": settings, "sha256": digest(studio.folder)}


def about_songs(corpus: Corpus, stems: Sequence[str]) -> dict[str, Any]:
    """Which songs, with a hash over their sound."""
    *_, songs = watched(corpus_hash(corpus, stems), len(corpus), "song read")
    return {"folder": corpus.root.name, "splits": list(corpus.splits), "songs": len(corpus), "sha256": songs}
