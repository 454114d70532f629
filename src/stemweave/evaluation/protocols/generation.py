"""Do generated bands sound like real ones, each stem and together? All tables that compare excerpts of both."""

from collections.abc import Iterator, Sequence

from stemweave.errors import DataError
from stemweave.evaluation.embeddings.embedding import Embedding
from stemweave.evaluation.measures.subsets import FEWEST
from stemweave.evaluation.protocols import rhythm
from stemweave.evaluation.protocols.classes import classes
from stemweave.evaluation.protocols.coherence import coherence
from stemweave.evaluation.protocols.distances import distances
from stemweave.evaluation.protocols.excerpts import Excerpt
from stemweave.evaluation.protocols.rates import rates
from stemweave.evaluation.protocols.takes import together
from stemweave.evaluation.reports.tables import Table


def mixtures(
    made: Sequence[Excerpt],
    real: Sequence[Excerpt],
    embeddings: Sequence[Embedding],
    seed: int,
    training: Sequence[Excerpt] = (),
) -> Iterator[Table]:
    """The tables of bands of which only the sum is looked at: distances, silence and noise.

    Raises :class:`DataError` for fewer than eight songs of either kind.
    """
    for kind, excerpts in (("generated", made), ("real", real)):
        if (count := len({one.song for one in excerpts})) < FEWEST:
            raise DataError(f"{count} {kind} songs, expected at least {FEWEST}: give more")
    for embedding in embeddings:
        yield distances(made, real, embedding, seed, training)
    yield rates(made, real, seed)


def tables(
    made: Sequence[Excerpt],
    real: Sequence[Excerpt],
    embeddings: Sequence[Embedding],
    timings: Sequence[rhythm.Timing],
    width: float,
    seed: int,
    training: Sequence[Excerpt] = (),
    beside: Sequence[Excerpt] = (),
) -> Iterator[Table]:
    """All tables of a report, one after another; ``made``, ``real`` and ``training`` are of one rate, length and set of stems.

    ``beside`` are the takes of ``made``, made another way. ``width`` is of the grid on which beats meet, in seconds. Raises as
    `mixtures` does.
    """
    yield from mixtures(made, real, embeddings, seed, training)
    yield coherence(made, real, seed)
    for timing in timings:
        bands, songs = rhythm.timed(made, timing), rhythm.timed(real, timing)
        groups = {"generated": bands, "real": songs, "real, shuffled": rhythm.shuffled(songs, seed)}
        yield from rhythm.tables(groups, real[0].stems.names, timing.name, width, seed)
    for embedding in embeddings:
        yield classes(made, real, embedding, seed)
    if beside:
        yield together(made, beside, seed)
