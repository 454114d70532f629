"""Whether two stems belong together: how alike their harmonies and their onsets are over time.

Both are Pearson correlations between features of two sounds of equal length; unrelated songs give about 0. Sounds are
(channels, samples); they are mixed to mono and brought to 22 050 Hz and unit RMS first.
"""

import torch
from torch import Tensor

from stemweave.audio.resample import resample
from stemweave.evaluation.measures.mel import mel_bands

RATE = 22050
CHROMA_SIZE, CHROMA_HOP, LOWEST, HIGHEST, CHROMA_FLOOR = 8192, 4096, 60.0, 2000.0, 1e-3
ONSET_SIZE, ONSET_HOP, BANDS, ONSET_FLOOR = 1024, 512, 24, -60.0


def chroma_correlation(one: Tensor, other: Tensor, rate: int) -> float:
    """Correlation of the two sounds' log chroma over all 12 × frames cells; 0 if one is silent."""
    return _correlation(chroma(one, rate), chroma(other, rate))


def onset_correlation(one: Tensor, other: Tensor, rate: int) -> float:
    """Correlation of the two sounds' onset strengths over frames; 0 if one is silent."""
    return _correlation(onsets(one, rate), onsets(other, rate))


def chroma(audio: Tensor, rate: int) -> Tensor:
    """Log energy between 60 and 2000 Hz by pitch class, A first: (12, frames)."""
    power = _power(_ready(audio, rate), CHROMA_SIZE, CHROMA_HOP)
    frequency = torch.linspace(0, RATE / 2, len(power))
    inside = (frequency >= LOWEST) & (frequency <= HIGHEST)
    classes = (12 * torch.log2(frequency[inside] / 440)).round().long() % 12
    return (power.new_zeros(12, power.shape[1]).index_add_(0, classes, power[inside]) + CHROMA_FLOOR).log()


def onsets(audio: Tensor, rate: int, hop: int = ONSET_HOP) -> Tensor:
    """Rises of the level in 24 mel bands from frame to frame, in dB, summed over bands: (frames - 1,).

    Frames are of 1024 samples every ``hop`` samples at 22 050 Hz.
    """
    power = _power(_ready(audio, rate), ONSET_SIZE, hop)
    mel = mel_bands(len(power), RATE, BANDS, 0.0, RATE / 2) @ power
    floor = 10 ** (ONSET_FLOOR / 10) * mel.max().clamp_min(1e-30)
    return (10 * mel.clamp_min(floor).log10()).diff(dim=1).clamp_min(0).sum(0)


def _ready(audio: Tensor, rate: int) -> Tensor:
    """Mono at 22 050 Hz with unit RMS, padded to hold one frame."""
    mono = resample(audio.float().mean(0, keepdim=True), rate, RATE)[0]
    mono = torch.nn.functional.pad(mono, (0, max(CHROMA_SIZE - len(mono), 0)))
    return mono / mono.square().mean().sqrt().clamp_min(1e-6)


def _power(audio: Tensor, size: int, hop: int) -> Tensor:
    """Power of a Hann-windowed STFT, in which a sine of amplitude a peaks at a² / 4: (bins, frames)."""
    window = torch.hann_window(size)
    spectrum = torch.stft(audio, size, hop, window=window, center=False, return_complex=True)
    return (spectrum.abs() / window.sum()).square()


def standardised(feature: Tensor) -> Tensor:
    """A feature of any shape as a centred float64 vector of norm 1, so that inner products are Pearson correlations.

    Zeros where the feature is constant, as it is for silence.
    """
    centred = feature.double().flatten() - feature.double().mean()
    norm = centred.norm()
    return centred / norm if norm > 1e-6 else torch.zeros_like(centred)


def _correlation(one: Tensor, other: Tensor) -> float:
    return float(standardised(one) @ standardised(other))
