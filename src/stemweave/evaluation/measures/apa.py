"""Accompaniment prompt adherence, APA (2503.06346): whether a set of accompaniments fits its contexts as real ones do.

Three sets of embeddings of a context mixed with a stem: real pairs, real pairs whose stems are shuffled, and candidates.
Near the first and far from the second is 1; the other way round is 0. It speaks of sets, not of single pairs.
"""

from collections.abc import Callable, Sequence

from torch import Tensor

from stemweave.errors import DataError
from stemweave.evaluation.checks import Floats, check_audio, check_points


def apa(
    real_pairs: Floats, shuffled_pairs: Floats, candidate_pairs: Floats, distance: Callable[[Floats, Floats], float]
) -> float:
    """1/2 + (d(Y, X') - d(Y, X)) / (2 max(d(X, X'), |d(Y, X') - d(Y, X)|)): 1 fits like real, 0 like a stranger's stem.

    X real, X' shuffled, Y candidate pairs: float64 (n, d), one embedding per mix. ``distance`` is as `frechet_distance` of
    `sets`; negative values count as 0. Such distances are biased by n, so real and shuffled sets must be of one size, and
    systems are compared at one. Raises :class:`DataError` for sizes or dimensions that differ, fewer than two embeddings,
    NaN, or when shuffling changes nothing, so that there is no scale.
    """
    for points, what in ((real_pairs, "real pairs"), (shuffled_pairs, "shuffled pairs"), (candidate_pairs, "candidates")):
        check_points(points, 2, f"the set of {what}")
    if real_pairs.shape != shuffled_pairs.shape or real_pairs.shape[1] != candidate_pairs.shape[1]:
        shapes = f"{real_pairs.shape}, {shuffled_pairs.shape}, {candidate_pairs.shape}"
        raise DataError(f"real, shuffled and candidate pairs have shapes {shapes}, expected (n, d), (n, d), (m, d)")
    far, near, apart = (
        max(distance(one, other), 0.0)
        for one, other in (
            (candidate_pairs, shuffled_pairs),
            (candidate_pairs, real_pairs),
            (real_pairs, shuffled_pairs),
        )
    )
    scale = max(apart, abs(far - near))
    if not scale > 0:
        raise DataError("shuffled pairs are no farther from real ones than 0, so nothing can be told; shuffle other songs")
    return 0.5 + (far - near) / (2 * scale)


def pairs(contexts: Sequence[Tensor], stems: Sequence[Tensor]) -> list[Tensor]:
    """Each context mixed with its stem, to be embedded: their sum, at the levels they have.

    Shapes: (channels, samples), alike within a pair. Levels are kept because a stem at a wrong level does not fit. Raises
    :class:`DataError` where shapes or numbers differ, or for NaN.
    """
    if len(contexts) != len(stems):
        raise DataError(f"{len(contexts)} contexts and {len(stems)} stems, expected one stem per context")
    for number, (context, stem) in enumerate(zip(contexts, stems, strict=True)):
        check_audio(context, 2, f"context {number}")
        check_audio(stem, 2, f"stem {number}")
        if context.shape != stem.shape:
            shapes = f"{tuple(context.shape)} and {tuple(stem.shape)}"
            raise DataError(f"context and stem {number} have shapes {shapes}, expected the same; cut excerpts of one length")
    return [context + stem for context, stem in zip(contexts, stems, strict=True)]
