"""The headline by parts of the songs: by style, by minute, by how many sources sound. From scores that are there already."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from stemweave.evaluation.measures.separation import HOP
from stemweave.evaluation.protocols.cells import cell
from stemweave.evaluation.protocols.separation import Result
from stemweave.evaluation.reports.tables import LEAST_SONGS, Cell, Row, Table
from stemweave.evaluation.statistics import song_means

Part = int | str

NOTE = "Mean over the stems that sound in the part, over the songs that have it; intervals: 95 %, by song."


@dataclass(frozen=True)
class Division:
    """A way to divide songs into parts: what it is called, and the part of every row of a result's scores."""

    name: str
    parts: Callable[[Result], Sequence[Part]]


def _style(result: Result) -> list[Part]:
    return [result.text or "unknown"] * len(result.scores.sdr)


def _minute(result: Result) -> list[Part]:
    """Rows are windows from the song's beginning, as often as there are seeds."""
    windows = len(result.scores.sdr) // len(result.means)
    return [1 + int(HOP * (row % windows) // 60) for row in range(len(result.scores.sdr))]


def _sources(result: Result) -> list[Part]:
    counts: list[Part] = (~result.scores.level.isnan()).sum(1).tolist()
    return counts


STYLE = Division("style", _style)
MINUTE = Division("minute of the song in which the window starts", _minute)
SOURCES = Division("number of sources that sound in the window", _sources)


def table(division: Division, rows: Mapping[str, Sequence[Result]], seed: int = 0) -> Table:
    """Active-only SI-SDRi in dB, a column per part of which any was measured; ``rows`` as `summary.findings` takes them."""
    found = {row: [_by_part(division, result) for result in results] for row, results in rows.items()}
    parts = sorted({part for songs in found.values() for song in songs for part in song})
    nothing = [math.nan] * next(iter(rows.values()))[0].scores.improvement.shape[1]

    def over(songs: Sequence[Mapping[Part, Sequence[float]]], part: Part) -> Cell:
        return cell(song_means([song.get(part, nothing) for song in songs], seed)[-1])

    lines = tuple(Row(row, tuple(over(songs, part) for part in parts)) for row, songs in found.items())
    return Table(f"Active-only SI-SDRi, dB, by {division.name}", tuple(map(str, parts)), lines, NOTE, least_n=LEAST_SONGS)


def _by_part(division: Division, result: Result) -> dict[Part, list[float]]:
    """The song's mean for every stem, in each part where anything was measured."""
    improvement = result.scores.improvement
    parts, chosen = division.parts(result), dict[Part, list[int]]()
    for window in improvement.isfinite().any(1).nonzero().flatten().tolist():
        chosen.setdefault(parts[window], []).append(window)
    return {part: improvement[windows].nanmean(0).tolist() for part, windows in chosen.items()}
