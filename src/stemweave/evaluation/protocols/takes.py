"""Do the stems of takes belong together more when they are made one way than another? The same takes, made both ways."""

from collections.abc import Mapping, Sequence

import numpy as np

from stemweave.audio.stems import Stems
from stemweave.errors import DataError
from stemweave.evaluation.measures.gap import Pairing, coupling
from stemweave.evaluation.protocols.cells import SKIPPED, cells
from stemweave.evaluation.protocols.coherence import KINDS
from stemweave.evaluation.protocols.excerpts import Excerpt, one_each
from stemweave.evaluation.reports.tables import Cell, Row, Table
from stemweave.evaluation.statistics import sign_test, song_means

LEAST_PAIRS = 50
"""Takes below which a table says that they are too few for a sign test."""
COLUMNS = ("made", "beside", "difference", "made is more coherent", "sign test, p")


def together(made: Sequence[Excerpt], beside: Sequence[Excerpt], seed: int) -> Table:
    """How much more alike the stems of a take are than strangers, take by take, made in two ways; takes are paired by name.

    A pairing of stems counts in takes in which both sound in both ways. Raises :class:`DataError` where no take is there
    twice.
    """
    one, other = ({take.song: take.stems for take in one_each(group)} for group in (made, beside))
    takes = [(one[name], other[name]) for name in one if name in other]
    if not takes:
        raise DataError(f"none of {len(one)} takes has one of its name beside it: give both the same model, title and seeds")
    rows = tuple(Row(kind, _row(takes, pairings, seed)) for kind, pairings in KINDS.items())
    note = (
        f"{len(takes)} takes, made and beside it from the same prompts and seeds. Correlations between stems of one take, less "
        "those with stems of other takes made the same way; p: one-sided, that takes beside are as often the more coherent."
    )
    return Table("More coherent than beside", COLUMNS, rows, note, digits=3, least_n=LEAST_PAIRS)


def _row(takes: Sequence[tuple[Stems, Stems]], pairings: Sequence[Pairing], seed: int) -> tuple[Cell, ...]:
    found: dict[int, list[tuple[float, float]]] = {}
    for pairing in pairings:
        for take, pair in _pairs(takes, pairing, seed).items():
            found.setdefault(take, []).append(pair)
    if not found:
        return (SKIPPED,) * len(COLUMNS)
    values = np.array([np.mean(pairs, axis=0) for pairs in found.values()])
    differences = values[:, 0] - values[:, 1]
    means = song_means(np.column_stack([values, differences]), seed)[:3]
    more = Cell(f"{int((differences > 0).sum())} of {len(differences)}")
    return (*cells(means), more, Cell(f"{sign_test(differences.tolist()):.2g}"))


def _pairs(takes: Sequence[tuple[Stems, Stems]], pairing: Pairing, seed: int) -> Mapping[int, tuple[float, float]]:
    """By take, how much more alike its two stems are than strangers, either way; where all four stems are heard."""
    kept = [k for k, ways in enumerate(takes) if all(_heard(stems, pairing) for stems in ways)]
    if len(kept) < 2:
        return {}
    one, other = (coupling([takes[k][way] for k in kept], [pairing], seed=seed).by_song for way in (0, 1))
    return dict(zip(kept, zip(one, other, strict=True), strict=True))


def _heard(stems: Stems, pairing: Pairing) -> bool:
    return stems.presence.get(pairing.one, False) and stems.presence.get(pairing.other, False)
