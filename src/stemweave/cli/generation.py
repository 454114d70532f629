"""``stemweave evaluate generation``: bands that any system made, against real songs."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from stemweave.cli import measuring, options
from stemweave.cli.app import complain
from stemweave.cli.values import one_of, stem_names
from stemweave.data.layouts import Corpus
from stemweave.errors import MissingExtra, ModelError
from stemweave.evaluation.embeddings.clap import MUSIC, clap
from stemweave.evaluation.embeddings.embedding import Embedding, Levelled, settings_hash
from stemweave.evaluation.embeddings.logmel import LogMelStatistics
from stemweave.evaluation.embeddings.vggish import vggish
from stemweave.evaluation.protocols.excerpts import Excerpt, excerpts
from stemweave.evaluation.protocols.generation import tables
from stemweave.evaluation.reports import report as reports

RATE = 22050
EMBEDDINGS: Mapping[str, Callable[[str], Embedding]] = {
    "log-mel": lambda _: LogMelStatistics(),
    "log-mel-levelled": lambda _: Levelled(LogMelStatistics()),
    "clap": lambda source: clap(source or MUSIC),
    "vggish": vggish,
}


def generation(
    made: Annotated[Path, typer.Option("--made", help="A folder of generated bands as stems, such as generate writes.")],
    data: measuring.Data,
    split: measuring.Split = "",
    songs: measuring.Songs = None,
    stems: Annotated[str, typer.Option("--stems", help="The stems to compare.")] = "bass,drums,guitar,piano",
    seconds: Annotated[float, typer.Option("--seconds", help="Length of the excerpts that are compared.")] = 6.0,
    each: Annotated[int, typer.Option("--each", help="Excerpts of each song, at most.")] = 4,
    embedding: Annotated[
        str,
        typer.Option(
            help="What sounds are compared by: log-mel and log-mel-levelled need nothing; clap:FOLDER and vggish:FILE need "
            "weights that you have."
        ),
    ] = "log-mel,log-mel-levelled",
    seed: measuring.Seed = 0,
    json_file: measuring.JsonFile = None,
    overwrite: options.Overwrite = False,
) -> None:
    """Compare generated bands with real songs: how they sound, silent and noisy stems, whether stems belong together."""
    names = stem_names(stems, "--stems") or ()
    measuring.above_zero("--seconds", seconds)
    measuring.above_zero("--each", each)
    (first,) = measuring.seeds(seed, 1)
    reports.free(json_file, overwrite)
    embeddings, skipped = _embeddings(stem_names(embedding, "--embedding") or ())
    bands, real = measuring.corpus(made, "", None, names), measuring.corpus(data, split, songs, names)
    generated, originals = (_excerpts(found, names, seconds, each) for found in (bands, real))
    about = {
        "made": measuring.about_songs(bands, names),
        "data": measuring.about_songs(real, names),
        "stems": list(names),
        "seconds": seconds,
        "each": each,
        "seed": first,
        "embeddings": {one.name: settings_hash(one) for one in embeddings},
        "skipped": skipped,
    }
    work = tables(generated, originals, embeddings, first)
    found = list(measuring.watched(work, len(embeddings) + 2, "table"))
    measuring.deliver("generation", about, found, json_file)


def _embeddings(words: Sequence[str]) -> tuple[list[Embedding], dict[str, str]]:
    """Those that can be had, and why the others cannot: they are skipped, and the report says so."""
    found, skipped = list[Embedding](), dict[str, str]()
    for word in words:
        name, _, source = word.partition(":")
        make = one_of(EMBEDDINGS, name, "--embedding")
        try:
            found.append(make(source))
        except (MissingExtra, ModelError) as error:
            skipped[name] = str(error)
            complain(f"skipped {name}: {error}")
    return found, skipped


def _excerpts(corpus: Corpus, names: Sequence[str], seconds: float, each: int) -> list[Excerpt]:
    work = excerpts(corpus, names, seconds, RATE, each)
    return list(measuring.watched(work, len(corpus) * each, "excerpt"))
