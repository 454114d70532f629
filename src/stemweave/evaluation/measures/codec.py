"""What a codec keeps of a sound, at which rate, and whether its latents add up as sounds do.

Sounds are (channels, samples). Encoders are any functions from a sound to a tensor.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from stemweave.audio.mels import SCALES, MelDistance, Scale
from stemweave.errors import DataError
from stemweave.evaluation.checks import check_audio
from stemweave.evaluation.measures.separation import si_sdr

Encoder = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Coded:
    """What came back from a codec, and its actual rate in kbit/s."""

    audio: Tensor
    kbits: float


class Codec(Protocol):
    """Encodes and decodes (channels, samples) at a rate in Hz; the result has the same shape and no delay."""

    @property
    def name(self) -> str:
        """For the report."""

    def __call__(self, audio: Tensor, rate: int, /) -> Coded:
        """There and back."""


@dataclass(frozen=True)
class Fidelity:
    """Of one sound: SI-SDR in dB over all channels jointly, `mel_distance`, and the rate in kbit/s."""

    si_sdr: float
    mel: float
    kbits: float


def fidelity(codec: Codec, audio: Tensor, rate: int) -> Fidelity:
    """Send a sound through a codec and compare. Raises :class:`DataError` for NaN or a result of another shape."""
    check_audio(audio, 2, "the sound")
    coded = codec(audio, rate)
    distance = mel_distance(coded.audio, audio, rate)
    return Fidelity(float(si_sdr(coded.audio.double().flatten(), audio.double().flatten())), distance, coded.kbits)


def mel_distance(one: Tensor, other: Tensor, rate: int, scales: Sequence[Scale] = SCALES) -> float:
    """`MelDistance` of two sounds. Raises :class:`DataError` for NaN or unequal shapes."""
    check_audio(one, 2, "one sound")
    check_audio(other, 2, "the other sound")
    if one.shape != other.shape:
        raise DataError(f"the sounds have shapes {tuple(one.shape)} and {tuple(other.shape)}; cut them alike")
    return float(MelDistance(rate, scales=scales)(one[None].float(), other[None].float()))


def additivity_error(encode: Encoder, one: Tensor, other: Tensor) -> float:
    """‖E(a + b) - E(a) - E(b)‖ / ‖E(a + b)‖: 0 if latents of a mixture are the sum of its stems' latents."""
    whole = encode(one + other)
    return _relative(whole - encode(one) - encode(other), whole)


def latent_kbits(latents: Tensor, bits: float, seconds: float) -> float:
    """Rate in kbit/s of all ``latents`` of ``seconds``, at ``bits`` each (log2 of a codebook's size for its indices)."""
    return kilobits(latents.numel() * bits, seconds)


def file_kbits(size: int, seconds: float) -> float:
    """Rate in kbit/s of a file of ``size`` bytes, headers included, that holds ``seconds``."""
    return kilobits(size * 8, seconds)


def kilobits(bits: float, seconds: float) -> float:
    """``bits`` over ``seconds`` in kbit/s. Raises :class:`DataError` where there is no time."""
    if not seconds > 0:
        raise DataError(f"{seconds:g} s of sound have no rate, expected more than 0 s")
    return bits / seconds / 1000


def _relative(error: Tensor, whole: Tensor) -> float:
    size = float(whole.double().norm())
    if not size > 0:
        raise DataError("the encoder gives zeros or NaN for this sound; give one that it does not silence")
    return float(error.double().norm()) / size
