"""Tables of a grid: each setting's figures, its difference to the first setting, and the same by groups of songs."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from statistics import fmean
from typing import Any

from stemweave.data.tracks import Track
from stemweave.evaluation.comparison import LEAST, compare, holm
from stemweave.evaluation.protocols.cells import SKIPPED, cell, cells
from stemweave.evaluation.protocols.pieces import Piece, Setting
from stemweave.evaluation.reports.journal import Journal
from stemweave.evaluation.reports.tables import LEAST_SONGS, Cell, Row, Table
from stemweave.evaluation.statistics import song_means

NOTE = (
    "Active-only SI-SDRi, dB, with 95 % intervals by song; the difference is to the first row, over the songs and stems that "
    "both have, and p is of a sign-flip test, adjusted by Holm's rule over the table; speed in × real time. Where a walk "
    "diverges its estimate counts as silence."
)
SEEDS_NOTE = " SD between seeds: in dB, of the mean over stems; mean over songs."
GROUP_NOTE = "Active-only SI-SDRi, dB, mean over stems, with 95 % intervals by song."
UNKNOWN = "unknown"
"""The group of songs that do not say theirs."""

Group = Callable[[Track], str]
"""A song's group; empty where it does not say."""

Songs = Mapping[str, Mapping[str, Any]]
"""What was measured in one setting and way, by song: see `pieces.measure`."""

Records = Mapping[str, Songs]
"""The same, by setting."""


def style(track: Track) -> str:
    """What the song says of its style, or genre."""
    return track.text


def tables(
    settings: Sequence[Setting], work: Sequence[Piece], names: Sequence[str], journal: Journal, groups: Mapping[str, Group]
) -> list[Table]:
    """One table for each way of using the estimates, then one for each kind of group and way."""
    known = dict.fromkeys(way for piece in work for way in journal[piece.key])
    ways = {way: _records(way, settings, work, journal) for way in known}
    by_group = [_grouped(way, kind, group, work, records) for kind, group in groups.items() for way, records in ways.items()]
    return [_table(way, names, records) for way, records in ways.items()] + by_group


def _records(way: str, settings: Sequence[Setting], work: Sequence[Piece], journal: Journal) -> Records:
    return {s.name: {piece.track.id: journal[piece.key][way] for piece in work if piece.setting is s} for s in settings}


def _table(way: str, names: Sequence[str], records: Records) -> Table:
    first, comparisons = next(iter(records)), _compared(records)
    several = any("seed_std" in record for by in records.values() for record in by.values())
    rows = []
    for name, by in records.items():
        figures = cells(song_means([_numbers(record) for record in by.values()]))
        spread = [_between_seeds(by.values())] if several else []
        rows.append(Row(name, (*figures, *comparisons.get(name, (SKIPPED, SKIPPED)), *spread, Cell(_speed(by.values())))))
    columns = (*names, "mean", f"over {first}", "p", *(["SD between seeds"] if several else []), "speed")
    return Table(f"Separation, {way}", columns, tuple(rows), NOTE + SEEDS_NOTE * several, least_n=LEAST_SONGS)


def _grouped(way: str, kind: str, group: Group, work: Sequence[Piece], records: Records) -> Table:
    of = {piece.track.id: group(piece.track) or UNKNOWN for piece in work}
    columns = sorted(set(of.values()), key=lambda name: (name == UNKNOWN, name))
    rows = []
    for name, by in records.items():
        means = _means(by)
        inside = [[mean for song, mean in means.items() if of[song] == column] for column in columns]
        rows.append(Row(name, tuple(map(_mean_over_songs, inside))))
    return Table(f"Separation, {way}, by {kind}", tuple(columns), tuple(rows), GROUP_NOTE, least_n=LEAST_SONGS)


def _compared(records: Records) -> dict[str, tuple[Cell, Cell]]:
    """Each later setting's difference to the first, and its adjusted p; settings with fewer than `LEAST` songs are missing."""
    first, *others = records
    differences = {name: _differences(records[name], records[first]) for name in others}
    found = {name: compare(values) for name, values in differences.items() if len(values) >= LEAST}
    adjusted = holm([comparison.p for comparison in found.values()])
    told = [(cell(one.difference), Cell(f"{p:.2g}")) for one, p in zip(found.values(), adjusted, strict=True)]
    return dict(zip(found, told, strict=True))


def _differences(by: Songs, base: Songs) -> list[float]:
    """By song, the mean over the stems that have a value in both; songs without one are left out."""
    pairs = [zip(by[song]["si_sdri"], base[song]["si_sdri"], strict=True) for song in by if song in base]
    stems = [[one - other for one, other in pair if one is not None and other is not None] for pair in pairs]
    return [fmean(values) for values in stems if values]


def _means(by: Songs) -> dict[str, float]:
    """The mean over stems of each song that has any."""
    known = {song: [value for value in record["si_sdri"] if value is not None] for song, record in by.items()}
    return {song: fmean(values) for song, values in known.items() if values}


def _mean_over_songs(values: Sequence[float]) -> Cell:
    return cell(song_means([[value] for value in values])[0]) if values else SKIPPED


def _between_seeds(records: Collection[Mapping[str, Any]]) -> Cell:
    """Of songs that have it: records of earlier versions do not."""
    stds = [record["seed_std"] for record in records if record.get("seed_std") is not None]
    return Cell(fmean(stds), n=len(stds)) if stds else SKIPPED


def _speed(records: Collection[Mapping[str, Any]]) -> float:
    seconds, took = (sum(record[name] for record in records) for name in ("seconds", "took"))
    return seconds / max(took, 1e-9)


def _numbers(record: Mapping[str, Any]) -> list[float]:
    return [math.nan if value is None else value for value in record["si_sdri"]]
