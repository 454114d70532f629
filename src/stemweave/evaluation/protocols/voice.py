"""A singing voice made of numbers: glottal pulses with vibrato through a few formants, a melody, rests. Ours.

It is no singer, but has what separators of instruments never heard: gliding harmonics under vowels.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from stemweave.evaluation.checks import Floats

TONIC, SCALE = 196.0, (0, 3, 5, 7, 10, 12, 15)
"""Hz, and semitones above it: a minor pentatonic scale."""
LENGTHS, REST, RESTS = (0.25, 0.5, 0.75, 1.0), 0.5, 0.25
"""Seconds of notes and of a rest, and the share of notes that are followed by one."""
VIBRATO, DEPTH = 5.5, 40.0
"""Hz, and cents to either side."""
OPEN = 0.6
"""Share of each period in which the glottis lets air through."""
ATTACK, RELEASE = 0.03, 0.06
"""Seconds in which a note comes and goes."""

Formants = tuple[tuple[float, float, float], ...]
"""Frequency (Hz), bandwidth (Hz) and level (dB) of each."""

VOWELS: tuple[Formants, ...] = (
    ((650, 80, 0), (1080, 90, -6), (2650, 120, -7), (2900, 130, -8)),
    ((290, 40, 0), (1870, 90, -15), (2800, 100, -18), (3250, 120, -20)),
    ((400, 40, 0), (800, 80, -10), (2600, 100, -12), (2800, 120, -12)),
)
"""As in a tenor's a, i and o."""


@dataclass(frozen=True)
class Note:
    """When it begins and how long it is, in s, its pitch in Hz, and its vowel."""

    start: float
    seconds: float
    hertz: float
    vowel: Formants


def melody(seconds: float, seed: int) -> Iterator[Note]:
    """The notes that begin within so many seconds; more seconds only add notes."""
    rng = np.random.default_rng(seed)
    start, degree = 0.0, len(SCALE) // 2
    while start < seconds:
        degree = int(np.clip(degree + rng.integers(-2, 3), 0, len(SCALE) - 1))
        length, vowel = float(rng.choice(LENGTHS)), VOWELS[rng.integers(len(VOWELS))]
        yield Note(start, length, TONIC * 2 ** (SCALE[degree] / 12), vowel)
        start += length + (REST if rng.random() < RESTS else 0)


def voice(samples: int, rate: int, seed: int) -> Floats:
    """So many samples of a voice at ``rate`` Hz, at no level in particular."""
    whole = np.zeros(samples)
    for note in melody(samples / rate, seed):
        start = round(note.start * rate)
        sound = sung(note, rate)[: samples - start]
        whole[start : start + len(sound)] += sound
    return whole


def sung(note: Note, rate: int) -> Floats:
    """One note at ``rate`` Hz; formants above half of it are left out."""
    time = np.arange(round(note.seconds * rate)) / rate
    hertz = note.hertz * 2 ** (DEPTH / 1200 * np.sin(2 * np.pi * VIBRATO * time))
    opened = np.cumsum(hertz) / rate % 1 / OPEN
    pulses = np.where(opened < 1, 2 * opened - 3 * opened**2, 0)  # the slope of Klatt's glottal flow, p² - p³
    heard = [10 ** (level / 20) * _resonance(pulses, at, width, rate) for at, width, level in note.vowel if at < rate / 2]
    return sum(heard, np.zeros_like(time)) * np.clip(np.minimum(time / ATTACK, (note.seconds - time) / RELEASE), 0, 1)


def _resonance(sound: Floats, frequency: float, width: float, rate: int) -> Floats:
    """Two poles, with a gain of 1 at ``frequency`` and 3 dB less ``width`` / 2 beside it."""
    radius, angle = np.exp(-np.pi * width / rate), 2 * np.pi * frequency / rate
    gain = (1 - radius) * np.sqrt(1 - 2 * radius * np.cos(2 * angle) + radius**2)
    return np.asarray(lfilter([gain], [1, -2 * radius * np.cos(angle), radius**2], sound))
