"""Opus, MP3 and Vorbis through libsndfile, in memory: the codecs that a learned one is compared with.

What comes back is shifted by the codec's own delay, found by cross-correlation, and has the sound's shape and rate.
"""

import io
from dataclasses import dataclass

import numpy as np
import soundfile
import torch
from torch import Tensor
from torch.nn.functional import pad

from stemweave.audio.files import BLOCK
from stemweave.audio.formats import MP3, OGG, Encoding
from stemweave.audio.resample import resample
from stemweave.errors import DataError, UsageError
from stemweave.evaluation.checks import check_audio
from stemweave.evaluation.measures.codec import Coded, file_kbits
from stemweave.evaluation.measures.separation import lag

OPUS = Encoding("Opus", ".opus", "OGG", "OPUS", 0, (8000, 12000, 16000, 24000, 48000), 8)


@dataclass(frozen=True)
class Opus:
    """Opus at about ``kbits`` kbit/s, 6 to 256 for each channel; rates it does not know go through the next higher one."""

    kbits: float

    @property
    def name(self) -> str:
        """For the report."""
        return f"Opus {self.kbits:g} kbit/s"

    def __call__(self, audio: Tensor, rate: int, /) -> Coded:
        """There and back. Raises :class:`UsageError` for a rate out of range, :class:`DataError` for NaN."""
        check_audio(audio, 2, "the sound")
        channels = len(audio)
        return _coded(audio, rate, OPUS, _level(self.kbits, 6 * channels, 256 * channels, self.name), None)


@dataclass(frozen=True)
class Mp3:
    """MP3 at a constant ``kbits`` kbit/s, or the nearest the format has: 32 to 320 from 32 kHz on, below 8 to 160 (64)."""

    kbits: float

    @property
    def name(self) -> str:
        """For the report."""
        return f"MP3 {self.kbits:g} kbit/s"

    def __call__(self, audio: Tensor, rate: int, /) -> Coded:
        """There and back. Raises :class:`UsageError` for a bit rate out of range, :class:`DataError` for NaN."""
        check_audio(audio, 2, "the sound")
        within = _native(rate, MP3)
        low, high = (32, 320) if within >= 32000 else (8, 160) if within >= 16000 else (8, 64)
        level = _level(self.kbits, low, high, self.name)
        rounded_down = level - 0.5 / (high - low)  # LAME is given whole kbit/s, and refuses level 1
        return _coded(audio, rate, MP3, min(max(rounded_down, 0), 0.999), "CONSTANT")


@dataclass(frozen=True)
class Vorbis:
    """Ogg Vorbis of a ``quality`` from 0 to 1, whose rate follows the sound."""

    quality: float

    @property
    def name(self) -> str:
        """For the report."""
        return f"Vorbis quality {self.quality:g}"

    def __call__(self, audio: Tensor, rate: int, /) -> Coded:
        """There and back. Raises :class:`UsageError` for a quality out of range, :class:`DataError` for NaN."""
        check_audio(audio, 2, "the sound")
        return _coded(audio, rate, OGG, _level(self.quality, 0, 1, self.name), None)


def aligned(decoded: Tensor, original: Tensor) -> Tensor:
    """Take a delay of up to 2048 samples back, to the original's length: (channels, samples).

    Raises :class:`DataError` if the two still do not match best where they are.
    """
    late, length = _lag(decoded, original), original.shape[-1]
    shifted = pad(decoded, (-late, length - decoded.shape[-1] + late))
    if left := _lag(shifted, original):
        raise DataError(f"what was decoded could not be aligned: it lags by {late} and then {left} samples")
    return shifted


def _lag(decoded: Tensor, original: Tensor) -> int:
    """By the loudest channel, since channels may cancel."""
    loudest = int(original.square().sum(1).argmax())
    return lag(decoded[None, [loudest]], original[[loudest]])


def _coded(audio: Tensor, rate: int, encoding: Encoding, level: float, mode: str | None) -> Coded:
    within = _native(rate, encoding)
    encoding.check(within, len(audio))
    sent = resample(audio, rate, within)
    buffer = _encoded(sent, within, encoding, level, mode)
    kbits = file_kbits(buffer.getbuffer().nbytes, audio.shape[-1] / rate)
    frames, _ = soundfile.read(buffer, dtype="float32", always_2d=True)
    back = aligned(torch.from_numpy(frames.T.copy()), sent)
    return Coded(resample(back, within, rate, audio.shape[-1]), kbits)


def _encoded(audio: Tensor, rate: int, encoding: Encoding, level: float, mode: str | None) -> io.BytesIO:
    """``level`` is libsndfile's compression level, 0 to 1 from best to smallest, ``mode`` its bit rate mode."""
    buffer = io.BytesIO()
    form = {"format": encoding.container, "subtype": encoding.subtype}
    with soundfile.SoundFile(buffer, "w", rate, len(audio), compression_level=level, bitrate_mode=mode, **form) as file:
        for block in audio.T.split(BLOCK):
            file.write(np.ascontiguousarray(block.cpu().numpy(), np.float32))
    buffer.seek(0)
    return buffer


def _native(rate: int, encoding: Encoding) -> int:
    """The rate (Hz) itself where the encoding has it, else the next higher, or the highest."""
    return rate if rate in encoding.rates else min((r for r in encoding.rates if r > rate), default=max(encoding.rates))


def _level(value: float, low: float, high: float, name: str) -> float:
    """libsndfile's compression level for a value between the smallest and the best."""
    if not low <= value <= high:
        raise UsageError(f"{name} cannot be had for this sound, expected {low:g} to {high:g}")
    return (high - value) / (high - low)
