"""How long pieces keep themselves: key, tempo and level block by block, and the seams of the windows they were made in."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from stemweave.data.tracks import Track
from stemweave.errors import DataError, UsageError
from stemweave.evaluation.checks import Floats
from stemweave.evaluation.measures.drift import key_correlation, level, seam_ratio, tempo_ratio
from stemweave.evaluation.measures.separation import ACTIVE
from stemweave.evaluation.protocols.cells import SKIPPED, cells
from stemweave.evaluation.protocols.excerpts import whole
from stemweave.evaluation.reports.tables import LEAST_SONGS, Cell, Row, Table
from stemweave.evaluation.statistics import song_means

RATE = 22050
"""Hz at which everything is heard."""
LEAST = 4.0
"""Seconds of a block, so that a tempo can be told."""
KEPT = 0.04
"""Share by which a tempo may differ and count as the same (that of MIREX's tempo accuracy)."""
TARGET = 1.5
"""Seam energy over that elsewhere, at most."""
UNPITCHED = ("drums",)
"""Stems without a key."""
COLUMNS = ("key (chroma)", "tempo ratio", "same tempo", "level, dBFS", "silent")


@dataclass(frozen=True, eq=False)
class Course:
    """How one song goes on: a row of `COLUMNS` for each block, and the seam energy of each stem and last of the mixture."""

    blocks: Floats
    seams: Floats


def courses(tracks: Iterable[Track], stems: Sequence[str], seconds: float, period: float | None) -> Iterator[Course]:
    """One song after another, in whole blocks of ``seconds``; seams are every ``period`` seconds, or not looked at.

    Raises :class:`DataError` for a song with less than two blocks, UsageError for blocks under 4 s.
    """
    if not seconds >= LEAST:
        raise UsageError(f"blocks of {seconds:g} s, expected at least {LEAST:g} s, to tell a tempo")
    for track in tracks:
        audio = whole(track, stems, RATE)
        length = round(seconds * RATE)
        count = audio.shape[-1] // length
        if count < 2:
            raise DataError(
                f"{track.id} has {track.seconds:.1f} s, expected two blocks of {seconds:g} s; ask for fewer seconds"
            )
        parts = audio[..., : count * length].split(length, -1)
        yield Course(np.array(_blocks(parts, stems)), np.array(_seams(audio, period) if period else []))


def tables(found: Sequence[Course], stems: Sequence[str], seconds: float, period: float | None) -> list[Table]:
    """Means over songs: a row for each block, and the seams where there is a ``period``."""
    return [_by_block(found, seconds), *([_at_seams(found, stems, period)] if period else [])]


def _blocks(parts: Sequence[Tensor], stems: Sequence[str]) -> list[list[float]]:
    pitched = [k for k, name in enumerate(stems) if name not in UNPITCHED] or list(range(len(stems)))
    keys, mixtures = [part[pitched].sum(0) for part in parts], [part.sum(0) for part in parts]
    found = [[np.nan, np.nan, np.nan, *_loudness(mixtures[0])]]
    for key, mixture in zip(keys[1:], mixtures[1:], strict=True):
        ratio = tempo_ratio(mixtures[0], mixture, RATE)
        same = float(abs(ratio - 1) <= KEPT) if np.isfinite(ratio) else np.nan
        found.append([key_correlation(keys[0], key, RATE), ratio, same, *_loudness(mixture)])
    return found


def _loudness(mixture: Tensor) -> tuple[float, float]:
    """Level where it is heard, and whether it is not."""
    loud = level(mixture)
    return (loud, 0.0) if loud >= ACTIVE else (np.nan, 1.0)


def _seams(audio: Tensor, period: float) -> list[float]:
    return [seam_ratio(part, RATE, period) for part in torch.cat([audio, audio.sum(0, keepdim=True)])]


def _by_block(found: Sequence[Course], seconds: float) -> Table:
    rows = []
    for number in range(max(len(course.blocks) for course in found)):
        there = [course.blocks[number] for course in found if len(course.blocks) > number]
        name = f"{number * seconds:g} to {(number + 1) * seconds:g} s"
        rows.append(Row(name, cells(song_means(there)[:-1])))
    note = (
        "Means over the songs that are as long. Against the first block: correlation of mean chroma (drums left out), ratio of "
        f"tempi, share of songs that keep theirs (± {100 * KEPT:g} %). Silent: share of songs under {ACTIVE:g} dBFS there."
    )
    return Table("Does a long piece keep itself", COLUMNS, tuple(rows), note, digits=3, least_n=LEAST_SONGS)


def _at_seams(found: Sequence[Course], stems: Sequence[str], period: float) -> Table:
    ratios = np.stack([course.seams for course in found])
    heard = np.isfinite(ratios).sum(0)
    within = (ratios <= TARGET).sum(0)
    kept = tuple(Cell(f"{good} of {count}") if count else SKIPPED for good, count in zip(within, heard, strict=True))
    rows = (Row("seam energy", cells(song_means(ratios)[:-1])), Row(f"songs of at most {TARGET:g}", kept))
    note = (
        f"Spectral flux at multiples of {period:g} s over that elsewhere, means over songs: 1 where seams are unheard; the "
        f"target is at most {TARGET:g}. Beats that fall on seams raise it too: see what real songs give."
    )
    return Table("Are seams heard", (*stems, "mixture"), rows, note, least_n=LEAST_SONGS)
