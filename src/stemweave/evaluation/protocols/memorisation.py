"""Were generations copied from the training songs? Their nearest training windows, beside those of held-out songs."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from stemweave.data.tracks import Track
from stemweave.errors import DataError
from stemweave.evaluation.checks import Floats
from stemweave.evaluation.embeddings.embedding import Embedding, embed
from stemweave.evaluation.measures.memorisation import COPY, HOP, QUANTILES, Match, Nearest, closest, match, nearest, verdict
from stemweave.evaluation.protocols.cells import SKIPPED
from stemweave.evaluation.protocols.excerpts import whole
from stemweave.evaluation.reports.tables import Cell, Row, Table

RATE = 22050
"""Hz at which waveforms are compared."""
SAME = 1e-6
"""Cosine distance of a window to itself, but for rounding."""


@dataclass(frozen=True, eq=False)
class Side:
    """Songs of one ``kind``, as in the tables, and where each of their windows is nearest to training."""

    kind: str
    tracks: Sequence[Track]
    near: Sequence[Nearest]


def pictures(tracks: Iterable[Track], stems: Sequence[str], embedding: Embedding) -> Iterator[Floats]:
    """The points of one song's mixture after another: (windows, d); one song is in memory at a time.

    Raises :class:`DataError` for a song that does not tell all of ``stems``, or is shorter than a window.
    """
    for track in tracks:
        sound = whole(track, stems, embedding.rate).sum(0)
        yield embed([(track.id, sound)], embedding.rate, embedding)[track.id]


def neighbours(clips: Sequence[Floats], training: Iterable[Floats]) -> list[Nearest]:
    """`nearest` of each clip, while every training song is embedded but once. A log-mel picture takes 20 kB."""
    found = nearest(np.concatenate(clips), training)
    cuts = np.cumsum([len(clip) for clip in clips])[:-1]
    parts = (np.split(values, cuts) for values in (found.distance, found.song, found.window))
    return [Nearest(*each) for each in zip(*parts, strict=True)]


def nearness(made: Side, held_out: Side, embedding: str, seed: int) -> Table:
    """Quantiles of the distances to the nearest training window, and whether the generated ones are too near.

    Raises :class:`DataError` for fewer than five songs of either kind, or held-out songs that are training songs.
    """
    own, other = ([near.distance for near in side.near] for side in (made, held_out))
    found = verdict(own, other, seed)
    if found.held_out[-1] < SAME:
        raise DataError("most windows of --data are in the training songs too: give songs that training never saw")
    words = f"alarm: nearer than {held_out.kind} songs are" if found.alarm else f"no nearer than {held_out.kind} songs"
    said = ((Cell(f"{found.p:.2g}"), Cell(words)), (SKIPPED, SKIPPED))
    rows = tuple(
        Row(side.kind, (*(Cell(value, n=len(side.tracks)) for value in values), *last))
        for side, values, last in zip((made, held_out), (found.generated, found.held_out), said, strict=True)
    )
    columns = (*(f"{100 * share:g} % of windows" for share in QUANTILES), "p", "verdict")
    note = (
        "Cosine distance of windows of 4 s to the nearest training window, quantiles; small is near. p: one-sided, that the "
        f"generated 1 % quantile is no lower, by permuting songs; alarm below 0.01. Embedding of mixtures: {embedding}. "
        "Notes are not compared, since rendered songs tell only a hash of theirs."
    )
    return Table(f"Nearness to training songs ({embedding})", columns, rows, note, digits=3)


def matches(side: Side, training: Sequence[Track], stems: Sequence[str]) -> Iterator[Match]:
    """The waveforms of the closest pairs of windows, slid against each other; nearest first."""
    for pair in closest(side.near):
        clip, song = (whole(track, stems, RATE) for track in (side.tracks[pair.clip], training[pair.song]))
        yield match(pair, clip, song, RATE)


def copies(
    found: Sequence[tuple[Side, Sequence[Match]]], training: Sequence[Track], stems: Sequence[str], embedding: str
) -> Table:
    """The largest waveform correlations of each kind's closest pairs, and all pairs that are copies."""
    rows = [_largest(side, pairs) for side, pairs in found]
    for side, pairs in found:
        rows += [Row(_place(side, one, training), (*map(Cell, one.correlations), SKIPPED)) for one in pairs if one.copied]
    note = (
        f"Absolute correlation with the training song, of the {max(len(pairs) for _, pairs in found)} closest pairs of windows "
        f"slid by ± 2 s; from {COPY:g} on a pair is a copy and has a row. A held note or a loop resembles itself too: see "
        "what held-out songs reach."
    )
    return Table(f"Waveforms of the pairs closest by {embedding}", (*stems, "mixture", "copies"), tuple(rows), note)


def _largest(side: Side, pairs: Sequence[Match]) -> Row:
    peaks = np.max([one.correlations for one in pairs], axis=0)
    return Row(f"{side.kind}, largest", (*(Cell(float(peak), n=len(pairs)) for peak in peaks), Cell(_copied(pairs))))


def _copied(pairs: Sequence[Match]) -> str:
    return f"{sum(one.copied for one in pairs)} of {len(pairs)}"


def _place(side: Side, one: Match, training: Sequence[Track]) -> str:
    at = f"{side.tracks[one.pair.clip].id} from {one.pair.window * HOP:g} s"
    return f"{side.kind} {at}, like {training[one.pair.song].id} from {one.seconds:.2f} s"
