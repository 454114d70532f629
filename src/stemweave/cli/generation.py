"""``stemweave evaluate generation``: bands that any system made, against real songs."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from stemweave.cli import measuring, options
from stemweave.cli.choices import EMBEDDINGS, LIKENESSES, BeatNames, Choices, GridWidth, available, timings
from stemweave.cli.manifest import makers
from stemweave.cli.values import stem_names
from stemweave.data.layouts import Corpus
from stemweave.data.tracks import BAND
from stemweave.errors import UsageError
from stemweave.evaluation.checks import Floats
from stemweave.evaluation.embeddings.embedding import Embedding, settings_hash
from stemweave.evaluation.measures.memorisation import CLOSEST
from stemweave.evaluation.protocols.excerpts import Excerpt, excerpts
from stemweave.evaluation.protocols.generation import mixtures as sums
from stemweave.evaluation.protocols.generation import tables
from stemweave.evaluation.protocols.memorisation import Side, copies, matches, nearness, neighbours, pictures
from stemweave.evaluation.reports import report as reports
from stemweave.evaluation.reports.tables import Table

RATE = 22050

K = TypeVar("K")
Opened = Callable[[Path, str, int | None], Corpus]
"""(folder, split, songs) → the songs."""

EmbeddingNames = Annotated[
    str,
    typer.Option(
        "--embedding",
        help="What sounds are compared by: log-mel needs nothing; clap:FOLDER and vggish:FILE need weights that you have; "
        "each again as log-mel-levelled, and so on, where all sounds are brought to -23 LUFS.",
    ),
]
Beside = Annotated[
    Path | None,
    typer.Option("--beside", help="The same takes made another way: are those of --made more coherent? (default: no)"),
]
Training = Annotated[
    Path | None, typer.Option("--training", help="The songs of training: are generations copied from them? (default: no)")
]
Likeness = Annotated[str, typer.Option(help="What nearness to training songs is told by: log-mel, clap:FOLDER.")]


def generation(
    made: Annotated[Path, typer.Option("--made", help="A folder of generated bands as stems, such as generate writes.")],
    data: measuring.Data,
    split: measuring.Split = "",
    songs: measuring.Songs = None,
    stems: Annotated[str, typer.Option("--stems", help="The stems to compare.")] = "bass,drums,guitar,piano",
    mixtures: Annotated[bool, typer.Option("--mixtures", help="Only their sums: for what makes no stems, or others.")] = False,
    seconds: Annotated[float, typer.Option("--seconds", help="Length of the excerpts that are compared.")] = 6.0,
    each: Annotated[int, typer.Option("--each", help="Excerpts of each song, at most.")] = 4,
    embedding: EmbeddingNames = "log-mel,log-mel-levelled",
    beats: BeatNames = "pulse",
    grid: GridWidth = 0.15,
    beside: Beside = None,
    training: Training = None,
    likeness: Likeness = "log-mel",
    seed: measuring.Seed = 0,
    json_file: measuring.JsonFile = None,
    overwrite: options.Overwrite = False,
) -> None:
    """Compare generated bands with real songs: how they sound, silent and noisy stems, whether stems belong together, and
    which real stem each is nearest to.

    With --training, also whether they are nearer to training songs than --data is, which training must not have seen, and
    how far as many training songs are from --data.
    """
    names = stem_names(stems, "--stems") or ()
    for option, value in (("--seconds", seconds), ("--each", each), ("--grid", grid)):
        measuring.above_zero(option, value)
    (first,) = measuring.seeds(seed, 1)
    reports.free(json_file, overwrite)
    embeddings, no_embedding = _named(EMBEDDINGS, embedding, "--embedding")
    tellers, no_beats = _named(timings(grid), beats, "--beats")
    likenesses, no_likeness = _named(LIKENESSES, likeness if training else None, "--likeness")
    names, opened = _mixtures(beside) if mixtures else (names, partial(measuring.corpus, stems=names))
    bands, real = opened(made, "", None), opened(data, split, songs)
    learnt, otherwise = (opened(folder, "", None) if folder else None for folder in (training, beside))
    generated, originals = (_excerpts(found, names, seconds, each) for found in (bands, real))
    as_many = _excerpts(learnt[: len(real)], names, seconds, each) if learnt else []
    paired = _excerpts(otherwise, names, seconds, each) if otherwise else []
    songs_of = {"made": bands, "data": real, "beside": otherwise, "training": learnt}
    about = {
        **{name: measuring.about_songs(found, names) for name, found in songs_of.items() if found},
        "made_by": makers(made),
        "stems": list(names),
        "seconds": seconds,
        "each": each,
        "grid": grid,
        "beats": [teller.name for teller in tellers],
        "seed": first,
        "embeddings": {one.name: settings_hash(one) for one in (*embeddings, *likenesses)},
        "skipped": no_embedding | no_beats | no_likeness,
    }
    work = tables(generated, originals, embeddings, tellers, grid, first, as_many, paired)
    count = 2 * len(embeddings) + 2 + 2 * len(tellers) + bool(paired)
    if mixtures:
        work, count = sums(generated, originals, embeddings, first, as_many), len(embeddings) + 1
    found = list(measuring.watched(work, count, "table"))
    if learnt:
        found += [table for one in likenesses for table in _memorised(bands, real, learnt, names, one, first)]
    measuring.deliver("generation", about, found, json_file)


def _named(known: Choices[K], words: str | None, option: str) -> tuple[list[K], dict[str, str]]:
    return available(known, stem_names(words, option) or (), option)


def _mixtures(beside: Path | None) -> tuple[tuple[str, ...], Opened]:
    """What sums are called, and how songs are opened as them; raises UsageError where it is asked whether stems fit."""
    if beside:
        raise UsageError("--mixtures with --beside: whether stems belong together cannot be heard in their sum; leave out one")
    return (BAND,), lambda folder, split, songs: measuring.mixtures(measuring.corpus(folder, split, songs, (BAND,)))


def _excerpts(corpus: Corpus, names: Sequence[str], seconds: float, each: int) -> list[Excerpt]:
    work = excerpts(corpus, names, seconds, RATE, each)
    return list(measuring.watched(work, len(corpus) * each, "excerpt"))


def _memorised(
    made: Corpus, held_out: Corpus, training: Corpus, names: Sequence[str], likeness: Embedding, seed: int
) -> list[Table]:
    """How near both come to the training songs by one likeness, and the copies among the closest."""
    clips = [picture for corpus in (made, held_out) for picture in _pictures(corpus, names, likeness)]
    near = neighbours(clips, _pictures(training, names, likeness))
    sides = Side("generated", made, near[: len(made)]), Side("held-out", held_out, near[len(made) :])
    distances = nearness(*sides, likeness.name, seed)
    found = [(side, list(measuring.watched(matches(side, training, names), CLOSEST, "pair"))) for side in sides]
    return [distances, copies(found, training, names, likeness.name)]


def _pictures(corpus: Corpus, names: Sequence[str], likeness: Embedding) -> Iterator[Floats]:
    songs: Iterator[Floats] = measuring.watched(pictures(corpus, names, likeness), len(corpus), "song embedded")
    return songs
