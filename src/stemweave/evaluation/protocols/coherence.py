"""Do the stems of bands belong together? How alike paired stems are within a song, beside real songs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from stemweave.audio.stems import Stems
from stemweave.errors import DataError
from stemweave.evaluation.measures.bleed import bleed, suspicious
from stemweave.evaluation.measures.gap import CHROMA, ONSET, Coupling, Pairing, coupling, gap
from stemweave.evaluation.protocols.cells import SKIPPED, cell, cells, where_possible
from stemweave.evaluation.protocols.excerpts import Excerpt, one_each
from stemweave.evaluation.reports.tables import LEAST_SONGS, Cell, Row, Table
from stemweave.evaluation.statistics import Figure

KINDS: Mapping[str, Sequence[Pairing]] = {"harmony (chroma)": CHROMA, "rhythm (onsets)": ONSET}


@dataclass(frozen=True)
class Bond:
    """One kind of likeness in two sets of songs, None where too few say anything, and the gap."""

    made: Coupling | None
    real: Coupling | None
    gap: Cell


@dataclass(frozen=True)
class Bonds:
    """How bands hold together beside real songs: by kind; and how alike stems are as waveforms in either."""

    kinds: Mapping[str, Bond]
    copies: Figure
    natural: Figure


def bonds(made: Sequence[Stems], real: Sequence[Stems], new: Collection[str], seed: int) -> Bonds:
    """Both sets have one excerpt per song. Only pairings count in which one stem at least is among ``new``: those made."""
    kinds = {
        kind: _bond(made, real, [p for p in pairings if {p.one, p.other} <= set(real[0]) and {p.one, p.other} & set(new)], seed)
        for kind, pairings in KINDS.items()
    }
    return Bonds(kinds, bleed(made, seed), bleed(real, seed))


def coherence(made: Sequence[Excerpt], real: Sequence[Excerpt], seed: int) -> Table:
    """Stems of one song against stems of different songs; the gap; and the guard against copies."""
    bands, songs = ([one.stems for one in one_each(group)] for group in (made, real))
    found = bonds(bands, songs, songs[0].names, seed)
    rows = []
    for name, bond in found.kinds.items():
        rows.append(Row(f"{name}, generated", _coupled(bond.made, bond.gap)))
        rows.append(Row(f"{name}, real", _coupled(bond.real, SKIPPED)))
    blanks = (SKIPPED,) * 4
    rows.append(Row("waveforms alike, generated", (cell(found.copies), *blanks)))
    rows.append(Row("waveforms alike, real", (cell(found.natural), *blanks)))
    copied = suspicious(found.copies, found.natural)
    verdict = "more than real ones: copies or bleed, do not believe the gap" if copied else "as real ones"
    note = (
        "Correlations between stems of one song, and of different songs (shuffled); the gap is 0 for strangers and 1 where "
        f"stems are as coupled as real ones. Generated stems resemble each other as waveforms {verdict}."
    )
    columns = ("matched", "shuffled", "difference", "p", "gap")
    return Table("Do the stems belong together", columns, tuple(rows), note, digits=3, least_n=LEAST_SONGS)


def _bond(made: Sequence[Stems], real: Sequence[Stems], pairings: Sequence[Pairing], seed: int) -> Bond:
    one, other = (_coupling(group, pairings, seed) for group in (made, real))
    return Bond(one, other, _gap(one, other, seed))


def _coupling(songs: Sequence[Stems], pairings: Sequence[Pairing], seed: int) -> Coupling | None:
    """None where a pair of stems sounds in too few songs to say anything."""
    try:
        return coupling(songs, pairings, seed=seed) if pairings else None
    except DataError:
        return None


def _gap(made: Coupling | None, real: Coupling | None, seed: int) -> Cell:
    if made is None or real is None:
        return SKIPPED
    return where_possible(lambda: cell(gap(made, real, seed)))


def _coupled(found: Coupling | None, last: Cell) -> tuple[Cell, ...]:
    if found is None:
        return (SKIPPED,) * 5
    return (*cells((found.matched, found.shuffled, found.difference)), Cell(f"{found.p:.2g}"), last)
