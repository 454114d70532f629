"""Sub-distances of 2302.02257 §5.2: given and new stems together against the original songs, for each choice of given stems.

Beside them stand both baselines that a model must beat, since such a distance is ruled by what was given, and rewards
silence: the given stems alone, and the given stems with those of another song.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from stemweave.evaluation.embeddings.embedding import Embedding
from stemweave.evaluation.measures.apa import apa
from stemweave.evaluation.measures.sets import frechet_distance, kad, kernel_width
from stemweave.evaluation.measures.strangers import strangers
from stemweave.evaluation.measures.subsets import Songs, interval
from stemweave.evaluation.protocols.cells import ENOUGH, SKIPPED, cell, where_possible
from stemweave.evaluation.protocols.excerpts import embedded
from stemweave.evaluation.protocols.played import Played, total
from stemweave.evaluation.reports.tables import Cell, Row, Table

BANDS: Mapping[str, str] = {"made": "given + new", "given": "given alone", "stranger": "given + stranger's"}
"""What is compared with the original songs, and what a table calls it."""


def embedded_bands(one: Played, embedding: Embedding, seed: int) -> dict[str, Songs]:
    """The points of the original mixtures, "real", and of each of `BANDS`: one song each, in the order of ``one``."""
    songs, rate = [excerpt.song for excerpt in one.real], one.real[0].stems.rate
    partner = strangers(songs, np.random.default_rng(seed))
    given = [total(excerpt.stems, one.given) for excerpt in one.real]
    own = [total(excerpt.stems, one.new) for excerpt in one.real]
    mixtures = {
        "real": [a + b for a, b in zip(given, own, strict=True)],
        "made": [a + total(stems, one.new) for a, stems in zip(given, one.made, strict=True)],
        "given": given,
        "stranger": [a + own[other] for a, other in zip(given, partner, strict=True)],
    }
    return {kind: embedded(sounds, songs, rate, embedding) for kind, sounds in mixtures.items()}


def distances(played: Sequence[Played], bands: Sequence[Mapping[str, Songs]], embedding: str, seed: int) -> Table:
    """KAD and Fréchet distance with both baselines, and APA (2503.06346); ``bands`` are `embedded_bands` of ``played``."""
    rows = tuple(Row(one.name, _row(points, seed)) for one, points in zip(played, bands, strict=True))
    note = (
        f"KAD × 100 and Fréchet distance of given + new stems to the original songs; lower is nearer; embedding: {embedding}. "
        "A model must beat both the given stems alone and with a stranger's. Fréchet is skipped where there are no more "
        "embeddings than dimensions: give more songs. APA: 1 fits like the song's own stems, 0 like a stranger's."
    )
    columns = (*(f"{what}, {band}" for what in ("KAD", "Fréchet") for band in BANDS.values()), "APA")
    return Table("Distance to the original songs", columns, rows, note, digits=3, least_n=ENOUGH)


def _row(points: Mapping[str, Songs], seed: int) -> tuple[Cell, ...]:
    real = points["real"]
    kernel = partial(kad, width=kernel_width(real.points, seed))
    kernels = [cell(interval(kernel, real, points[band], seed)) for band in BANDS]
    enough = len(real.points) > real.points.shape[1]
    gaussians = [cell(interval(frechet_distance, real, points[band], seed)) if enough else SKIPPED for band in BANDS]

    def fit() -> Cell:
        return Cell(apa(real.points, points["stranger"].points, points["made"].points, frechet_distance), n=real.count)

    return (*kernels, *gaussians, where_possible(fit))
