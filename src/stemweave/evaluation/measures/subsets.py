"""What subsets of songs say of a distance between sets: its interval, its limit for many songs, and its floor."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stemweave.errors import DataError
from stemweave.evaluation.checks import Floats, check_points
from stemweave.evaluation.measures.sets import Gaussian, frechet
from stemweave.evaluation.statistics import Figure

FEWEST = 8
"""Songs from which an interval, or a limit, can be told."""
DRAWS = 200
"""Pairs of halves drawn for an interval."""
SHARES = (0.5, 0.6, 0.7, 0.8, 0.9)
"""Of the songs, in the subsets from which a limit is told."""
EACH = 10
"""Subsets drawn for each share."""

Distance = Callable[[Floats, Floats], float]
"""(reference (n, d), candidate (m, d)) → how far apart, or how alike."""


@dataclass(frozen=True, eq=False)
class Songs:
    """Embeddings by song: ``points`` (n, d) and, for each row, the index of its song, ``song`` (n,)."""

    points: Floats
    song: NDArray[np.intp]

    @classmethod
    def of(cls, each: Sequence[Floats]) -> "Songs":
        """From one array (windows, d) per song; raises :class:`DataError` for none, NaN, or dimensions that differ."""
        if len({points.shape[1:] for points in each}) != 1:
            raise DataError(f"embeddings of {len(each)} songs, expected one or more songs of one dimension")
        for number, points in enumerate(each):
            check_points(points, 1, f"song {number}")
        return cls(np.concatenate(each), np.repeat(np.arange(len(each)), [len(points) for points in each]))

    @property
    def count(self) -> int:
        """How many songs."""
        return len(np.unique(self.song))

    def drawn(self, count: int, rng: np.random.Generator) -> "Songs":
        """So many songs without replacement, with all their rows."""
        return self.only(rng.choice(np.unique(self.song), count, replace=False))

    def halves(self, seed: int = 0) -> tuple["Songs", "Songs"]:
        """Two disjoint halves by song: a distance between them is the floor that no model can be expected to beat.

        The floor holds for sets of that size; compare it with distances at equal numbers of songs. Raises
        :class:`DataError` for a single song.
        """
        if self.count < 2:
            raise DataError(f"{self.count} song cannot be halved, expected at least 2: give more songs")
        order = np.random.default_rng(seed).permutation(np.unique(self.song))
        return self.only(order[: len(order) // 2]), self.only(order[len(order) // 2 :])

    def only(self, songs: ArrayLike) -> "Songs":
        """These songs, by index, with all their rows."""
        rows = np.isin(self.song, songs)
        return Songs(self.points[rows], self.song[rows])


def interval(distance: Distance, reference: Songs, candidate: Songs, seed: int = 0, draws: int = DRAWS) -> Figure:
    """``distance`` with a 95 % interval by song, by subsampling without replacement; ``n`` is the candidate's songs.

    Resampling with replacement would repeat songs, which doubles the bias of a Fréchet distance. Instead each of
    ``draws`` takes m of each set's n songs, m = n / 2. Given the data, the mean of m songs out of n has the variance
    (1 - m / n) s² / m, so deviations must be rescaled by √(m / (n - m)) to stand for those of n songs: at m = n / 2 that
    factor is 1 (the delete-half jackknife; an odd n is halved either way, by chance). What halving does to the *bias*
    is taken away by moving the draws' mean onto the value at full size: the interval is for what the distance is on
    average at this number of songs, not for its limit (`frechet_infinity`). Where both sets follow one distribution it
    is too wide rather than too narrow.

    Raises :class:`DataError` for fewer than 8 songs, and what ``distance`` raises.
    """
    _check_count(reference, "reference")
    _check_count(candidate, "candidate")
    rng = np.random.default_rng(seed)
    value = distance(reference.points, candidate.points)
    drawn = np.array([distance(_half(reference, rng), _half(candidate, rng)) for _ in range(draws)])
    low, high = value + np.quantile(drawn, (0.025, 0.975)) - drawn.mean()
    return Figure(float(value), float(low), float(high), candidate.count)


def frechet_infinity(reference: Songs, candidate: Songs, seed: int = 0) -> float:
    """Fréchet distance for endlessly many candidate songs: the intercept of its line over 1 / songs (1911.07023, 2311.01616).

    Subsets of 50 to 90 % of the candidate's songs, ten of each size, are drawn *without* replacement; drawing with it
    repeats songs and tilts the line. The bias of the reference's own size stays; so does a rest of curvature. Raises
    :class:`DataError` for fewer than 8 songs, or no more candidate rows than dimensions, where the bias is not a line.
    """
    _check_count(candidate, "candidate")
    rows, dimensions = candidate.points.shape
    if rows <= dimensions:
        raise DataError(f"{rows} candidate embeddings of {dimensions} dimensions, expected more than {dimensions}: add songs")
    rng, fixed = np.random.default_rng(seed), Gaussian.of(reference.points)
    sizes = np.repeat(np.round(np.array(SHARES) * candidate.count).astype(int), EACH)
    values = [frechet(fixed, Gaussian.of(candidate.drawn(size, rng).points)) for size in sizes]
    return float(np.polyfit(1 / sizes, values, 1)[1])


def _half(songs: Songs, rng: np.random.Generator) -> Floats:
    return songs.drawn((songs.count + int(rng.integers(2))) // 2, rng).points


def _check_count(songs: Songs, which: str) -> None:
    if songs.count < FEWEST:
        raise DataError(f"the {which} set has {songs.count} songs, expected at least {FEWEST}: add songs, not windows")
