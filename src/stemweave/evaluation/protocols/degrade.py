"""What happens to sound on its way to a separator: degradations of a mixture, as values, to measure robustness with.

Each is called with (channels, samples), its rate in Hz and a seed, and returns the same shape without delay. `Gain`
and `Detune` change what is asked for as well: their ``undo`` brings estimates back to the references. All raise
:class:`DataError` for NaN or empty sound, and :class:`UsageError` for values that make no sense.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from scipy.signal import oaconvolve
from torch import Tensor

from stemweave.audio.resample import resample
from stemweave.errors import UsageError
from stemweave.evaluation.checks import Floats, check_audio
from stemweave.evaluation.measures.codec import Codec
from stemweave.evaluation.protocols.voice import voice

LOWEST = 20.0
"""Hz: coloured noise is flat below."""
LEAST = 1e-12
"""RMS: what is quieter is not made audible."""


class Degradation(Protocol):
    """A way to harm a mixture."""

    @property
    def name(self) -> str:
        """For the report."""

    def __call__(self, audio: Tensor, rate: int, seed: int, /) -> Tensor:
        """Harm (channels, samples) at ``rate`` Hz."""

    def undo(self, audio: Tensor, rate: int, /) -> Tensor:  # noqa: ARG002
        """Estimates of any shape (…, samples) brought back to the references' level and time, where those were changed."""
        return audio


@dataclass(frozen=True)
class Noise(Degradation):
    """Noise of its own in every channel, at ``level`` dB relative to the sound's RMS, whose power falls as 1/f^``slope``.

    0 is white, 1 pink; the noise of rooms falls by about 5 dB an octave, which is 5/3.
    """

    level: float
    slope: float = 0.0

    def __post_init__(self) -> None:
        _within(self.level, -120, 40, "a noise level in dB")
        _within(self.slope, 0, 4, "a noise slope")

    @property
    def name(self) -> str:
        """For the report."""
        return f"noise 1/f^{self.slope:.3g} at {self.level:g} dB" if self.slope else f"white noise at {self.level:g} dB"

    def __call__(self, audio: Tensor, rate: int, seed: int, /) -> Tensor:
        """Add noise whose RMS is exact over all channels and samples."""
        check_audio(audio, 2, "the mixture")
        return _laid_over(audio, torch.from_numpy(_coloured(audio.shape, rate, self.slope, seed)), self.level)


@dataclass(frozen=True)
class Voice(Degradation):
    """A voice that sings along, the same in every channel, at ``level`` dB relative to the sound's RMS: see `voice`."""

    level: float

    def __post_init__(self) -> None:
        _within(self.level, -120, 40, "a voice's level in dB")

    @property
    def name(self) -> str:
        """For the report."""
        return f"voice at {self.level:g} dB"

    def __call__(self, audio: Tensor, rate: int, seed: int, /) -> Tensor:
        """Add the voice; its RMS, rests included, is exact."""
        check_audio(audio, 2, "the mixture")
        return _laid_over(audio, torch.from_numpy(voice(audio.shape[1], rate, seed)).expand_as(audio), self.level)


@dataclass(frozen=True)
class Gain(Degradation):
    """A gain in ``decibels``; nothing is clipped."""

    decibels: float

    def __post_init__(self) -> None:
        _within(self.decibels, -100, 60, "a gain in dB")

    @property
    def name(self) -> str:
        """For the report."""
        return f"gain {self.decibels:+g} dB"

    def __call__(self, audio: Tensor, rate: int, seed: int, /) -> Tensor:  # noqa: ARG002 (as all degradations)
        """Scale."""
        check_audio(audio, 2, "the mixture")
        return audio * 10 ** (self.decibels / 20)

    def undo(self, audio: Tensor, rate: int, /) -> Tensor:  # noqa: ARG002
        """Scale back."""
        return audio * 10 ** (-self.decibels / 20)


@dataclass(frozen=True)
class Clip(Degradation):
    """Hard clipping at ``level`` dB relative to the sound's own peak, so that loud and quiet songs suffer alike."""

    level: float

    def __post_init__(self) -> None:
        _within(self.level, -60, 0, "a clipping level in dB")

    @property
    def name(self) -> str:
        """For the report."""
        return f"clipping at {self.level:g} dB"

    def __call__(self, audio: Tensor, rate: int, seed: int, /) -> Tensor:  # noqa: ARG002
        """Cut off what is beyond."""
        check_audio(audio, 2, "the mixture")
        most = float(audio.abs().max()) * 10 ** (self.level / 20)
        return audio.clamp(-most, most)


@dataclass(frozen=True)
class Compressed(Degradation):
    """Encoded and decoded by a lossy codec: ``Compressed(Mp3(128))``."""

    codec: Codec

    @property
    def name(self) -> str:
        """For the report."""
        return self.codec.name

    def __call__(self, audio: Tensor, rate: int, seed: int, /) -> Tensor:  # noqa: ARG002
        """There and back, aligned to the sample."""
        return self.codec(audio, rate).audio


@dataclass(frozen=True)
class Reverb(Degradation):
    """Reverberation that falls by 60 dB in ``rt60`` seconds; ``wet`` (0 to 1) is its share, the dry sound has the rest.

    Each channel is convolved with exponentially decaying noise of its own, of unit energy, that ends after ``rt60``.
    """

    rt60: float
    wet: float

    def __post_init__(self) -> None:
        _within(self.rt60, 0.05, 20, "a reverberation time in s")
        _within(self.wet, 0, 1, "a wet share")

    @property
    def name(self) -> str:
        """For the report."""
        return f"reverb {self.rt60:g} s, {100 * self.wet:g} % wet"

    def __call__(self, audio: Tensor, rate: int, seed: int, /) -> Tensor:
        """Let it ring, up to the end of the sound."""
        check_audio(audio, 2, "the mixture")
        dry = audio.double().numpy()
        ringing = oaconvolve(dry, self._responses(len(audio), rate, seed), axes=-1)[:, : dry.shape[1]]
        return torch.from_numpy((1 - self.wet) * dry + self.wet * ringing).to(audio.dtype)

    def _responses(self, channels: int, rate: int, seed: int) -> Floats:
        length = round(self.rt60 * rate)
        decay = 10 ** (-3 * np.arange(length) / length)
        noise = np.random.default_rng(seed).standard_normal((channels, length)) * decay
        return noise / np.linalg.norm(noise, axis=1, keepdims=True)


@dataclass(frozen=True)
class Detune(Degradation):
    """Everything ``cents`` higher, and faster by as much, as on a tape; the end is cut, or padded with zeros."""

    cents: float

    def __post_init__(self) -> None:
        _within(self.cents, -1200, 1200, "a detuning in cents")

    @property
    def name(self) -> str:
        """For the report."""
        return f"detuned {self.cents:+g} cents"

    def __call__(self, audio: Tensor, rate: int, seed: int, /) -> Tensor:  # noqa: ARG002
        """Resample, to within 0.1 cents from 8 kHz on."""
        check_audio(audio, 2, "the mixture")
        return resample(audio, self._played(rate), rate, audio.shape[-1]).to(audio.dtype)

    def undo(self, audio: Tensor, rate: int, /) -> Tensor:
        """Resample back; where the end was cut, zeros remain."""
        return resample(audio, rate, self._played(rate), audio.shape[-1]).to(audio.dtype)

    def _played(self, rate: int) -> int:
        return round(rate * 2 ** (self.cents / 1200))


def _laid_over(audio: Tensor, other: Tensor, level: float) -> Tensor:
    """The sum, with ``other`` at ``level`` dB relative to the RMS of ``audio``; silence stays silent."""
    wanted = audio.double().square().mean().sqrt() * 10 ** (level / 20)
    return (audio.double() + other * wanted / other.square().mean().sqrt().clamp_min(LEAST)).to(audio.dtype)


def _coloured(shape: tuple[int, ...], rate: int, slope: float, seed: int) -> Floats:
    """Gaussian noise, its power falling as 1/f^``slope`` from 20 Hz on."""
    samples = shape[-1]
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(shape))
    frequency = np.maximum(np.fft.rfftfreq(samples, 1 / rate), LOWEST)
    return np.fft.irfft(spectrum * (frequency / LOWEST) ** (-slope / 2), samples)


def _within(value: float, low: float, high: float, what: str) -> None:
    if not low <= value <= high:
        raise UsageError(f"{value:g} is no good as {what}, expected {low:g} to {high:g}")
