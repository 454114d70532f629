"""How accompaniments fit and sound in each style of music, where songs tell theirs."""

from collections.abc import Mapping, Sequence

import numpy as np

from stemweave.evaluation.measures.sets import kad, kernel_width
from stemweave.evaluation.measures.subsets import FEWEST, Songs
from stemweave.evaluation.protocols.cells import SKIPPED, cells, where_possible
from stemweave.evaluation.protocols.context import MEASURES, Pair
from stemweave.evaluation.protocols.played import Played
from stemweave.evaluation.reports.tables import LEAST_SONGS, Cell, Row, Table
from stemweave.evaluation.statistics import Figure, song_means


def by_style(
    played: Sequence[Played], bands: Sequence[Mapping[str, Songs]], pairs: Sequence[Sequence[Pair]], seed: int
) -> Table:
    """A row for each style that songs tell, so none where they tell none; figures are means over the choices of given stems.

    ``bands`` are the embeddings and ``pairs`` the correlations of each of ``played``, song by song.
    """
    styles = sorted({excerpt.track.text for one in played for excerpt in one.real} - {""})
    rows = tuple(_row(style, played, bands, pairs, seed) for style in styles)
    columns = (*(f"{measure}, {whose}" for measure in MEASURES for whose in ("own", "another's")), "KAD × 100", "songs")
    note = (
        "Means over all choices of given stems: correlations of new stems with what was given in their own song and in "
        f"another, and the KAD of given + new stems to the original songs of the style, from {FEWEST} songs on."
    )
    return Table("By style", columns, rows, note, digits=3, least_n=LEAST_SONGS)


def _row(
    style: str, played: Sequence[Played], bands: Sequence[Mapping[str, Songs]], pairs: Sequence[Sequence[Pair]], seed: int
) -> Row:
    chosen = [[k for k, excerpt in enumerate(one.real) if excerpt.track.text == style] for one in played]
    fits = _fits([each[k] for each, kept in zip(pairs, chosen, strict=True) for k in kept], seed)
    songs = len({one.real[k].song for one, kept in zip(played, chosen, strict=True) for k in kept})
    many = [(points, kept) for points, kept in zip(bands, chosen, strict=True) if len(kept) >= FEWEST]
    distance = where_possible(lambda: _mean_kad(many, seed)) if many else SKIPPED
    return Row(style, (*cells(fits), distance, Cell(str(songs))))


def _fits(pairs: Sequence[Pair], seed: int) -> tuple[Figure, ...]:
    """Own and swapped of every measure: means over a song's choices, then over songs."""
    by_song: dict[str, list[list[float]]] = {}
    for pair in pairs:
        by_song.setdefault(pair.song, []).append([side[m] for m in MEASURES for side in (pair.own, pair.swapped)])
    return song_means([np.mean(values, axis=0) for values in by_song.values()], seed)[:-1]


def _mean_kad(many: Sequence[tuple[Mapping[str, Songs], Sequence[int]]], seed: int) -> Cell:
    kads = []
    for points, kept in many:
        real, made = (points[kind].only(kept).points for kind in ("real", "made"))
        kads.append(kad(real, made, kernel_width(real, seed)))
    return Cell(float(np.mean(kads)), n=max(len(kept) for _, kept in many))
