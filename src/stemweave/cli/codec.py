"""``stemweave evaluate codec``: how well codecs keep single stems."""

from collections.abc import Callable, Mapping
from typing import Annotated

import typer

from stemweave.cli import measuring, options
from stemweave.cli.values import one_of, stem_names
from stemweave.errors import UsageError
from stemweave.evaluation.measures.codec import Codec
from stemweave.evaluation.protocols.coding import measure, tables
from stemweave.evaluation.protocols.filecodec import Mp3, Opus, Vorbis
from stemweave.evaluation.protocols.learnedcodec import Learned
from stemweave.evaluation.reports import report as reports
from stemweave.model.checkpoint import digest, find, load_codec

CODECS: Mapping[str, Callable[[float], Codec]] = {"opus": Opus, "mp3": Mp3, "vorbis": Vorbis}


def codec(
    data: measuring.Data,
    codecs: Annotated[
        str, typer.Option("--codecs", help="Codecs and their rates in kbit/s: opus:24, mp3:64; vorbis:0.3 has a quality.")
    ] = "opus:24,opus:64",
    learned: Annotated[
        list[str], typer.Option("--codec", help="A trained codec beside them, by its folder or hub id; may be repeated.")
    ] = [],  # noqa: B006 (Typer copies it)
    split: measuring.Split = "",
    songs: measuring.Songs = None,
    stems: Annotated[str, typer.Option("--stems", help="The stems to send through.")] = "bass,drums,guitar,piano",
    seconds: Annotated[float, typer.Option("--seconds", help="How much of the middle of each song.")] = 10.0,
    json_file: measuring.JsonFile = None,
    overwrite: options.Overwrite = False,
) -> None:
    """Send single stems through codecs, and measure what comes back: SI-SDR, mel distance, and the rate they really need."""
    names = stem_names(stems, "--stems") or ()
    measuring.above_zero("--seconds", seconds)
    places = [find(name) for name in learned]
    chosen: list[list[Codec]] = [[_codec(word)] * len(names) for word in stem_names(codecs, "--codecs") or ()]
    chosen += [[Learned(trained.of(name)) for name in names] for trained in map(load_codec, places)]
    reports.free(json_file, overwrite)
    corpus = measuring.corpus(data, split, songs, names)
    weights = {place.name: digest(place) for place in places}
    about = {"data": measuring.about_songs(corpus, names), "stems": list(names), "seconds": seconds, "codecs": weights}
    work = measure(list(corpus), names, chosen, seconds)
    found = tables(list(measuring.watched(work, len(corpus) * len(chosen), "song")), names)
    measuring.deliver("codec", about, found, json_file)


def _codec(word: str) -> Codec:
    name, _, number = word.partition(":")
    make = one_of(CODECS, name, "--codecs")
    try:
        amount = float(number)
    except ValueError as error:
        raise UsageError(f"--codecs {word!r} has no number after the colon, such as {name}:24") from error
    return make(amount)
