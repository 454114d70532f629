"""Excerpts of equal length of the songs of a corpus, as stems in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from stemweave.audio.stems import Stems
from stemweave.data.tracks import Track
from stemweave.errors import DataError
from stemweave.evaluation.embeddings.embedding import Embedding, embed
from stemweave.evaluation.measures.subsets import Songs


@dataclass(frozen=True)
class Excerpt:
    """Part of a song: which song, which part of it, from which second on, and its stems."""

    track: Track
    number: int
    start: float
    stems: Stems

    @property
    def song(self) -> str:
        """Which song it is from."""
        return self.track.id

    @property
    def name(self) -> str:
        """Unlike any other's."""
        return f"{self.song} #{self.number}"


def excerpts(tracks: Sequence[Track], names: Sequence[str], seconds: float, rate: int, most: int) -> Iterator[Excerpt]:
    """One after another, up to ``most`` of each song, spread evenly over it; mono at ``rate`` Hz.

    Raises :class:`DataError` for a song that is shorter, or does not say what each of ``names`` is.
    """
    length = round(seconds * rate)
    for track in tracks:
        audio = whole(track, names, rate)
        there = audio.shape[-1] // length
        if not there:
            raise DataError(f"{track.id} has {track.seconds:.2f} s, expected at least {seconds:g} s; ask for fewer seconds")
        count = min(there, most)
        free = audio.shape[-1] - count * length
        for number in range(count):
            start = number * length + (free * number // (count - 1) if count > 1 else 0)
            stems = Stems(tuple(names), audio[..., start : start + length], rate)
            yield Excerpt(track, number, start / rate, stems)


def whole(track: Track, names: Sequence[str], rate: int) -> Tensor:
    """All of a song's stems ``names``, mono at ``rate`` Hz: (stems, 1, samples).

    Raises :class:`DataError` for a song that does not say what each of them is.
    """
    track.require(names)
    return track.read(names, rate, 1)


def one_each(several: Sequence[Excerpt]) -> list[Excerpt]:
    """One excerpt of each song, the middle one."""
    by_song: dict[str, list[Excerpt]] = {}
    for one in several:
        by_song.setdefault(one.song, []).append(one)
    return [parts[len(parts) // 2] for parts in by_song.values()]


def embedded(sounds: Sequence[Tensor], songs: Sequence[str], rate: int, embedding: Embedding) -> Songs:
    """The points of sounds (channels, samples) at ``rate`` Hz, by the song that each is from; raises as `embed` does."""
    points = embed(((str(number), sound) for number, sound in enumerate(sounds)), rate, embedding)
    by_song: dict[str, list[np.ndarray]] = {}
    for song, found in zip(songs, points.values(), strict=True):
        by_song.setdefault(song, []).append(found)
    return Songs.of([np.concatenate(parts) for parts in by_song.values()])
