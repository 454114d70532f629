"""How a long piece keeps itself: its key, its tempo, and the seams of the windows it was made in. All ours; no paper.

Sounds are (channels, samples). A sound under -60 dBFS tells nothing: NaN.
"""

import numpy as np
from torch import Tensor

from stemweave.errors import UsageError
from stemweave.evaluation.checks import Floats, check_audio
from stemweave.evaluation.measures.beats import LEAD, onset_curve, onset_times
from stemweave.evaluation.measures.coherence import chroma, standardised
from stemweave.evaluation.measures.pulse import FRAMES, autocorrelation
from stemweave.evaluation.measures.pulse import HOP as FINE
from stemweave.evaluation.measures.separation import ACTIVE, decibels

NEAR = 0.05
"""Seconds around a seam that belong to it."""
FIRST, LAST = 0.2, 4.0
"""Seconds: lags at which onsets are compared with themselves."""
STEP, FURTHEST = 0.0025, 1.5
"""Of the logarithm of a ratio of tempi, and the largest ratio, either way, that is looked for."""


def level(audio: Tensor) -> float:
    """RMS in dBFS; -200 for digital silence. Raises :class:`DataError` for nothing or NaN."""
    check_audio(audio, 2, "the block")
    return float(decibels(audio.double().flatten()))


def key_correlation(one: Tensor, other: Tensor, rate: int) -> float:
    """Pearson correlation of both sounds' mean chroma over 12 pitch classes: 1 in one key, less in another."""
    if min(level(one), level(other)) < ACTIVE:
        return float("nan")
    profiles = (standardised(chroma(audio, rate).mean(1)) for audio in (one, other))
    return float(next(profiles) @ next(profiles))


def tempo_ratio(one: Tensor, other: Tensor, rate: int) -> float:
    """The other sound's tempo over the first's, 1 / 1.5 to 1.5: by how much one autocorrelation of onsets must be stretched
    to be most like the other. So no tempo has to be told, nor a metrical level. NaN where fewer than two sounds start.
    """
    if min(level(one), level(other)) < ACTIVE or min(len(onset_times(audio, rate)) for audio in (one, other)) < 2:
        return float("nan")
    first, second = (_stretchable(audio, rate) for audio in (one, other))
    reach = round(np.log(FURTHEST) / STEP)
    alike = [_shifted(first, second, shift) for shift in range(-reach, reach + 1)]
    return float(np.exp((np.argmax(alike) - reach) * STEP))


def seam_ratio(audio: Tensor, rate: int, period: float) -> float:
    """Spectral flux, mean, within ± 0.05 s of each multiple of ``period`` (s) over that elsewhere: 1 where seams are unheard.

    The flux is `coherence.onsets`. Beats that fall on seams raise it as well: see what real songs, or other periods, give.
    NaN where nothing ever starts, or there is no seam. Raises UsageError for a period that leaves nothing between seams.
    """
    if not period > 2 * NEAR:
        raise UsageError(f"a seam every {period:g} s, expected more than {2 * NEAR:g} s: nothing else would be left")
    if level(audio) < ACTIVE:
        return float("nan")
    times, flux = onset_curve(audio, rate)
    inside = times > max(LEAD, NEAR)  # where the sound itself begins is no seam
    times, flux = times[inside], flux[inside]
    nearest = np.round(times / period)
    seam = np.abs(times - nearest * period) <= NEAR
    if not seam.any() or not flux[~seam].sum() > 0:
        return float("nan")
    return float(flux[seam].mean() / flux[~seam].mean())


def _stretchable(audio: Tensor, rate: int) -> Floats:
    """Autocorrelation of onsets over the logarithm of the lag: a change of tempo is a shift."""
    lags = np.exp(np.arange(np.log(FIRST), np.log(min(LAST, audio.shape[-1] / rate / 2)), STEP))
    found = autocorrelation(onset_curve(audio, rate, FINE)[1])
    return np.interp(lags * FRAMES, np.arange(len(found)), found)


def _shifted(first: Floats, second: Floats, faster: int) -> float:
    """Correlation where they overlap, when the second's lags are so many steps shorter."""
    size = min(len(first), len(second))
    overlap = slice(max(faster, 0), size + min(faster, 0)), slice(max(-faster, 0), size + min(-faster, 0))
    return float(np.corrcoef(first[:size][overlap[0]], second[:size][overlap[1]])[0, 1])
