"""BSSEval v4 through museval, and the plain SDR of a whole song. Shapes: (stems, channels, samples).

museval says nothing of a frame in which any reference *or estimate* is exactly zero, so that muting quiet estimates
changes which frames count: its medians are worth nothing without the share of frames that are NaN.
"""

from dataclasses import dataclass
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stemweave.errors import DataError, MissingExtra
from stemweave.evaluation.checks import check_audio
from stemweave.evaluation.measures.separation import ACTIVE, decibels

EPS = 1e-8


@dataclass(frozen=True)
class Frames:
    """One song: a row per frame of 1 s, a column per stem, dB, float64; NaN where museval says nothing."""

    sdr: Tensor
    isr: Tensor
    sir: Tensor
    sar: Tensor

    @property
    def missing(self) -> Tensor:
        """Which frames say nothing of any stem: (frames,)."""
        return self.sdr.isnan().all(1)

    @property
    def medians(self) -> dict[str, Tensor]:
        """Over frames, by measure: one value per stem; NaN for a stem of which no frame says anything."""
        return {name: _median(table) for name, table in vars(self).items()}


def bss_eval(estimates: Tensor, references: Tensor, rate: int) -> Frames:
    """BSSEval v4 (1804.06267) of one song at ``rate`` Hz: frames of 1 s end to end, one set of 512-tap filters per song.

    Stems whose reference is zero throughout are absent and left out. An estimate of zeros of any other stem leaves no
    frame, as museval has it. Raises :class:`DataError` for NaN, unequal shapes or less than 1 s, :class:`MissingExtra`
    without museval.
    """
    _check(estimates, references)
    frames = references.shape[-1] // rate
    if frames < 1:
        raise DataError(f"the song has {references.shape[-1]} samples at {rate} Hz, expected at least one frame of 1 s")
    values = np.full((4, len(references), frames), np.nan)
    present = ~_zero(references)
    if present.any() and not _zero(estimates[present]).any():
        inputs = (audio[present].double().mT.numpy() for audio in (references, estimates))
        values[:, present.numpy()] = museval_metrics().bss_eval(*inputs, window=rate, hop=rate)[:4]
    return Frames(*torch.from_numpy(values).mT)


def global_sdr(estimates: Tensor, references: Tensor, eps: float = EPS) -> Tensor:
    """10 log10((Σr² + ε) / (Σ(r - e)² + ε)) in dB over a whole song, per stem: (stems,), float64.

    NaN for absent stems (RMS under -60 dBFS), of which it would say nonsense: `song_means` leaves them out and counts
    the rest. Not invariant to gain. Raises :class:`DataError` for NaN or unequal shapes.
    """
    _check(estimates, references)
    reference, estimate = references.double().flatten(1), estimates.double().flatten(1)
    ratio = (reference.square().sum(1) + eps) / ((reference - estimate).square().sum(1) + eps)
    return torch.where(decibels(reference) >= ACTIVE, 10 * ratio.log10(), torch.nan)


def museval_metrics() -> Any:
    """museval's metrics without the rest of it, which cannot be imported where ffmpeg is not installed.

    Raises :class:`MissingExtra` without museval.
    """
    package = find_spec("museval")
    found = PathFinder.find_spec("metrics", package.submodule_search_locations) if package else None
    if found is None or found.loader is None:
        raise MissingExtra("BSSEval needs museval: pip install 'stemweave[bsseval]'")
    module = module_from_spec(found)
    found.loader.exec_module(module)
    return module


def _check(estimates: Tensor, references: Tensor) -> None:
    check_audio(references, 3, "the references")
    check_audio(estimates, 3, "the estimates")
    if estimates.shape != references.shape:
        raise DataError(f"estimates have shape {tuple(estimates.shape)}, references {tuple(references.shape)}; cut them alike")


def _zero(audio: Tensor) -> Tensor:
    """Which stems museval takes for silent: those whose channels always cancel."""
    return (audio.double().sum(1) == 0).all(1)


def _median(table: Tensor) -> Tensor:
    """Of each column, without NaN; the mean of the middle two where they are even in number."""
    columns = [column[~np.isnan(column)] for column in table.T.numpy()]
    return torch.tensor([np.median(column) if len(column) else np.nan for column in columns], dtype=torch.float64)
