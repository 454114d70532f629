"""How well stems were separated: scores of one song, as pure functions. Shapes: (stems, channels, samples).

Two protocols. `active_scores` scores stems only where they sound and at least two do. `msdm_scores` is the protocol of
2302.02257, re-implemented from its description, with its holes: silent references are scored too, so that an output
of zeros there earns 109.5 dB, and an all-zero estimate of a stem 6 dB under the rest "improves" by 6 dB.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from stemweave.errors import MissingExtra

ACTIVE = -60.0
"""dBFS: RMS from which a stem is active in a window."""
SECONDS, HOP, SHORTEST = 4.0, 2.0, 1.0
"""Of a score window, in seconds; the last window of a song is kept from SHORTEST on."""
FLOOR, CEILING = -30.0, 60.0
"""dB: SI-SDR of an estimate is clipped to these."""
NOTHING = -200.0
"""dB that stand for digital silence."""
MISSED = -20.0
"""dB: an active stem whose estimate is this much under its reference is missed."""
GHOST = -40.0
"""dB: an estimate this loud, relative to the mixture, where its stem is silent is a ghost."""

MSDM_RATE, MSDM_CHUNK, MSDM_WINDOW, MSDM_HOP, MSDM_ACTIVE, MSDM_EPS = 22050, 2**18, 88200, 44100, 1.5e-5, 1e-8


@dataclass(frozen=True)
class Levels:
    """One song before anything is left out: (windows, stems), dB, float64.

    ``sdr`` is the estimates' SI-SDR, clipped, ``base`` the mixture's; ``estimate``, ``reference``, ``error`` are RMS in
    dBFS, as is ``mixture``, one per window.
    """

    sdr: Tensor
    base: Tensor
    estimate: Tensor
    reference: Tensor
    error: Tensor
    mixture: Tensor


@dataclass(frozen=True)
class Scores:
    """One song: a row per window, a column per stem, float64; NaN where there is nothing to say.

    ``sdr`` and ``improvement`` (dB): active stems of windows with two or more. ``level`` (dB relative to the reference):
    active stems. ``ghost`` (dB relative to the mixture): silent stems of windows that are not silent. ``error`` (dB
    relative to the reference): a stem that is active alone.
    """

    sdr: Tensor
    improvement: Tensor
    level: Tensor
    ghost: Tensor
    error: Tensor


def active_scores(estimates: Tensor, references: Tensor, rate: int, active: float = ACTIVE) -> Scores:
    """`measure`, then `scores`."""
    return scores(measure(estimates, references, rate), active)


def measure(estimates: Tensor, references: Tensor, rate: int) -> Levels:
    """Look at 4 s windows every 2 s, channels jointly, in float64; the mixture is the sum of the references.

    SI-SDR of estimates is clipped to [-30, 60] dB, and is -30 where the estimate has less than a millionth of its
    reference's energy.
    """
    assert estimates.shape == references.shape, (estimates.shape, references.shape)
    cuts = windows(references.shape[-1], rate)
    rows = [_levels(estimates[..., cut].double().flatten(1), references[..., cut].double().flatten(1)) for cut in cuts]
    empty = torch.empty(0, len(references), dtype=torch.float64)
    columns = [torch.stack(column) for column in zip(*rows, strict=True)] if rows else [empty] * 5 + [empty[:, 0]]
    return Levels(*columns)


def windows(samples: int, rate: int) -> list[slice]:
    """Where `measure` looks: 4 s every 2 s, the last ones shorter, down to 1 s."""
    starts = range(0, samples, round(HOP * rate))
    cuts = [slice(start, min(start + round(SECONDS * rate), samples)) for start in starts]
    return [cut for cut in cuts if cut.stop - cut.start >= SHORTEST * rate]


def _levels(estimate: Tensor, reference: Tensor) -> tuple[Tensor, ...]:
    """One row of `Levels` from (stems, samples)."""
    mixture = reference.sum(0)
    nothing = estimate.square().sum(-1) < 1e-6 * reference.square().sum(-1)
    sdr = torch.where(nothing, FLOOR, si_sdr(estimate, reference).clamp(FLOOR, CEILING))
    base = si_sdr(mixture.expand_as(reference), reference)
    return sdr, base, decibels(estimate), decibels(reference), decibels(estimate - reference), decibels(mixture)


def scores(levels: Levels, threshold: float = ACTIVE) -> Scores:
    """What counts: a stem is active in a window from an RMS of ``threshold`` dBFS."""
    active = levels.reference >= threshold
    several, alone = (active.sum(1, keepdim=True) >= 2), (active.sum(1, keepdim=True) == 1)
    mixture = levels.mixture[:, None]
    return Scores(
        sdr=_only(levels.sdr, active & several),
        improvement=_only(levels.sdr - levels.base, active & several),
        level=_only(levels.estimate - levels.reference, active),
        ghost=_only(levels.estimate - mixture, ~active & (mixture >= threshold)),
        error=_only(levels.error - levels.reference, active & alone),
    )


def si_sdr(estimate: Tensor, reference: Tensor) -> Tensor:
    """Scale-invariant SDR in dB over the last dimension, without removing the mean (1811.02508 eq. 4)."""
    try:
        from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio
    except ImportError as missing:
        raise MissingExtra("scores need torchmetrics: pip install 'stemweave[eval]'") from missing
    return scale_invariant_signal_distortion_ratio(estimate, reference, zero_mean=False)


def msdm_scores(estimates: Tensor, references: Tensor) -> Tensor:
    """SI-SNR improvement in dB by the rules of 2302.02257, (windows, stems); NaN in windows that it skips.

    Shape: (stems, samples), mono at 22 050 Hz. Windows of 4 s every 2 s; a stem is active when its norm divided by
    its length is at least 1.5e-5; windows with at most one active stem are skipped, in all others every stem counts.
    """
    count = max(math.ceil((references.shape[-1] - MSDM_HOP) / MSDM_HOP), 0)
    cuts = [slice(k * MSDM_HOP, k * MSDM_HOP + MSDM_WINDOW) for k in range(count)]
    rows = [_msdm_window(estimates[:, cut].float(), references[:, cut].float()) for cut in cuts]
    return torch.stack(rows) if rows else torch.empty(0, len(references))


def msdm_chunks(samples: int) -> list[slice]:
    """What a separator is given at a time by 2302.02257: 2^18 samples, end to end; the rest of a song is dropped."""
    return [slice(start, start + MSDM_CHUNK) for start in range(0, samples - MSDM_CHUNK + 1, MSDM_CHUNK)]


def _msdm_window(estimate: Tensor, reference: Tensor) -> Tensor:
    active = reference.norm(dim=-1) / reference.shape[-1] >= MSDM_ACTIVE
    mixture = reference.sum(0).expand_as(reference)
    improvement = si_snr(estimate, reference) - si_snr(mixture, reference)
    return improvement if active.sum() > 1 else torch.full_like(improvement, math.nan)


def si_snr(estimate: Tensor, reference: Tensor, eps: float = MSDM_EPS) -> Tensor:
    """SI-SNR in dB as 2302.02257 computes it, with ``eps`` in every ratio; over the last dimension."""
    scale = ((estimate * reference).sum(-1) + eps) / (reference.square().sum(-1) + eps)
    target = scale[..., None] * reference
    return 10 * ((target.square().sum(-1) + eps) / ((target - estimate).square().sum(-1) + eps)).log10()


def null_test(estimates: Tensor, mixture: Tensor) -> float:
    """RMS of what the stems leave of the mixture, in dB relative to the mixture: at most -80 dB for a good separation.

    NaN where the mixture is silent. Shapes: (stems, channels, samples), (channels, samples).
    """
    if not bool(mixture.any()):
        return math.nan
    rest = estimates.double().sum(0) - mixture.double()
    return float(decibels(rest.flatten()) - decibels(mixture.double().flatten()))


def lag(estimates: Tensor, mixture: Tensor, most: int = 2048) -> int:
    """By how many samples the sum of the estimates lags the mixture, at most ``most``: 0 for an aligned separation."""
    one, two = estimates.double().sum((0, 1)), mixture.double().sum(0)
    size = 1 << (len(one) + most).bit_length()
    product = torch.fft.rfft(one, size) * torch.fft.rfft(two, size).conj()
    correlation = torch.fft.irfft(product, size)
    near = torch.cat([correlation[-most:], correlation[: most + 1]])
    return 0 if near[most] == near.max() else int(near.argmax()) - most


def decibels(audio: Tensor) -> Tensor:
    """RMS over the last dimension in dBFS; -200 for digital silence."""
    return 10 * audio.square().mean(-1).clamp_min(10 ** (NOTHING / 10)).log10()


def _only(values: Tensor, where: Tensor) -> Tensor:
    return torch.where(where, values, math.nan)
