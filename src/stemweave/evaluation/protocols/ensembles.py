"""Do accompaniments keep time and hold together with what was given, as the original stems do?"""

from collections.abc import Sequence

from stemweave.evaluation.measures.bleed import suspicious
from stemweave.evaluation.measures.gap import Coupling
from stemweave.evaluation.measures.rhythm import Clip
from stemweave.evaluation.protocols import rhythm
from stemweave.evaluation.protocols.cells import SKIPPED, cell
from stemweave.evaluation.protocols.coherence import KINDS, bonds
from stemweave.evaluation.protocols.played import Played
from stemweave.evaluation.reports.tables import LEAST_SONGS, Cell, Row, Table


def coherence(played: Sequence[Played], seed: int) -> Table:
    """Pairings of stems in which at least one is new: how much more alike than strangers; the gap; the guard against copies."""
    columns = [f"{kind}, {what}" for kind in KINDS for what in ("new", "original", "gap")]
    columns += ["waveforms alike, new", "waveforms alike, original"]
    rows, copied = [], []
    for one in played:
        found = bonds(one.made, [excerpt.stems for excerpt in one.real], one.new, seed)
        cells = [part for bond in found.kinds.values() for part in (_difference(bond.made), _difference(bond.real), bond.gap)]
        rows.append(Row(one.name, (*cells, cell(found.copies), cell(found.natural))))
        copied += [one.name] if suspicious(found.copies, found.natural) else []
    note = (
        "Correlations of paired stems, of which at least one is new, minus those of stems of different songs; the gap is 0 for "
        "strangers and 1 where new stems are as coupled as the original ones. Stems resemble each other as waveforms more than "
        f"original ones do, so that the gap is not to be believed, given: {', '.join(copied) or 'none'}."
    )
    title = "Do new stems belong to what was given"
    return Table(title, tuple(columns), tuple(rows), note, digits=3, least_n=LEAST_SONGS)


def rhythms(played: Sequence[Played], timing: rhythm.Timing, width: float, seed: int) -> list[Table]:
    """IRS, CBS and CBD of given + new stems, and as a ceiling of the original ones; ``width`` (s) is the grid's."""
    originals = {one.name: one for each in played for one in each.real}
    told = rhythm.timed(list(originals.values()), timing)
    known = dict(zip(originals, told, strict=True)) if told else None
    groups = dict[str, Sequence[Clip] | None]()
    for one in played:
        groups[f"{one.name}: given + new"] = rhythm.timed(one.bands, timing)
        groups[f"{one.name}: original"] = [known[excerpt.name] for excerpt in one.real] if known else None
    return rhythm.tables(groups, played[0].real[0].stems.names, timing.name, width, seed)


def _difference(found: Coupling | None) -> Cell:
    return cell(found.difference) if found else SKIPPED
