"""Do accompaniments sound and fit like the parts they stand in for, whichever stems are given?

For every choice of given stems, the given and the new stems of a song together, against the original songs; beside them the
given stems alone and the given stems with those of another song, which a model must beat: a set distance is ruled by what
was given, and rewards silence.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from stemweave.audio.stems import PRESENT, Stems
from stemweave.errors import DataError
from stemweave.evaluation.comparison import holm
from stemweave.evaluation.embeddings.embedding import Embedding
from stemweave.evaluation.measures.apa import apa
from stemweave.evaluation.measures.rates import silence, silent_rates
from stemweave.evaluation.measures.sets import frechet_distance, kad, kernel_width
from stemweave.evaluation.measures.strangers import strangers
from stemweave.evaluation.measures.subsets import FEWEST, interval
from stemweave.evaluation.protocols.context import MEASURES, Pair, verdicts
from stemweave.evaluation.protocols.excerpts import Excerpt, embedded
from stemweave.evaluation.reports.report import entry
from stemweave.evaluation.reports.tables import Cell, Row, Table

ENOUGH = 100
"""Songs below which a table says that they are too few."""


@dataclass(frozen=True, eq=False)
class Played:
    """All accompaniments to one choice of given stems: per song its excerpt, and the same stems with new ones for the rest."""

    given: tuple[str, ...]
    real: tuple[Excerpt, ...]
    made: tuple[Stems, ...]

    @property
    def new(self) -> tuple[str, ...]:
        """The stems that were made."""
        return tuple(name for name in self.real[0].stems if name not in self.given)

    @property
    def name(self) -> str:
        """As in the tables."""
        return " + ".join(self.given)


def sounding(songs: Sequence[Excerpt], given: Sequence[str]) -> list[Excerpt]:
    """Those in which a given stem is heard (RMS from -60 dBFS), and a stem that is to be made.

    Raises :class:`DataError` where there are fewer than eight.
    """
    kept = [one for one in songs if _heard(one.stems, given) and _heard(one.stems, _others(one.stems, given))]
    if len(kept) < FEWEST:
        raise DataError(
            f"{' + '.join(given)} and a stem to make sound in {len(kept)} excerpts, expected {FEWEST}: give more songs"
        )
    return kept


def tables(played: Sequence[Played], embedding: Embedding, seed: int) -> Iterator[Table]:
    """All tables of a report; rows are choices of given stems."""
    yield distances(played, embedding, seed)
    yield fits(played, seed)
    yield silences(played, seed)


def distances(played: Sequence[Played], embedding: Embedding, seed: int) -> Table:
    """Sub-distances of 2302.02257 §5.2, as KAD, beside both baselines, and APA (2503.06346)."""
    rows = tuple(_distances(one, embedding, seed) for one in played)
    note = (
        f"KAD × 100 of given + new stems to the original songs; lower is nearer; embedding: {embedding.name}. A model must "
        "beat both the given stems alone and with a stranger's. APA: 1 fits like the song's own stems, 0 like a stranger's."
    )
    columns = ("given + new", "given alone", "given + stranger's", "APA")
    return Table("Distance to the original songs", columns, rows, note, digits=3, least_n=ENOUGH)


def fits(played: Sequence[Played], seed: int) -> Table:
    """Correlations of the new stems with what they were made for, and with what another song gave."""
    found = {one.name: verdicts(_pairs(one, seed)) for one in played}
    p = holm([verdict.p for by in found.values() for verdict in by.values()])
    adjusted, rows = iter(p.tolist()), []
    for name, by in found.items():
        cells: list[Cell] = []
        for verdict in by.values():
            cells += [Cell(**entry(verdict.own)), Cell(**entry(verdict.swapped)), Cell(f"{next(adjusted):.2g}")]
        rows.append(Row(name, tuple(cells)))
    columns = tuple(f"{measure}{what}" for measure in MEASURES for what in (", own", ", another's", ", p"))
    note = "Correlations of the sum of new stems with the sum of given ones; p: sign test by song, adjusted by Holm's rule."
    return Table("Do new stems fit what was given", columns, tuple(rows), note, digits=3)


def silences(played: Sequence[Played], seed: int) -> Table:
    """How often new stems are silent, and how often the originals are."""
    names, rows = tuple(played[0].real[0].stems), []
    for one in played:
        own = {kind: _silent(stems, one.new, seed) for kind, stems in (("new", one.made), ("original", _originals(one)))}
        for kind, cells in own.items():
            rows.append(Row(f"{one.name}: {kind}", tuple(cells.get(name, Cell(None, status="skipped")) for name in names)))
    return Table("Silent stems", names, tuple(rows), "Shares of windows under -60 dBFS.", digits=3)


def _distances(one: Played, embedding: Embedding, seed: int) -> Row:
    songs = [excerpt.song for excerpt in one.real]
    partner = strangers(songs, np.random.default_rng(seed))
    given = [_sum(excerpt.stems, one.given) for excerpt in one.real]
    own = [_sum(excerpt.stems, one.new) for excerpt in one.real]
    mixtures = {
        "real": [a + b for a, b in zip(given, own, strict=True)],
        "made": [a + _sum(stems, one.new) for a, stems in zip(given, one.made, strict=True)],
        "given": given,
        "stranger": [a + own[other] for a, other in zip(given, partner, strict=True)],
    }
    points = {kind: embedded(sounds, songs, one.real[0].stems.rate, embedding) for kind, sounds in mixtures.items()}
    distance = partial(kad, width=kernel_width(points["real"].points, seed))
    cells = [Cell(**entry(interval(distance, points["real"], points[kind], seed))) for kind in ("made", "given", "stranger")]
    fit = apa(points["real"].points, points["stranger"].points, points["made"].points, frechet_distance)
    return Row(one.name, (*cells, Cell(fit, n=len(set(songs)))))


def _pairs(one: Played, seed: int) -> list[Pair]:
    contexts = [_sum(excerpt.stems, one.given) for excerpt in one.real]
    partner = strangers([excerpt.song for excerpt in one.real], np.random.default_rng(seed))
    return [
        Pair(
            excerpt.name, one.real[other].name, seed,
            _fit(contexts[k], _sum(made, one.new), made.rate), _fit(contexts[other], _sum(made, one.new), made.rate),
        )
        for k, (excerpt, made, other) in enumerate(zip(one.real, one.made, partner, strict=True))
    ]  # fmt: skip


def _fit(context: Tensor, made: Tensor, rate: int) -> Mapping[str, float]:
    return {name: measure(context, made, rate) for name, measure in MEASURES.items()}


def _silent(songs: Sequence[Stems], names: Sequence[str], seed: int) -> dict[str, Cell]:
    windows = [silence(torch.stack([stems[name] for name in names]), stems.rate) for stems in songs]
    return {name: Cell(**entry(figure)) for name, figure in zip(names, silent_rates(windows, seed)[:-1], strict=True)}


def _originals(one: Played) -> list[Stems]:
    return [excerpt.stems for excerpt in one.real]


def _sum(stems: Stems, names: Sequence[str]) -> Tensor:
    return torch.stack([stems[name] for name in names]).sum(0)


def _others(stems: Stems, given: Sequence[str]) -> list[str]:
    return [name for name in stems if name not in given]


def _heard(stems: Stems, names: Sequence[str]) -> bool:
    return bool(_sum(stems, names).square().mean().sqrt() >= PRESENT)
