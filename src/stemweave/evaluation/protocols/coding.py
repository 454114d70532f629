"""How well codecs keep single stems, each beside its rate."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stemweave.data.tracks import Track
from stemweave.errors import DataError
from stemweave.evaluation.measures.codec import Codec, Fidelity, fidelity
from stemweave.evaluation.measures.separation import ACTIVE, decibels
from stemweave.evaluation.protocols.cells import cells
from stemweave.evaluation.reports.tables import LEAST_SONGS, Row, Table
from stemweave.evaluation.statistics import song_means

MEASURES = {"si_sdr": "SI-SDR, dB", "mel": "mel distance", "kbits": "kbit/s"}


@dataclass(frozen=True)
class Kept:
    """One song's stems through one codec; None for a stem that is silent (RMS under -60 dBFS) or absent."""

    song: str
    codec: str
    stems: tuple[Fidelity | None, ...]


def measure(tracks: Sequence[Track], names: Sequence[str], codecs: Sequence[Sequence[Codec]], seconds: float) -> Iterator[Kept]:
    """Song by song and codec by codec; of each song the middle ``seconds``, mono.

    A codec is given once for each of ``names``, because some have a network for each. Raises :class:`DataError` for a song that
    is shorter or does not say what each of ``names`` is.
    """
    for track in tracks:
        track.require(names)
        audio, length = track.read(names, track.rate, 1), round(seconds * track.rate)
        start = (audio.shape[-1] - length) // 2
        if start < 0:
            raise DataError(f"{track.id} has {track.seconds:.2f} s, expected at least {seconds:g} s; ask for fewer seconds")
        stems = audio[..., start : start + length]
        heard = [bool(decibels(stem.flatten()) >= ACTIVE) for stem in stems]
        for codec in codecs:
            sent = zip(codec, stems, heard, strict=True)
            kept = tuple(fidelity(own, stem, track.rate) if on else None for own, stem, on in sent)
            yield Kept(track.id, codec[0].name, kept)


def tables(found: Sequence[Kept], names: Sequence[str], seed: int = 0) -> list[Table]:
    """One table per measure: codecs by stem, means over songs with intervals."""
    codecs = list(dict.fromkeys(kept.codec for kept in found))
    made = []
    for key, title in MEASURES.items():
        rows = []
        for codec in codecs:
            values = [_values(kept, key) for kept in found if kept.codec == codec]
            rows.append(Row(codec, cells(song_means(values, seed))))
        made.append(Table(f"Codecs: {title}", (*names, "mean"), tuple(rows), least_n=LEAST_SONGS))
    return made


def _values(kept: Kept, key: str) -> list[float]:
    return [math.nan if one is None else float(getattr(one, key)) for one in kept.stems]
