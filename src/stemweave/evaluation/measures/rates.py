"""How often stems are silent, and how often they are only noise: generated ones against real ones."""

from collections.abc import Sequence

import torch
from torch import Tensor

from stemweave.errors import DataError
from stemweave.evaluation.checks import check_audio
from stemweave.evaluation.measures.mel import magnitudes
from stemweave.evaluation.measures.separation import ACTIVE, decibels, windows
from stemweave.evaluation.statistics import Figure, figures

SIZE, HOP = 2048, 1024
"""Samples of a spectrum and between spectra."""
LOWEST, HIGHEST, ROLL_OFF = 20.0, 16000.0, 0.45
"""Hz, and share of the rate: the audible band ends where the converters' filters begin."""
QUIETEST = 1e-12
"""Power that stands for none, re full scale: -120 dB."""
SHARE = 0.01
"""Of real windows that count as noise, by construction."""


def silence(stems: Tensor, rate: int) -> Tensor:
    """Which windows are silent, RMS under -60 dBFS: (windows, stems), of (stems, channels, samples) at ``rate`` Hz.

    Windows of 4 s every 2 s, the last down to 1 s. Raises :class:`DataError` for NaN, or less than 1 s.
    """
    check_audio(stems, 3, "the song")
    cuts = windows(stems.shape[-1], rate)
    if not cuts:
        raise DataError(f"the song has {stems.shape[-1] / rate:.2f} s, expected at least 1 s")
    return torch.stack([decibels(stems[..., cut].double().flatten(1)) < ACTIVE for cut in cuts])


def flatness(stems: Tensor, rate: int) -> Tensor:
    """Spectral flatness of each window in dB, NaN where it is silent: (windows, stems), float64; see `silence`.

    10 log10 of the geometric over the arithmetic mean of the power between 20 Hz and 16 kHz (or 0.45 × ``rate``): 0 for
    steady white noise, far below for notes.
    """
    silent = silence(stems, rate)
    levels = torch.stack([_flatness(stems[..., cut].double().mean(1), rate) for cut in windows(stems.shape[-1], rate)])
    return torch.where(silent, torch.nan, levels)


def noise_threshold(real: Sequence[Tensor]) -> Tensor:
    """Flatness in dB that 1 % of real windows exceed, for each stem: (stems,), of each song's `flatness`.

    NaN for a stem that is always silent. Raises :class:`DataError` for no songs, or where all stems are.
    """
    levels = torch.cat(list(real)) if real else torch.empty(0, 1)
    if not bool(levels.isfinite().any()):
        raise DataError(f"{len(real)} real songs, expected songs in which something is heard: give others")
    return levels.nanquantile(1 - SHARE, dim=0)


def silent_rates(songs: Sequence[Tensor], seed: int = 0) -> tuple[Figure, ...]:
    """Share of silent windows of each stem, and last their mean, with intervals by song; of each song's `silence`."""
    return figures([song.sum(0).tolist() for song in songs], [[len(song)] * song.shape[1] for song in songs], seed)


def noise_rates(songs: Sequence[Tensor], threshold: Tensor, seed: int = 0) -> tuple[Figure, ...]:
    """Share of heard windows of each stem that are only noise, and last their mean; of each song's `flatness`.

    ``threshold`` is `noise_threshold` of real songs, whose own rate is 1 %; a stem that has none has no rate. Figures as of
    `silent_rates`.
    """
    noisy = [(song > threshold).sum(0).tolist() for song in songs]
    return figures(noisy, [(song + threshold).isfinite().sum(0).tolist() for song in songs], seed)


def _flatness(mono: Tensor, rate: int) -> Tensor:
    """Of (stems, samples): (stems,)."""
    frequency = torch.linspace(0, rate / 2, SIZE // 2 + 1)
    band = (frequency >= LOWEST) & (frequency <= min(HIGHEST, ROLL_OFF * rate))
    spectra = magnitudes(mono, SIZE, HOP, SIZE) / (SIZE / 2)
    power = spectra.square().mean(1)[:, band].clamp_min(QUIETEST)
    return 10 * (power.log().mean(1).exp() / power.mean(1)).log10()
