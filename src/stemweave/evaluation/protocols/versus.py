"""Is one separation better than another? Two reports of the same songs, stem by stem."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from stemweave.errors import DataError
from stemweave.evaluation.checks import Floats
from stemweave.evaluation.comparison import LEAST, Comparison, compare, holm, paired
from stemweave.evaluation.protocols.cells import SKIPPED, cell, cells
from stemweave.evaluation.reports.report import Report
from stemweave.evaluation.reports.tables import LEAST_SONGS, Cell, Row, Table
from stemweave.evaluation.statistics import Figure, song_means

NOTE = (
    "On the same songs; intervals: 95 %, by song. p: sign-flip test, adjusted by Holm's rule over the stems, the mean's alone. "
    "Better or worse: where the interval leaves out 0 and p is at most 0.05."
)


@dataclass(frozen=True)
class Scored:
    """The row ``row`` of the report ``name``: SI-SDRi in dB of all stems by song, NaN where a stem never sounds beside another.

    ``data`` is what the report says of its songs, ``sha256`` the hash of their sound.
    """

    name: str
    row: str
    stems: tuple[str, ...]
    data: Mapping[str, Any]
    sha256: str
    values: Mapping[str, Floats]

    def of(self, stem: int) -> dict[str, float]:
        """A stem's values by song."""
        return {song: float(values[stem]) for song, values in self.values.items()}


def scored(name: str, report: Report, row: str) -> Scored:
    """A row of the report that is called ``name``.

    Raises :class:`DataError` for a report of another kind, one without such a row, and one that is damaged.
    """
    if (kind := report.get("report")) != "separation":
        raise DataError(f"{name} is a report of kind {kind!r}, expected what `evaluate separation --json` writes")
    try:
        rows, stems, data = report["rows"], tuple(report["stems"]), report["data"]
        if row not in rows:
            raise DataError(f"{name} has no row {row!r}: give one of {', '.join(rows)}, or measure again with --rows")
        by_song = rows[row]["si_sdri_by_song"]
        values = np.array(list(by_song.values()), float)
        if values.shape != (len(by_song), len(stems)):
            raise ValueError(f"values of shape {values.shape} for {len(by_song)} songs and {len(stems)} stems")
        return Scored(name, row, stems, data, data["sha256"], dict(zip(by_song, values, strict=True)))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{name} is damaged or laid out otherwise: {error!r}; measure again") from error


def table(first: Scored, second: Scored) -> Table:
    """Both, and second minus first, for every stem and the mean of all.

    A stem that sounds in fewer than `LEAST` songs has no verdict. Raises :class:`DataError` for different songs or stems,
    and for fewer than `LEAST` songs.
    """
    if first.sha256 != second.sha256 or first.stems != second.stems:
        told = " and ".join(f"{one.name} ({len(one.values)} songs, {', '.join(one.stems)})" for one in (first, second))
        raise DataError(f"{told} are on different songs or stems: measure both on the same --data, --split and --songs")
    differences = [paired(second.of(k), first.of(k)) for k in range(len(first.stems))]
    verdicts = [compare(values) if len(values) >= LEAST else None for values in differences]
    adjusted = iter(holm([verdict.p for verdict in verdicts if verdict]))
    mean = compare(_shares(np.stack([second.values[song] - first.values[song] for song in first.values])))
    p = [*(next(adjusted) if verdict else None for verdict in verdicts), mean.p]
    figures = [song_means(list(one.values.values())) for one in (first, second)]
    rows = zip((*first.stems, "mean"), *figures, (*verdicts, mean), p, strict=True)
    columns = (first.name, second.name, f"{second.name} over {first.name}", "p", f"{second.name} is")
    title = f"Active-only SI-SDRi, {first.row}, dB"
    return Table(title, columns, tuple(_row(*row) for row in rows), NOTE, least_n=LEAST_SONGS)


def _row(stem: str, first: Figure, second: Figure, verdict: Comparison | None, p: float | None) -> Row:
    levels = cells((first, second))
    if verdict is None or p is None:
        return Row(stem, (*levels, SKIPPED, SKIPPED, SKIPPED))
    word = "better" if verdict.better else "worse" if verdict.worse else "undecided"
    return Row(stem, (*levels, cell(verdict.difference), Cell(f"{p:.2g}"), Cell(word if p <= 0.05 else "undecided")))


def _shares(differences: Floats) -> Floats:
    """What each song adds to the mean over stems of means over songs: (songs,), whose mean is that.

    Shape: (songs, stems). The plain mean of a song's stems where all sound in all songs; songs in which none does are
    left out.
    """
    known = np.isfinite(differences)
    differences, known = differences[known.any(1)], known[known.any(1)]
    counts = known.sum(0)
    shares = np.divide(np.nan_to_num(differences), counts, out=np.zeros_like(differences), where=counts > 0)
    shared: Floats = shares.sum(1) * len(differences) / max(int((counts > 0).sum()), 1)
    return shared
