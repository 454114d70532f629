"""Two embeddings that need no weights: statistics of a log-mel spectrogram, and its picture."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from stemweave.evaluation.checks import Floats
from stemweave.evaluation.measures.mel import magnitudes, mel_bands

RATE, SIZE, FRAMES, BANDS = 22050, 1024, 50, 64
"""Hz; samples of a spectrum; spectra per second; mel bands from 0 to 11 025 Hz."""
STEP = RATE // FRAMES
CELLS = 10
"""Cells per second of a picture."""


@dataclass(frozen=True)
class LogMelStatistics:
    """Mean and standard deviation over time of 64 mel bands in dB, then of their differences in time: 256 numbers.

    Windows of ``seconds`` every ``hop`` seconds; bands below ``floor`` (dB re full scale) count as that.
    """

    seconds: float = 4.0
    hop: float = 2.0
    floor: float = -80.0
    name: str = field(default="log-mel statistics", init=False)
    rate: int = field(default=RATE, init=False)
    dimension: int = field(default=4 * BANDS, init=False)

    @property
    def window(self) -> int:
        """Samples that a window takes."""
        return round(self.seconds * FRAMES) * STEP

    def settings(self) -> Mapping[str, Any]:
        """All that decides the points."""
        return {**asdict(self), "size": SIZE, "frames": FRAMES, "bands": BANDS}

    def __call__(self, mono: Tensor) -> Floats:
        """Points (windows, 256) of (samples,) at 22 050 Hz."""
        level = _decibels(_mel_power(mono), 10 ** (self.floor / 10))
        windows = level.unfold(0, round(self.seconds * FRAMES), round(self.hop * FRAMES))  # (windows, bands, frames)
        moves = windows.diff(dim=-1)
        parts = [windows.mean(-1), windows.std(-1, correction=0), moves.mean(-1), moves.std(-1, correction=0)]
        return torch.cat(parts, 1).double().cpu().numpy()


@dataclass(frozen=True)
class LogMelPicture:
    """A window's log-mel spectrogram itself, 64 bands × 10 cells per second, in dB around its mean: blind to level.

    Windows of ``seconds`` every ``hop`` seconds; cells more than ``span`` dB under the loudest count as that, so
    that a little noise does not hide a copy. The cosine of two pictures is their correlation; a silent window is all zeros.
    """

    seconds: float = 4.0
    hop: float = 1.0
    span: float = 40.0
    name: str = field(default="log-mel picture", init=False)
    rate: int = field(default=RATE, init=False)

    @property
    def window(self) -> int:
        """Samples that a window takes."""
        return round(self.seconds * FRAMES) * STEP

    @property
    def dimension(self) -> int:
        """Of a point: 2560 for 4 s."""
        return BANDS * round(self.seconds * CELLS)

    def settings(self) -> Mapping[str, Any]:
        """All that decides the points."""
        return {**asdict(self), "size": SIZE, "frames": FRAMES, "bands": BANDS, "cells": CELLS}

    def __call__(self, mono: Tensor) -> Floats:
        """Points (windows, dimension) of (samples,) at 22 050 Hz."""
        power = _mel_power(mono)
        each = FRAMES // CELLS
        cells = power[: len(power) // each * each].unflatten(0, (-1, each)).mean(1)
        windows = cells.unfold(0, round(self.seconds * CELLS), round(self.hop * CELLS)).flatten(1)
        loudest = windows.amax(1, keepdim=True)
        level = _decibels(windows, loudest * 10 ** (-self.span / 10))
        return (level - level.mean(1, keepdim=True)).double().cpu().numpy()


def _mel_power(mono: Tensor) -> Tensor:
    """Power (frames, bands), 50 frames a second; a full-scale sine peaks at 1 / 4."""
    spectra = magnitudes(pad(mono, (0, SIZE - STEP)), SIZE, STEP, SIZE) / (SIZE / 2)
    return spectra.square() @ mel_bands(SIZE // 2 + 1, RATE, BANDS, 0.0, RATE / 2).T.to(mono.device)


def _decibels(power: Tensor, floor: Tensor | float) -> Tensor:
    """10 log10 of the power, or of ``floor`` where that is more; digital silence is -300 dB."""
    return 10 * torch.maximum(power, torch.as_tensor(floor)).clamp_min(1e-30).log10()
