"""Levels: each stem near its usual loudness, one gain for the song, whole numbers whose sum is the mixture."""

import numpy as np
from numpy.typing import NDArray

from stemweave.band.tones import Audio

TARGETS = {"bass": -21.0, "drums": -20.0, "guitar": -23.0, "piano": -23.0}  # dBFS, RMS while the stem sounds
SPREAD = 3.0  # dB, standard deviation around the targets
HEADROOM = (0.5, 6.0)  # dB that the loudest of mixture and stems stays under full scale
CREST = 3.0  # dBFS, no stem peaks above before the song's gain, so that one hit does not hush the others
SILENCE = -60.0  # dBFS
FULL = 32768.0


def db(rms: float) -> float:
    """A linear level in dB, -200 for nothing."""
    return float(20.0 * np.log10(max(rms, 1e-10)))


def windows(x: NDArray[np.floating], size: int) -> NDArray[np.float64]:
    """The RMS of each window of `size` samples, shape (ceil(samples / size),)."""
    padded = np.pad(x, (0, -x.size % size)).reshape(-1, size)
    return np.sqrt(np.mean(padded**2, axis=1, dtype=np.float64))


def active(x: Audio, rate: int) -> float:
    """The RMS over the 0.1 s windows within 40 dB of the loudest one."""
    levels = windows(x, max(rate // 10, 1))
    return float(np.sqrt(np.mean(levels[levels >= 0.01 * levels.max()] ** 2)))


def levelled(x: Audio, rate: int, target: float) -> Audio:
    """`x` at `target` dBFS while it sounds, or lower where its peak would pass `CREST` dBFS."""
    gain = 10.0 ** (target / 20.0) / max(active(x, rate), 1e-9)
    ceiling = 10.0 ** (CREST / 20.0) / max(float(np.abs(x).max()), 1e-9)
    return x * np.float32(min(gain, ceiling))


def quantised(stems: NDArray[np.float32], headroom: float) -> tuple[NDArray[np.int16], float]:
    """Stems as int16 under one gain, and that gain.

    Args:
        stems: (stems, samples), any scale.
        headroom: dB that the loudest peak, of the mixture or of a stem, stays under full scale.

    Returns:
        (stems, samples) of int16 whose sum over stems is within int16 too, and the gain.
    """
    peak = max(float(np.abs(stems.sum(axis=0)).max()), float(np.abs(stems).max()))
    gain = (FULL - 1.0) * 10.0 ** (-headroom / 20.0) / peak if peak > 0.0 else 1.0
    whole = np.rint(stems * np.float32(gain)).astype(np.int16)
    assert np.abs(whole.sum(axis=0, dtype=np.int32)).max(initial=0) < FULL, "the mixture would clip"
    return whole, gain / FULL


def silent_share(x: NDArray[np.int16], rate: int) -> float:
    """The share of 1 s windows under -60 dBFS."""
    return float(np.mean(windows(x / FULL, rate) < 10.0 ** (SILENCE / 20.0)))
