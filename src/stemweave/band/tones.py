"""Sounds from formulas: damped partials, frequency modulation, band-limited waves and resonant filters.

Everything here is a pure function of numbers; audio is float32 of shape (samples,) at ``RATE``.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import lfilter

from stemweave.band.score import RATE

Audio = NDArray[np.float32]

CEILING = 16000.0  # Hz, no partial is made above


def hertz(pitch: float) -> float:
    """Frequency in Hz of a MIDI pitch, A4 = 69 = 440 Hz."""
    return float(440.0 * 2.0 ** ((pitch - 69.0) / 12.0))


def fall(samples: int, t60: float) -> Audio:
    """An exponential envelope from 1 that falls by 60 dB in `t60` s, shape (samples,)."""
    return np.exp(np.float32(-6.9078 / (t60 * RATE)) * np.arange(samples, dtype=np.float32))


def damped(frequencies: ArrayLike, rates: ArrayLike, amplitudes: ArrayLike, samples: int) -> Audio:
    """A sum of damped sinusoids: the real part of sum_k a_k exp((-r_k + 2 pi i f_k) t).

    With t = (m B + n) / RATE each term is a product of a factor of m and a factor of n, so the whole sum is one matrix
    product of shapes (samples / B, 2 K) and (2 K, B).

    Args:
        frequencies: (K,) in Hz.
        rates: (K,) of decay in nepers per s (a 60 dB time of T s is 6.908 / T).
        amplitudes: (K,) complex: size and starting phase.
        samples: length of the result.
    """
    exponents = (-np.asarray(rates) + 2j * np.pi * np.asarray(frequencies)) / RATE
    block = int(np.sqrt(samples)) + 1
    rows = np.asarray(amplitudes) * np.exp(np.outer(np.arange(0, samples, block), exponents))
    columns = np.exp(np.outer(exponents, np.arange(block)))
    left = np.concatenate([rows.real, -rows.imag], axis=1).astype(np.float32)
    right = np.concatenate([columns.real, columns.imag]).astype(np.float32)
    return (left @ right).reshape(-1)[:samples]


def cycles(frequency: float, samples: int) -> NDArray[np.float64]:
    """The phase in turns, within [0, 1), of an oscillator at `frequency` Hz, shape (samples,)."""
    return np.arange(samples, dtype=np.float64) * (frequency / RATE) % 1.0


def sine(turns: NDArray[np.float64] | Audio) -> Audio:
    """A sine of a phase in turns."""
    return np.sin(np.float32(2.0 * np.pi) * turns.astype(np.float32))


def saw(turns: NDArray[np.float64], frequency: float) -> Audio:
    """A saw-tooth of a phase in turns, its step rounded by a second-order polynomial (polyBLEP) against aliasing."""
    step = frequency / RATE
    wave = 2.0 * turns - 1.0
    after, before = turns < step, turns > 1.0 - step
    early, late = turns[after] / step, (turns[before] - 1.0) / step
    wave[after] -= 2.0 * early - early**2 - 1.0
    wave[before] -= late**2 + 2.0 * late + 1.0
    return wave.astype(np.float32)


def resonant(x: Audio, cutoff: float, q: float) -> Audio:
    """`x` through a second-order low-pass of `cutoff` Hz and quality `q` (bilinear transform)."""
    w = 2.0 * np.pi * min(cutoff, 0.45 * RATE) / RATE
    alpha, cos = np.sin(w) / (2.0 * q), np.cos(w)
    b = np.array([1.0 - cos, 2.0 * (1.0 - cos), 1.0 - cos]) / (2.0 * (1.0 + alpha))
    a = np.array([1.0, -2.0 * cos / (1.0 + alpha), (1.0 - alpha) / (1.0 + alpha)])
    return np.asarray(lfilter(b.astype(np.float32), a.astype(np.float32), x), dtype=np.float32)


def low(x: Audio, cutoff: float) -> Audio:
    """`x` through a first-order low-pass of `cutoff` Hz."""
    pole = np.float32(np.exp(-2.0 * np.pi * cutoff / RATE))
    return np.asarray(lfilter([1.0 - pole], np.array([1.0, -pole], dtype=np.float32), x), dtype=np.float32)


def high(x: Audio, cutoff: float) -> Audio:
    """`x` less its first-order low-pass of `cutoff` Hz."""
    return x - low(x, cutoff)


def noise(rng: np.random.Generator, samples: int) -> Audio:
    """White noise of unit variance, shape (samples,)."""
    return rng.standard_normal(samples, dtype=np.float32)
