"""Is a generated stem what it was asked to be? The share of its windows that are nearest to each stem of real songs."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from stemweave.evaluation.embeddings.embedding import Embedding
from stemweave.evaluation.measures.classes import NEIGHBOURS, nearest
from stemweave.evaluation.measures.subsets import Songs
from stemweave.evaluation.protocols.cells import SKIPPED, cell
from stemweave.evaluation.protocols.excerpts import Excerpt, embedded
from stemweave.evaluation.reports.tables import LEAST_SONGS, Cell, Row, Table
from stemweave.evaluation.statistics import figures


def classes(made: Sequence[Excerpt], real: Sequence[Excerpt], embedding: Embedding, seed: int) -> Table:
    """Shares of windows by the stem they are nearest to: of generated stems, and of one half of the real songs as a ceiling.

    The examples are the other half, drawn by ``seed``. Excerpts in which a stem is silent do not count.
    """
    names = tuple(real[0].stems)
    examples, others = _halves(real, seed)
    kinds = dict(_sounding(examples, names, embedding))
    kinds = {name: songs for name, songs in kinds.items() if len(songs.points) >= NEIGHBOURS}
    told = partial(_shares, names, {name: songs.points for name, songs in kinds.items()})
    rows = []
    for kind, excerpts in (("generated", made), ("real", others)):
        found = dict(_sounding(excerpts, names, embedding))
        rows += [Row(f"{kind} {name}", told(found.get(name), seed)) for name in names]
    note = (
        f"Shares of windows whose {NEIGHBOURS} nearest examples among real stems are nearest on average; embedding: "
        f"{embedding.name}. Intervals: 95 %, by song. A silent stem has no class."
    )
    return Table(f"Nearest stem ({embedding.name})", names, tuple(rows), note, digits=3, least_n=LEAST_SONGS)


def _halves(real: Sequence[Excerpt], seed: int) -> tuple[list[Excerpt], list[Excerpt]]:
    """Excerpts of one half of the songs, and of the other."""
    songs = list(dict.fromkeys(one.song for one in real))
    drawn = np.random.default_rng(seed).permutation(len(songs))[: len(songs) // 2]
    first = {songs[k] for k in drawn}
    return [one for one in real if one.song in first], [one for one in real if one.song not in first]


def _sounding(excerpts: Sequence[Excerpt], names: Sequence[str], embedding: Embedding) -> Iterator[tuple[str, Songs]]:
    """The points of each stem that is heard, by song."""
    for name in names:
        heard = [one for one in excerpts if one.stems.presence[name]]
        if heard:
            yield (
                name,
                embedded([one.stems[name] for one in heard], [one.song for one in heard], heard[0].stems.rate, embedding),
            )


def _shares(names: Sequence[str], kinds: Mapping[str, np.ndarray], found: Songs | None, seed: int) -> tuple[Cell, ...]:
    if found is None or len(kinds) < 2:
        return (SKIPPED,) * len(names)
    nearest_to = np.array(nearest(found.points, kinds))
    songs = [nearest_to[found.song == song] for song in np.unique(found.song)]
    counts = [[int((song == name).sum()) for name in kinds] for song in songs]
    shares = figures(counts, [[len(song)] * len(kinds) for song in songs], seed)
    by_name = dict(zip(kinds, map(cell, shares), strict=False))
    return tuple(by_name.get(name, SKIPPED) for name in names)
