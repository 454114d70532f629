"""Separation over a grid of settings: every setting hears the same songs, and is compared with the first on them."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stemweave.data.tracks import Track
from stemweave.evaluation.comparison import LEAST, Comparison, compare, holm, paired
from stemweave.evaluation.protocols.estimators import Estimator
from stemweave.evaluation.protocols.separation import Result, run
from stemweave.evaluation.reports.journal import Journal
from stemweave.evaluation.reports.report import entry
from stemweave.evaluation.reports.tables import Cell, Row, Table
from stemweave.evaluation.statistics import song_means

LEAST_SONGS = 20
"""A table of fewer songs says that they are too few."""

NOTE = (
    "Active-only SI-SDRi, dB, with 95 % intervals by song; the difference is to the first row, on the same songs, and p is "
    "of a sign-flip test, adjusted by Holm's rule over the table; speed in × real time."
)

By = Mapping[str, list[float]]
"""SI-SDRi in dB of every stem, NaN where it never sounds, by song."""


@dataclass(frozen=True)
class Setting:
    """A point of the grid: its name, and what separates there."""

    name: str
    estimator: Estimator


def measure(
    tracks: Sequence[Track], names: Sequence[str], settings: Sequence[Setting], seeds: Sequence[int], journal: Journal
) -> Iterator[str]:
    """Separate every song in every setting, unless the journal has it; gives the key of each piece of work as it is done.

    Song by song, so that a grid which is stopped has whole songs. Raises as `protocol.run` does.
    """
    for track in tracks:
        for setting in settings:
            key = _key(track, setting)
            if key not in journal:
                (results,) = run([track], names, [setting.estimator], seeds, msdm=False)
                journal.add(key, {result.row: _record(result) for result in results})
            yield key


def tables(tracks: Sequence[Track], names: Sequence[str], settings: Sequence[Setting], journal: Journal) -> list[Table]:
    """One table for each way of using the estimates that the settings' estimators give."""
    ways = dict.fromkeys(way for track in tracks for setting in settings for way in journal[_key(track, setting)])
    return [_table(way, tracks, names, settings, journal) for way in ways]


def _key(track: Track, setting: Setting) -> str:
    return f"{setting.name} | {track.id}"


def _record(result: Result) -> dict[str, Any]:
    means = result.means.nanmean(0).tolist()
    return {"si_sdri": [_plain(value) for value in means], "seconds": result.seconds, "took": result.took}


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _table(way: str, tracks: Sequence[Track], names: Sequence[str], settings: Sequence[Setting], journal: Journal) -> Table:
    records = {s.name: {track.id: journal[_key(track, s)][way] for track in tracks} for s in settings}
    scores = {name: {song: _numbers(r["si_sdri"]) for song, r in by.items()} for name, by in records.items()}
    first, *others = scores
    comparisons = dict(zip(others, _compared(scores), strict=True))
    rows = []
    for name, by in records.items():
        speed = sum(r["seconds"] for r in by.values()) / max(sum(r["took"] for r in by.values()), 1e-9)
        figures = [Cell(**entry(figure)) for figure in song_means(list(scores[name].values()))]
        rows.append(Row(name, (*figures, *comparisons.get(name, (SKIPPED, SKIPPED)), Cell(speed))))
    columns = (*names, "mean", f"over {first}", "p", "speed")
    return Table(f"Separation, {way}", columns, tuple(rows), NOTE, least_n=LEAST_SONGS)


def _compared(scores: Mapping[str, By]) -> list[tuple[Cell, Cell]]:
    """Each later setting's difference to the first, in the mean over stems, and its adjusted p."""
    first, *others = ({song: _mean(values) for song, values in by.items()} for by in scores.values())
    if len(first) < LEAST:
        return [(SKIPPED, SKIPPED)] * len(others)
    comparisons: list[Comparison] = [compare(paired(other, first)) for other in others]
    adjusted = holm([comparison.p for comparison in comparisons])
    return [(Cell(**entry(c.difference)), Cell(f"{p:.2g}")) for c, p in zip(comparisons, adjusted, strict=True)]


def _numbers(values: Sequence[float | None]) -> list[float]:
    return [math.nan if value is None else value for value in values]


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return sum(known) / len(known) if known else math.nan


SKIPPED = Cell(None, status="skipped")
