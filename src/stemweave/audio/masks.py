"""Ratio masks: a narrow model's estimates decide, in time and frequency, how the song itself is shared out.

The song keeps its rate, its channels and its phase, and the shares sum to the song. Soft masks of this kind are the
generalised Wiener filter (Liutkus and Badeau, ICASSP 2015).
"""

import math

import torch
from torch import Tensor

from stemweave.audio.resample import resample

_WINDOW_SECONDS = 0.09  # shortest analysis window; the transform is the next power of two
_TRUSTED = (0.8, 0.9)  # of the model's Nyquist: above, its converter's slope; the masks above the band fade in here
_TOP_WEIGHT = 8  # how strongly the masks above the band follow the model's own top frequencies
_SMOOTHING = 5  # frames over which the masks above the band are averaged
_NOTHING = 1e-30  # added to every source's power: equal shares where no source has any


def share_out(song: Tensor, rate: int, estimates: Tensor, model_rate: int, power: float = 1.5) -> Tensor:
    """Divide ``song`` among the sources in the ratio of the model's ``estimates``.

    Shape: song (channels, samples) at ``rate`` Hz; estimates (sources, channels or 1, samples) at ``model_rate`` Hz, of
    the same duration; result (sources, channels, samples) at ``rate``, float32. The sources sum to the song to float32
    accuracy, whatever the estimates hold. ``power`` is the exponent p of |S_n|^p / sum_m |S_m|^p: 2 gives Wiener
    masks, 1 magnitude ratios; between them lies the best for estimates of 6 to 10 dB. A residual is one more source.
    """
    aligned = resample(estimates, model_rate, rate, song.shape[-1])
    transform = _transform_size(rate)
    top = model_rate / 2 if model_rate < rate else math.inf
    masks = ratio_masks(_stft(aligned, transform), power, rate, top)
    spectrum = _stft(song, transform)
    shares = torch.empty(len(estimates), *song.shape, device=song.device)
    for source, mask in enumerate(masks):
        shares[source] = _istft(spectrum * mask, transform, song.shape[-1])
    return shares


def ratio_masks(spectra: Tensor, power: float, rate: int, top: float) -> Tensor:
    """Masks (sources, channels, bins, frames) in 0..1 that sum to one over sources, from complex ``spectra`` alike.

    Bins lie evenly from 0 to ``rate`` / 2 Hz. Above ``top`` Hz, the model's band, there is one mask per frame: the
    ratio of the sources' energies, weighted towards the top of the band and averaged over neighbouring frames.
    """
    energy = spectra.abs().pow(power) + _NOTHING
    masks = energy / energy.sum(0)
    frequency = torch.linspace(0, rate / 2, spectra.shape[-2], device=spectra.device)
    low, high = (share * top for share in _TRUSTED)
    if high >= rate / 2:
        return masks
    above = ((frequency - low) / (high - low)).clamp(0, 1)[:, None]
    weight = torch.where(frequency < high, (frequency / high) ** _TOP_WEIGHT, 0.0)[:, None]
    frame = _smooth((energy * weight).sum(-2, keepdim=True)) + _NOTHING
    return masks * (1 - above) + frame / frame.sum(0) * above


def _smooth(frames: Tensor) -> Tensor:
    """Average (..., frames) over neighbours."""
    flat = frames.reshape(-1, 1, frames.shape[-1])
    return torch.nn.functional.avg_pool1d(flat, _SMOOTHING, stride=1, padding=_SMOOTHING // 2, count_include_pad=False).reshape(
        frames.shape
    )


def _transform_size(rate: int) -> int:
    return 1 << (int(rate * _WINDOW_SECONDS) - 1).bit_length()


def _stft(audio: Tensor, transform: int) -> Tensor:
    flat = audio.reshape(-1, audio.shape[-1])
    spectrum = torch.stft(
        flat, transform, transform // 4, window=_window(transform, flat), pad_mode="constant", return_complex=True
    )
    return spectrum.reshape(*audio.shape[:-1], *spectrum.shape[-2:])


def _istft(spectrum: Tensor, transform: int, length: int) -> Tensor:
    return torch.istft(spectrum, transform, transform // 4, window=_window(transform, spectrum), length=length)


def _window(transform: int, like: Tensor) -> Tensor:
    return torch.hann_window(transform, device=like.device, dtype=like.real.dtype)
