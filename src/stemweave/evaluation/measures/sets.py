"""How far two sets of embeddings are apart, and how well one covers the other. Sets are float64 (n, d)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist, pdist

from stemweave.errors import DataError
from stemweave.evaluation.checks import Floats, check_points

CELLS = 1 << 22
"""Of a matrix of all pairs, how many are in memory at once."""
MOST = 2000
"""Embeddings from which a kernel's width is taken: two million pairs."""
NEIGHBOURS = 5
"""Which nearest neighbour bounds an embedding's ball (2002.09797)."""


@dataclass(frozen=True, eq=False)
class Gaussian:
    """What the Fréchet distance knows of a set: its mean (d,) and a root (k, d) of its covariance, rootᵀ·root."""

    mean: Floats
    root: Floats

    @classmethod
    def of(cls, points: Floats) -> "Gaussian":
        """The moments of (n, d), the covariance unbiased; n < d will do, and is quick.

        Raises :class:`DataError` for fewer than two, or NaN.
        """
        check_points(points, 2, "a set")
        mean = points.mean(0)
        root = (points - mean) / np.sqrt(len(points) - 1)
        return cls(mean, root if len(points) <= points.shape[1] else np.asarray(np.linalg.qr(root).R))


def frechet(one: Gaussian, other: Gaussian) -> float:
    """Squared Fréchet (2-Wasserstein) distance of two Gaussians (1706.08500 eq. 6, 1812.08466); symmetric, never negative.

    The trace of the root of the covariances' product is the sum of the singular values of the product of their roots:
    no complex numbers and no regularisation, whatever the ranks. Raises :class:`DataError` where dimensions differ.
    """
    _check_alike(len(one.mean), len(other.mean))
    overlap = np.linalg.svd(one.root @ other.root.T, compute_uv=False).sum()
    apart = np.square(one.mean - other.mean).sum()
    return max(0.0, float(apart + np.square(one.root).sum() + np.square(other.root).sum() - 2 * overlap))


def frechet_distance(reference: Floats, candidate: Floats) -> float:
    """`frechet` of two sets. It is biased: two samples of one distribution are about c / n apart (1911.07023)."""
    return frechet(Gaussian.of(reference), Gaussian.of(candidate))


def kernel_width(reference: Floats, seed: int = 0, most: int = MOST) -> float:
    """Median distance between two of the *reference* set: every candidate then meets the same kernel (2502.15602).

    Of more than ``most`` embeddings, ``most`` are drawn by ``seed``. Raises :class:`DataError` for fewer than two, NaN,
    or a median of zero.
    """
    check_points(reference, 2, "the reference set")
    if len(reference) > most:
        reference = reference[np.random.default_rng(seed).choice(len(reference), most, replace=False)]
    width = float(np.median(pdist(reference)))
    if width == 0:
        raise DataError("most embeddings of the reference set are the same, expected different ones: is it silent?")
    return width


def kad(reference: Floats, candidate: Floats, width: float) -> float:
    """Kernel audio distance (2502.15602): 100 × the unbiased squared MMD with the kernel exp(-‖x - y‖² / (2 width²)).

    About 0 for two samples of one distribution, hence negative at times; more where a song gives several rows, which are
    alike, so compare with the floor (`subsets.Songs.halves`). ``width`` is `kernel_width` of the reference.
    Raises :class:`DataError` for a width that is not positive, fewer than two embeddings, NaN, or dimensions that differ.
    """
    _check_pair(reference, candidate, 2)
    if not width > 0:
        raise DataError(f"the kernel's width is {width}, expected more than 0: take kernel_width of the reference set")
    within = sum((_kernel_sum(p, p, width) - len(p)) / (len(p) * (len(p) - 1)) for p in (reference, candidate))
    across = _kernel_sum(reference, candidate, width) / (len(reference) * len(candidate))
    return 100 * (within - 2 * across)


def density(reference: Floats, candidate: Floats, neighbours: int = NEIGHBOURS) -> float:
    """How densely the candidates lie where the references do: 1 for equal sets, beyond 1 for crowding (2002.09797).

    Each reference has a ball that ends at its ``neighbours``-th nearest reference; counted are the balls that each
    candidate is in, over ``neighbours``. Raises :class:`DataError` for too few references, NaN, or dimensions that differ.
    """
    return float(_visitors(reference, candidate, neighbours).sum()) / (neighbours * len(candidate))


def coverage(reference: Floats, candidate: Floats, neighbours: int = NEIGHBOURS) -> float:
    """Share of the references, see `density`, in whose ball a candidate lies: 1 for equal sets, low for missing modes.

    Two samples of equal size of one distribution reach about 1 - 2^-neighbours. Raises as `density` does.
    """
    return float((_visitors(reference, candidate, neighbours) > 0).mean())


def blocks(rows: int, columns: int) -> Iterator[slice]:
    """Cut ``rows`` so that each part times ``columns`` is at most `CELLS`, or one row."""
    step = max(1, CELLS // max(columns, 1))
    return (slice(start, start + step) for start in range(0, rows, step))


def _visitors(reference: Floats, candidate: Floats, neighbours: int) -> Floats:
    """How many candidates lie inside each reference's ball, its surface left out: (n,)."""
    _check_pair(reference, candidate, 1)
    check_points(reference, neighbours + 1, "the reference set")
    counts = np.empty(len(reference))
    for cut in blocks(len(reference), max(len(reference), len(candidate))):
        # the nearest of all is the reference itself
        radius = np.partition(cdist(reference[cut], reference), neighbours, axis=1)[:, neighbours]
        counts[cut] = (cdist(reference[cut], candidate) < radius[:, None]).sum(1)
    return counts


def _kernel_sum(one: Floats, other: Floats, width: float) -> float:
    """Sum of the kernel over all pairs."""
    norms = np.square(other).sum(1)
    total = 0.0
    for cut in blocks(len(one), len(other)):
        squares = np.square(one[cut]).sum(1)[:, None] + norms - 2 * one[cut] @ other.T
        total += float(np.exp(-np.maximum(squares, 0) / (2 * width**2)).sum())
    return total


def _check_pair(reference: Floats, candidate: Floats, fewest: int) -> None:
    check_points(reference, fewest, "the reference set")
    check_points(candidate, fewest, "the candidate set")
    _check_alike(reference.shape[1], candidate.shape[1])


def _check_alike(one: int, other: int) -> None:
    if one != other:
        raise DataError(f"the sets have {one} and {other} dimensions, expected the same: embed both in one way")
