"""Do stems keep time, each and together? IRS, CBS and CBD (2603.01101) of several sets of songs under one beat tracker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from stemweave.errors import DataError
from stemweave.evaluation.measures.beats import Beats, Composer, by_stem, composed
from stemweave.evaluation.measures.rhythm import Clip, Rhythm, rhythm
from stemweave.evaluation.measures.strangers import dealt
from stemweave.evaluation.protocols.cells import SKIPPED, cell, cells
from stemweave.evaluation.protocols.excerpts import Excerpt, one_each
from stemweave.evaluation.reports.tables import LEAST_SONGS, Cell, Row, Table


class Timing(Protocol):
    """Tells the beats of every stem of an excerpt."""

    @property
    def name(self) -> str:
        """As reports print it."""
        ...

    def __call__(self, one: Excerpt) -> Clip:
        """Beats in seconds from the excerpt's start; :class:`DataError` where they cannot be told."""
        ...


@dataclass(frozen=True)
class Tracked:
    """Beats as a tracker hears them."""

    beats: Beats

    @property
    def name(self) -> str:
        """The tracker's."""
        return self.beats.name

    def __call__(self, one: Excerpt) -> Clip:
        """See `Timing`."""
        return by_stem(one.stems, self.beats)


@dataclass(frozen=True)
class Scored:
    """The composer's beats of a song of our band, where the stem has an onset within ± ``width`` / 2 seconds."""

    width: float
    name = "composer"

    def __call__(self, one: Excerpt) -> Clip:
        """See `Timing`."""
        files = [path for paths in one.track.stems.values() for path in paths]
        beats = composed(files[0].parent) - one.start
        inside = beats[(beats >= 0) & (beats < one.stems.seconds)]
        return by_stem(one.stems, Composer(inside, self.width))


def timed(excerpts: Sequence[Excerpt], timing: Timing) -> list[Clip] | None:
    """The beats of one excerpt per song; None where a song's cannot be told."""
    try:
        return [timing(one) for one in one_each(excerpts)]
    except DataError:
        return None


def shuffled(clips: Sequence[Clip] | None, seed: int) -> list[Clip] | None:
    """The same beats as of bands whose stems come from different songs."""
    if clips is None:
        return None
    deal = dealt(range(len(clips)), len(clips[0]), np.random.default_rng(seed))
    sources = dict(zip(clips[0], deal, strict=True))
    return [{name: clips[others[band]][name] for name, others in sources.items()} for band in range(len(clips))]


def tables(
    groups: Mapping[str, Sequence[Clip] | None], stems: Sequence[str], name: str, width: float, seed: int
) -> list[Table]:
    """How steady each stem is, and how far stems agree: a row for each of ``groups``, skipped where it is None.

    ``name`` is that of the beat tracker, ``width`` the grid's in seconds.
    """
    found = {group: rhythm(clips, width, seed) if clips else None for group, clips in groups.items()}
    untold = [group for group, one in found.items() if one is None]
    how = f"Beats: {name}; one excerpt per song." + (f" Not told, hence skipped: {', '.join(untold)}." if untold else "")
    return [_steady(found, stems, name, how), _together(found, len(stems), name, f"{how} Grid: {width:g} s.")]


def _steady(found: Mapping[str, Rhythm | None], stems: Sequence[str], name: str, how: str) -> Table:
    columns = (*stems, "all", "stems with beats")
    rows = tuple(
        Row(group, _intervals(one, columns[:-1]) if one else (SKIPPED,) * len(columns)) for group, one in found.items()
    )
    note = (
        "IRS: standard deviation of the intervals between a stem's beats, in s; lower is steadier. A stem without beats does "
        "not count. Trackers that hold one tempo (pulse, librosa) hide unsteadiness; figures of different ones do not compare. "
        f"{how}"
    )
    return Table(f"Does each stem keep time ({name})", columns, rows, note, digits=3, least_n=LEAST_SONGS)


def _together(found: Mapping[str, Rhythm | None], stems: int, name: str, how: str) -> Table:
    counts = range(2, stems + 1)
    columns = ("CBS", *(f"CBS, {count} stems" for count in counts), "CBD, SD", "CBD, mean", "CBD, median", "no beat near")
    rows = tuple(Row(group, _agreement(one, counts) if one else (SKIPPED,) * len(columns)) for group, one in found.items())
    note = (
        "CBS: share of the stems with beats that have one in the same cell of the grid; higher is better, but silence raises "
        "it: compare at equal numbers of stems with beats. CBD: distance of a stem's beats to another's, in half intervals; "
        f"lower is better; no beat near: share without one inside. {how}"
    )
    return Table(f"Do stems keep time together ({name})", columns, rows, note, digits=3, least_n=LEAST_SONGS)


def _intervals(one: Rhythm, names: Sequence[str]) -> tuple[Cell, ...]:
    clips = sum(one.clips.values())
    bearing = sum(count * number for count, number in one.clips.items()) / clips
    return (*cells(one.irs[name] for name in names), Cell(bearing, n=clips))


def _agreement(one: Rhythm, counts: Sequence[int]) -> tuple[Cell, ...]:
    at = (cell(one.cbs_at[count]) if count in one.cbs_at else SKIPPED for count in counts)
    return (cell(one.cbs), *at, *cells(one.cbd.values()), cell(one.alone))
