"""The excerpts that every setting hears: of each song the part where most stems sound."""

from collections.abc import Iterable, Iterator, Sequence

from torch import Tensor

from stemweave.audio.stems import Stems
from stemweave.data.tracks import Track
from stemweave.errors import DataError
from stemweave.evaluation.measures.separation import ACTIVE, decibels
from stemweave.evaluation.protocols.excerpts import Excerpt, whole

HOP = 1.0
"""Seconds between the parts that are looked at."""


def fullest(tracks: Iterable[Track], names: Sequence[str], samples: int, rate: int) -> Iterator[Excerpt]:
    """Of each song ``samples`` mono samples at ``rate`` Hz: of the parts in which most stems sound, the middle one.

    Raises :class:`DataError` for a song that is shorter, that does not say what each stem is, or in which fewer than two
    stems sound at once.
    """
    for track in tracks:
        audio = whole(track, names, rate)
        starts = range(0, audio.shape[-1] - samples + 1, round(HOP * rate))
        if not starts:
            raise DataError(f"{track.id} has {track.seconds:.2f} s, expected at least {samples / rate:.2f} s")
        heard = {start: _heard(audio[..., start : start + samples]) for start in starts}
        if max(heard.values()) < 2:
            raise DataError(f"no two stems of {track.id} sound at once: leave the song out")
        full = [start for start in starts if heard[start] == max(heard.values())]
        start = full[len(full) // 2]
        yield Excerpt(track, 0, start / rate, Stems(tuple(names), audio[..., start : start + samples], rate))


def _heard(audio: Tensor) -> int:
    """How many stems sound."""
    return int((decibels(audio.double().flatten(1)) >= ACTIVE).sum())
