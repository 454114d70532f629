"""Which kind of sound is a sound, told by examples and not by a trained classifier (ours; no paper)."""

from collections.abc import Mapping

import numpy as np
from scipy.spatial.distance import cdist

from stemweave.errors import DataError
from stemweave.evaluation.checks import Floats, check_points

NEIGHBOURS = 5
"""Examples of each kind that a sound is compared with."""


def nearest(points: Floats, kinds: Mapping[str, Floats], neighbours: int = NEIGHBOURS) -> list[str]:
    """The kind of each point (n, d): that whose ``neighbours`` nearest examples (m, d) are nearest to it on average.

    Distances are Euclidean, each dimension in units of its standard deviation over all examples, so that loud dimensions do
    not decide alone; kinds may have different numbers of examples. Of two kinds as near the first is taken. Raises
    :class:`DataError` for fewer than two kinds, a kind of fewer examples, NaN, or dimensions that differ.
    """
    if len(kinds) < 2:
        raise DataError(f"{len(kinds)} kinds of sound, expected at least two to choose from")
    for name, examples in kinds.items():
        check_points(examples, neighbours, f"the kind {name!r}")
    check_points(points, 1, "the set of sounds")
    widths = {points.shape[1], *(examples.shape[1] for examples in kinds.values())}
    if len(widths) > 1:
        raise DataError(f"sounds and kinds have {sorted(widths)} dimensions, expected one number: embed all in one way")
    spread = np.concatenate(list(kinds.values())).std(0)
    scale = np.where(spread > 0, spread, 1.0)
    away = [
        np.partition(cdist(points / scale, examples / scale), neighbours - 1, axis=1)[:, :neighbours].mean(1)
        for examples in kinds.values()
    ]
    names = list(kinds)
    return [names[place] for place in np.argmin(away, axis=0)]
