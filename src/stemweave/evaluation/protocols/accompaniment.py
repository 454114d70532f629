"""Do accompaniments sound and fit like the parts they stand in for, whichever stems are given?"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from stemweave.audio.stems import Stems
from stemweave.evaluation.comparison import holm
from stemweave.evaluation.embeddings.embedding import Embedding
from stemweave.evaluation.measures.rates import silence, silent_rates
from stemweave.evaluation.measures.strangers import strangers
from stemweave.evaluation.protocols.cells import SKIPPED, cell
from stemweave.evaluation.protocols.context import MEASURES, Pair, verdicts
from stemweave.evaluation.protocols.ensembles import coherence, rhythms
from stemweave.evaluation.protocols.played import Played, total
from stemweave.evaluation.protocols.rhythm import Timing
from stemweave.evaluation.protocols.styles import by_style
from stemweave.evaluation.protocols.subdistances import distances, embedded_bands
from stemweave.evaluation.reports.tables import LEAST_SONGS, Cell, Row, Table


def tables(
    played: Sequence[Played], embedding: Embedding, timings: Sequence[Timing], width: float, seed: int
) -> Iterator[Table]:
    """All tables of a report; rows are choices of given stems. ``width`` is of the grid on which beats meet, in seconds."""
    bands = [embedded_bands(one, embedding, seed) for one in played]
    pairs = [_pairs(one, seed) for one in played]
    yield distances(played, bands, embedding.name, seed)
    yield fits({one.name: each for one, each in zip(played, pairs, strict=True)})
    yield silences(played, seed)
    yield coherence(played, seed)
    for timing in timings:
        yield from rhythms(played, timing, width, seed)
    styles = by_style(played, bands, pairs, seed)
    if styles.rows:
        yield styles


def fits(pairs: Mapping[str, Sequence[Pair]]) -> Table:
    """Correlations of the new stems with what they were made for, and with what another song gave."""
    found = {name: verdicts(each) for name, each in pairs.items()}
    p = holm([verdict.p for by in found.values() for verdict in by.values()])
    adjusted, rows = iter(p.tolist()), []
    for name, by in found.items():
        cells: list[Cell] = []
        for verdict in by.values():
            cells += [cell(verdict.own), cell(verdict.swapped), Cell(f"{next(adjusted):.2g}")]
        rows.append(Row(name, tuple(cells)))
    columns = tuple(f"{measure}{what}" for measure in MEASURES for what in (", own", ", another's", ", p"))
    note = "Correlations of the sum of new stems with the sum of given ones; p: sign test by song, adjusted by Holm's rule."
    return Table("Do new stems fit what was given", columns, tuple(rows), note, digits=3, least_n=LEAST_SONGS)


def silences(played: Sequence[Played], seed: int) -> Table:
    """How often new stems are silent, and how often the originals are."""
    names, rows = tuple(played[0].real[0].stems), []
    for one in played:
        for kind, songs in (("new", one.made), ("original", [excerpt.stems for excerpt in one.real])):
            cells = _silent(songs, one.new, seed)
            rows.append(Row(f"{one.name}: {kind}", tuple(cells.get(name, SKIPPED) for name in names)))
    return Table("Silent stems", names, tuple(rows), "Shares of windows under -60 dBFS.", digits=3, least_n=LEAST_SONGS)


def _pairs(one: Played, seed: int) -> list[Pair]:
    contexts = [total(excerpt.stems, one.given) for excerpt in one.real]
    partner = strangers([excerpt.song for excerpt in one.real], np.random.default_rng(seed))
    return [
        Pair(
            excerpt.name, one.real[other].name, seed,
            _fit(contexts[k], total(made, one.new), made.rate), _fit(contexts[other], total(made, one.new), made.rate),
        )
        for k, (excerpt, made, other) in enumerate(zip(one.real, one.made, partner, strict=True))
    ]  # fmt: skip


def _fit(context: Tensor, made: Tensor, rate: int) -> Mapping[str, float]:
    return {name: measure(context, made, rate) for name, measure in MEASURES.items()}


def _silent(songs: Sequence[Stems], names: Sequence[str], seed: int) -> dict[str, Cell]:
    windows = [silence(torch.stack([stems[name] for name in names]), stems.rate) for stems in songs]
    return {name: cell(figure) for name, figure in zip(names, silent_rates(windows, seed)[:-1], strict=True)}
