"""What every measure refuses: nothing, the wrong shape, NaN and infinity."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from stemweave.errors import DataError

Floats = NDArray[np.float64]


def check_audio(audio: Tensor, dimensions: int, what: str) -> None:
    """Raise :class:`DataError` unless ``audio`` has so many ``dimensions``, holds samples, and all are finite."""
    if audio.ndim != dimensions or audio.numel() == 0:
        raise DataError(f"{what} has shape {tuple(audio.shape)}, expected {dimensions} dimensions and at least one sample")
    if not bool(audio.isfinite().all()):
        raise DataError(f"{what} holds NaN or infinite samples: make or export it again")


def check_points(points: Floats, fewest: int, what: str) -> None:
    """Raise :class:`DataError` unless ``points`` is (n, d), finite, and n at least ``fewest``."""
    if points.ndim != 2 or points.shape[1] == 0:
        raise DataError(f"{what} has shape {points.shape}, expected (n, d): one embedding per row")
    if len(points) < fewest:
        raise DataError(f"{what} holds {len(points)} embeddings, expected at least {fewest}: give more or longer clips")
    if not np.isfinite(points).all():
        raise DataError(f"{what} holds NaN or infinite embeddings: find the clip they come from")
