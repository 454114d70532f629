"""Embeddings and beat trackers by name: those that can be had, and why the others cannot."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import torch
import typer

from stemweave.cli.app import complain
from stemweave.cli.values import one_of
from stemweave.errors import MissingExtra, ModelError
from stemweave.evaluation.embeddings.clap import MUSIC, clap
from stemweave.evaluation.embeddings.embedding import Embedding, Levelled
from stemweave.evaluation.embeddings.logmel import LogMelPicture, LogMelStatistics
from stemweave.evaluation.embeddings.vggish import vggish
from stemweave.evaluation.measures.beats import Beats, BeatThis, Librosa
from stemweave.evaluation.measures.memorisation import HOP, SECONDS
from stemweave.evaluation.measures.pulse import Pulse
from stemweave.evaluation.protocols.rhythm import Scored, Timing, Tracked

T = TypeVar("T")
Choices = Mapping[str, Callable[[str], T]]
"""By name, what makes the value of what stands after the colon: a folder, a file, or nothing."""

BeatNames = Annotated[
    str,
    typer.Option(
        "--beats",
        help="Who tells beats: pulse needs nothing; composer is for songs of our band; librosa and beat-this:FILE need the "
        "extra beats, and the latter weights that you have.",
    ),
]
GridWidth = Annotated[float, typer.Option("--grid", help="Seconds within which beats of different stems meet.")]

EMBEDDINGS: Choices[Embedding] = {
    "log-mel": lambda _: LogMelStatistics(),
    "log-mel-levelled": lambda _: Levelled(LogMelStatistics()),
    "clap": lambda source: clap(source or MUSIC),
    "clap-levelled": lambda source: Levelled(clap(source or MUSIC)),
    "vggish": vggish,
    "vggish-levelled": lambda file: Levelled(vggish(file)),
}
LIKENESSES: Choices[Embedding] = {
    "log-mel": lambda _: LogMelPicture(SECONDS, HOP),
    "clap": lambda source: clap(source or MUSIC, seconds=SECONDS, hop=HOP),
}


def timings(width: float) -> Choices[Timing]:
    """Whoever tells beats; ``width`` (s) is the grid's, inside which an onset counts as on the composer's beat."""
    return {
        "pulse": lambda _: Tracked(Pulse()),
        "composer": lambda _: Scored(width),
        "librosa": lambda _: _tracker(Librosa()),
        "beat-this": lambda file: _tracker(BeatThis(Path(file))),
    }


def available(choices: Choices[T], words: Sequence[str], option: str) -> tuple[list[T], dict[str, str]]:
    """Those that can be had, and why the others cannot: they are skipped, and the report says so.

    Raises UsageError for a name that is not among ``choices``.
    """
    found, skipped = list[T](), dict[str, str]()
    for word in words:
        name, _, source = word.partition(":")
        make = one_of(choices, name, option)
        try:
            found.append(make(source))
        except (MissingExtra, ModelError) as error:
            skipped[name] = str(error)
            complain(f"skipped {name}: {error}")
    return found, skipped


def _tracker(beats: Beats) -> Timing:
    """Asked for the beats of a silent second, so that what it lacks is said now and not after an hour."""
    beats(torch.zeros(1, 22050), 22050)
    return Tracked(beats)
