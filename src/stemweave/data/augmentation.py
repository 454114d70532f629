"""Augmentation: crops whose sounds are changed at random, so that the few instruments of a corpus stand for many."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from stemweave.audio.resample import resample
from stemweave.errors import DataError

OCTAVES = 8
"""Below half the sample rate, at whose ends an equaliser's gains are drawn; beneath them the lowest one holds."""

STEPS = 1000
"""How finely a speed is drawn: in thousandths."""

FARTHEST = 6.0
"""Semitones that no crop is moved beyond."""

Audio = NDArray[np.float32]


@dataclass(frozen=True)
class Augmentation:
    """How the sounds of a crop are changed; nothing is where deviations are 0.

    Args:
        share: of the crops that are changed; the others are as they were recorded.
        equaliser_db: standard deviation of gains at every octave, dB; each stem has an equaliser of its own.
        semitones: standard deviation of the pitch, by playing all stems faster or slower, so that they stay together.
    """

    share: float = 1.0
    equaliser_db: float = 0.0
    semitones: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise DataError(f"augmentation: share is {self.share}, expected 0 to 1")
        for name in ("equaliser_db", "semitones"):
            if (size := getattr(self, name)) < 0:
                raise DataError(f"augmentation: {name} is {size}, expected 0 or more")

    def drawn(self, rng: np.random.Generator) -> "Augmentation":
        """What is done to a crop: this, or nothing."""
        return self if self.share == 1 or rng.random() < self.share else Augmentation()

    def speed(self, rng: np.random.Generator) -> float:
        """How much faster a crop is played: it is taken from so many times its length."""
        if self.semitones == 0:
            return 1.0
        moved = np.clip(rng.normal(0.0, self.semitones), -FARTHEST, FARTHEST)
        return round(float(STEPS * 2 ** (moved / 12))) / STEPS

    def coloured(self, audio: Audio, rng: np.random.Generator) -> Audio:
        """Each stem through an equaliser, without delay. Shape: (stems, channels, samples) → the same."""
        if self.equaliser_db == 0:
            return audio
        octaves = np.log2(np.maximum(np.linspace(0.0, 1.0, audio.shape[-1] // 2 + 1), 0.5**OCTAVES))
        knots = np.arange(-OCTAVES, 1)
        decibels = rng.normal(0.0, self.equaliser_db, (len(audio), len(knots)))
        gains = np.stack([10 ** (np.interp(octaves, knots, each) / 20) for each in decibels])
        spectra = np.fft.rfft(audio) * gains[:, None].astype(np.float32)
        return np.fft.irfft(spectra, audio.shape[-1]).astype(np.float32)


def played(audio: Audio, speed: float, length: int) -> Audio:
    """Sound played so many times faster, ``length`` samples of it. Shape: (..., samples) → (..., length)."""
    return resample(torch.from_numpy(audio), round(STEPS * speed), STEPS, length).numpy()
