"""Whether stems keep time and keep it together: IRS, CBS and CBD of 2603.01101, from beat times in seconds per stem.

All three reward silence: a stem without beats is left out of them. So they stand beside the number of stems that had
beats, CBS is compared at equal numbers, and another beat tracker means other values.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from stemweave.errors import DataError, UsageError
from stemweave.evaluation.checks import Floats
from stemweave.evaluation.statistics import Figure, song_means

Clip = Mapping[str, Floats]
"""Each stem's beat times in seconds, ascending; empty for a stem without beats."""


@dataclass(frozen=True)
class Rhythm:
    """The three metrics over clips; intervals by clip, NaN where no clip had enough beats.

    ``irs`` in seconds (lower is steadier) by stem, and under "all" the mean of the stems. ``cbs``, a share (higher is
    better), at grid width ``width`` in seconds, and ``cbs_at`` by the number of stems that had beats; ``clips`` counts the
    clips by that number, those with fewer than two among them. ``cbd`` (lower is better) is the "std", "mean" and "median"
    of errors in half intervals, and ``alone`` the share of beats that no beat of the other stem comes near.
    """

    width: float
    irs: Mapping[str, Figure]
    cbs: Figure
    cbs_at: Mapping[int, Figure]
    clips: Mapping[int, int]
    cbd: Mapping[str, Figure]
    alone: Figure


def rhythm(clips: Sequence[Clip], width: float, seed: int = 0) -> Rhythm:
    """IRS, CBS and CBD of clips; ``seed`` is the bootstrap's.

    Each is computed per clip and averaged over the clips that have it. The paper's code has two widths, 0.07 s and
    0.15 s, so none is assumed here. Raises :class:`DataError` for no clips, stems that differ between clips, or beats that
    are not finite and ascending from 0 on; UsageError for a width that is not positive.
    """
    _check(clips)
    names = list(clips[0])
    steady = song_means([[interval_std(clip[name]) for name in names] for clip in clips], seed)
    together = [shared_windows(list(clip.values()), width) for clip in clips]
    bearing = [sum(len(beats) > 0 for beats in clip.values()) for clip in clips]
    columns = song_means([_spread(deviations(list(clip.values()))) for clip in clips], seed)
    return Rhythm(
        width,
        irs=dict(zip([*names, "all"], steady, strict=True)),
        cbs=_mean(together, seed),
        cbs_at={count: _mean(_only(together, bearing, count), seed) for count in sorted(set(bearing)) if count > 1},
        clips=dict(sorted(Counter(bearing).items())),
        cbd=dict(zip(("std", "mean", "median"), columns[:3], strict=True)),
        alone=columns[3],
    )


def interval_std(beats: Floats) -> float:
    """IRS of one stem: standard deviation (of the population) of its inter-beat intervals, s; NaN for fewer than 2 beats."""
    return float(np.diff(beats).std()) if len(beats) > 1 else float("nan")


def shared_windows(stems: Sequence[Floats], width: float) -> float:
    """CBS of one clip: over the windows in which any stem has a beat, the mean share of the stems that have one there.

    Windows are ``width`` seconds wide and start at 0, so a beat just across a grid line is missed. Stems without any beat
    do not count; NaN where fewer than two do. With two the least possible is 0.5, with k it is 1 / k. Raises UsageError for
    a width that is not positive.
    """
    if not width > 0:
        raise UsageError(f"a grid of width {width} s cannot hold beats; give a width above 0, as 0.07 or 0.15")
    windows = [np.unique(np.floor(beats / width)) for beats in stems if len(beats)]
    if len(windows) < 2:
        return float("nan")
    held = sum(len(each) for each in windows)
    return held / len(windows) / len(np.unique(np.concatenate(windows)))


def deviations(stems: Sequence[Floats]) -> Floats:
    """CBD's errors in one clip, before they are condensed: for every ordered pair of stems with beats, the first's beats.

    Each is the distance from a beat to the other stem's nearest beat, in halves of the interval on that side (at the ends
    of a stem, of the only one there is): 0 to 1, and NaN where the nearest beat is farther than that half. A stem with a
    single beat has no interval and asks for nothing.
    """
    bearing = [beats for beats in stems if len(beats)]
    return np.concatenate([np.empty(0), *(_errors(one, other) for one, other in permutations(bearing, 2))])


def _errors(beats: Floats, other: Floats) -> Floats:
    if len(beats) < 2:
        return np.empty(0)
    nearest = np.abs(other - beats[:, None]).argmin(1)
    offset, intervals = other[nearest] - beats, np.diff(beats)
    before, after = np.append(intervals[0], intervals), np.append(intervals, intervals[-1])
    error = np.abs(offset) / (np.where(offset < 0, before, after) / 2)
    return np.where(error <= 1, error, np.nan)


def _spread(errors: Floats) -> Floats:
    """Standard deviation, mean, median, and the share that has no value: (4,)."""
    near = errors[np.isfinite(errors)]
    alone = 1 - len(near) / len(errors) if len(errors) else np.nan
    return np.array([near.std(), near.mean(), np.median(near), alone] if len(near) else [np.nan] * 3 + [alone])


def _only(values: Sequence[float], bearing: Sequence[int], count: int) -> list[float]:
    return [value for value, stems in zip(values, bearing, strict=True) if stems == count]


def _mean(values: Sequence[float], seed: int) -> Figure:
    return song_means(np.array(values)[:, None], seed)[0]


def _check(clips: Sequence[Clip]) -> None:
    if not clips:
        raise DataError("no clips, expected the beats of at least one")
    for number, clip in enumerate(clips):
        if set(clip) != set(clips[0]):
            raise DataError(f"clip {number} has stems {', '.join(clip)}, the first {', '.join(clips[0])}; give all the same")
        for name, beats in clip.items():
            if beats.ndim != 1 or not np.isfinite(beats).all() or (np.diff(beats, prepend=-1e-9) <= 0).any():
                raise DataError(f"clip {number}: the beats of {name} are not finite and ascending from 0 s on; give them so")
