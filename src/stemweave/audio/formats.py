"""What each file format can hold, and how samples become its integers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stemweave.errors import FormatError

_ANY_RATE = range(1, 768_001)
_MPEG_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)


@dataclass(frozen=True)
class Encoding:
    """One way to write sound: a container, how it stores samples, and its limits.

    ``bits`` is the integer word length in bits, or 0 where samples are handed over as float. ``unbounded`` says
    that samples beyond ±1 (0 dBFS) survive; everything else needs them scaled down first.
    """

    name: str
    suffix: str
    container: str
    subtype: str
    bits: int
    rates: Sequence[int]  # Hz
    channels: int  # at most
    unbounded: bool = False

    def check(self, rate: int, channels: int) -> None:
        """Raise FormatError when this format cannot hold ``rate`` (Hz) or the number of ``channels``."""
        if rate not in self.rates:
            raise FormatError(
                f"{self.name} cannot hold {rate} Hz (it holds {_span(self.rates)} Hz): choose another format or rate"
            )
        if channels > self.channels:
            raise FormatError(f"{self.name} cannot hold {channels} channels (at most {self.channels}): choose another format")

    def quantise(self, frames: NDArray[np.float32]) -> NDArray[np.generic]:
        """Round (frames, channels) in ±1 to this format's integers, to the nearest step and without dither."""
        if self.bits == 0:
            return frames
        scale = 2.0 ** (self.bits - 1)
        steps = np.clip(np.rint(frames.astype(np.float64) * scale), -scale, scale - 1)
        if self.bits == 16:
            return steps.astype(np.int16)
        return steps.astype(np.int32) << (32 - self.bits)


def _span(rates: Sequence[int]) -> str:
    if isinstance(rates, range):
        return f"{rates.start} to {rates.stop - 1}"
    return ", ".join(str(rate) for rate in rates)


WAV32 = Encoding("WAV", ".wav", "WAV", "FLOAT", 0, _ANY_RATE, 1024, unbounded=True)
WAV24 = Encoding("24-bit WAV", ".wav", "WAV", "PCM_24", 24, _ANY_RATE, 1024)
WAV16 = Encoding("16-bit WAV", ".wav", "WAV", "PCM_16", 16, _ANY_RATE, 1024)
FLAC24 = Encoding("FLAC", ".flac", "FLAC", "PCM_24", 24, range(1, 655_351), 8)
FLAC16 = Encoding("16-bit FLAC", ".flac", "FLAC", "PCM_16", 16, range(1, 655_351), 8)
OGG = Encoding("Ogg Vorbis", ".ogg", "OGG", "VORBIS", 0, range(8000, 192_001), 8)
MP3 = Encoding("MP3", ".mp3", "MP3", "MPEG_LAYER_III", 0, _MPEG_RATES, 2)
AIFF32 = Encoding("AIFF", ".aiff", "AIFF", "FLOAT", 0, _ANY_RATE, 1024, unbounded=True)
AIFF24 = Encoding("24-bit AIFF", ".aiff", "AIFF", "PCM_24", 24, _ANY_RATE, 1024)
AIFF16 = Encoding("16-bit AIFF", ".aiff", "AIFF", "PCM_16", 16, _ANY_RATE, 1024)

ENCODINGS = (WAV32, WAV24, WAV16, FLAC24, FLAC16, OGG, MP3, AIFF32, AIFF24, AIFF16)
SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc")  # what a folder is searched for
