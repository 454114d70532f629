"""Integrated loudness by ITU-R BS.1770-5, at any sample rate."""

import math

import numpy as np
from scipy.signal import sosfilt
from torch import Tensor

from stemweave.errors import DataError
from stemweave.evaluation.checks import Floats, check_audio

BLOCK, STEP = 0.4, 0.1
"""Seconds: length and distance of the blocks that are gated."""
ABSOLUTE, RELATIVE = -70.0, -10.0
"""LUFS and LU: gates."""
OFFSET = -0.691
"""LU: makes a sine of 997 Hz at 0 dBFS in one channel read -3.01 LUFS."""

TABLED = 48000
SHELF = ((1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585))
HIGH_PASS = ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621))
"""The standard's two biquads (tables 1 and 2) at 48 kHz: numerator, denominator."""


def loudness(audio: Tensor, rate: int) -> float:
    """Integrated loudness in LUFS of (channels, samples) at ``rate`` Hz, mono or stereo; -inf where all is gated out.

    Raises :class:`DataError` for NaN, more channels than two, or less than 0.4 s.
    """
    check_audio(audio, 2, "the sound")
    if len(audio) > 2:
        raise DataError(f"the sound has {len(audio)} channels, expected 1 or 2: mix it down first")
    weighted = sosfilt(k_weighting(rate), audio.detach().cpu().double().numpy(), axis=-1)
    powers = _block_powers(np.square(weighted).sum(0), rate)
    return _level(_gated(_gated(powers, ABSOLUTE), _level(_gated(powers, ABSOLUTE)) + RELATIVE))


def k_weighting(rate: int) -> Floats:
    """The two biquads at ``rate`` Hz as second-order sections (2, 6): the same filters as at 48 kHz, bilinearly mapped."""
    return np.array([_moved(*SHELF, rate), _moved(*HIGH_PASS, rate)])


def _moved(numerator: tuple[float, ...], denominator: tuple[float, ...], rate: int) -> Floats:
    """A biquad of 48 kHz as the biquad of ``rate`` with the same response, exactly so at its corner frequency."""
    above, below = _bilinear(np.array(numerator)), _bilinear(np.array(denominator))
    corner = math.sqrt(below[0] / below[2])  # tan(π f / 48000)
    scale = corner / math.tan(math.atan(corner) * TABLED / rate)
    powers = scale ** np.arange(3)
    above, below = _bilinear(above * powers), _bilinear(below * powers)
    return np.concatenate([above, below]) / below[0]


def _bilinear(polynomial: Floats) -> Floats:
    """Coefficients (1, x, x²) after x = (1 - y) / (1 + y), times (1 + y)²: from z⁻¹ to s, and as well from s to z⁻¹."""
    a, b, c = polynomial
    return np.array([a + b + c, 2 * (a - c), a - b + c])


def _block_powers(power: Floats, rate: int) -> Floats:
    """Mean of (samples,) over each whole block: (blocks,)."""
    size = round(BLOCK * rate)
    starts = np.round(np.arange(0, len(power) / rate, STEP) * rate).astype(int)
    starts = starts[starts + size <= len(power)]
    if len(starts) == 0:
        raise DataError(f"the sound has {len(power) / rate:.2f} s, expected at least {BLOCK} s to tell its loudness")
    total = np.concatenate([[0.0], np.cumsum(power)])
    return (total[starts + size] - total[starts]) / size


def _gated(powers: Floats, gate: float) -> Floats:
    """Those blocks that are louder than ``gate`` (LUFS)."""
    return powers[powers > 10 ** ((gate - OFFSET) / 10)]


def _level(powers: Floats) -> float:
    """Loudness of the blocks' mean, LUFS; -inf for none."""
    return OFFSET + 10 * math.log10(powers.mean()) if len(powers) else -math.inf
