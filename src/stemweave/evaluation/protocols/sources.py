"""What more sources cost and what becomes of them: takes by the number of stems that were asked for."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from stemweave.audio.stems import Stems
from stemweave.errors import DataError
from stemweave.evaluation.measures.bleed import bleed
from stemweave.evaluation.measures.coherence import chroma, onsets
from stemweave.evaluation.measures.gap import Feature, Pairing, coupling
from stemweave.evaluation.measures.rates import silence, silent_rates
from stemweave.evaluation.measures.separation import decibels
from stemweave.evaluation.measures.strangers import alike
from stemweave.evaluation.protocols.cells import SKIPPED, cell
from stemweave.evaluation.reports.tables import LEAST_SONGS, Cell, Row, Table
from stemweave.evaluation.statistics import song_means

COLUMNS = (
    *("stems", "s of work per s", "silent windows", "silent stems", "rhythm (onsets)", "harmony (chroma)"),
    *("waveforms alike", "mix, dBFS"),
)
NOTE = (
    "Work per s of music, all stems. Silent: RMS under -60 dBFS, of windows of 4 s, and of whole takes. Rhythm and harmony: "
    "mean over all pairs of stems (harmony without unpitched ones) of the correlation in a take, less that with stems of other "
    "takes. Intervals: 95 %, by take."
)


@dataclass(frozen=True, eq=False)
class Take:
    """The stems of one take, and how many seconds of work they took."""

    stems: Stems
    took: float


def scaling(groups: Mapping[str, Sequence[Take]], unpitched: Collection[str], seed: int) -> Table:
    """A row for each group of takes, whose stems are the same within a group; ``unpitched`` stems have no harmony.

    Raises :class:`DataError` for a group of fewer than two takes, and for takes of different stems, lengths or rates.
    """
    rows = tuple(Row(name, _row(name, takes, unpitched, seed)) for name, takes in groups.items())
    return Table("By number of sources", COLUMNS, rows, NOTE, digits=3, least_n=LEAST_SONGS)


def _row(name: str, takes: Sequence[Take], unpitched: Collection[str], seed: int) -> tuple[Cell, ...]:
    songs = [take.stems for take in takes]
    names = _alike(name, songs)
    work, *_ = song_means([[take.took / take.stems.seconds] for take in takes], seed)
    windows = silent_rates([silence(stems.audio, stems.rate) for stems in songs], seed)[-1]
    whole, *_ = song_means([[1 - sum(stems.presence.values()) / len(names)] for stems in songs], seed)
    level, *_ = song_means([[float(decibels(stems.mixture.flatten()))] for stems in songs], seed)
    pitched = [stem for stem in names if stem not in unpitched]
    kinds = (_coupled(songs, onsets, names, seed), _coupled(songs, chroma, pitched, seed))
    alike_cell = cell(bleed(songs, seed)) if len(names) > 1 else SKIPPED
    return (Cell(str(len(names))), cell(work), cell(windows), cell(whole), *kinds, alike_cell, cell(level))


def _alike(name: str, songs: Sequence[Stems]) -> tuple[str, ...]:
    """The stems of all takes of a group."""
    try:
        alike(songs, songs[0].names if songs else ())
    except DataError as error:
        raise DataError(f"{name}: {error}") from error
    if others := next((stems.names for stems in songs if set(stems.names) != set(songs[0].names)), None):
        raise DataError(f"{name} holds takes of {', '.join(songs[0].names)} and of {', '.join(others)}: give a folder of each")
    return songs[0].names


def _coupled(songs: Sequence[Stems], feature: Feature, names: Sequence[str], seed: int) -> Cell:
    """Over the pairs of stems that sound together in two takes or more."""
    pairs = [(one, other) for one, other in combinations(names, 2) if _together(songs, one, other) >= 2]
    return cell(coupling(songs, [Pairing(feature, *pair) for pair in pairs], seed=seed).difference) if pairs else SKIPPED


def _together(songs: Sequence[Stems], one: str, other: str) -> int:
    return sum(stems.presence[one] and stems.presence[other] for stems in songs)
