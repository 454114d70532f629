"""One picture per job: each stem's waveform beside its mel spectrogram. Needs the extra ``plot``."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from stemweave.audio.files import PathLike, arriving
from stemweave.audio.mels import mel_filters, to_hertz, to_mel
from stemweave.audio.stems import Stems
from stemweave.errors import MissingExtra

_COLUMNS = 1200  # points along time
_BANDS = 96
_FLOOR = 80  # dB shown below the loudest


def picture(stems: Stems, path: PathLike, title: str = "", *, overwrite: bool = False) -> None:
    """Draw waveforms and mel spectrograms of the stems and their mix into a PNG.

    Raises MissingExtra without matplotlib, OutputError where ``path`` exists and ``overwrite`` is false, or cannot be
    written.
    """
    figure = _figure(stems, title)
    with arriving(path, overwrite=overwrite) as scratch:
        figure.savefig(scratch, format="png", dpi=110)


def canvas(width: float, height: float) -> Any:
    """An empty matplotlib figure of so many inches; raises MissingExtra without matplotlib."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("pictures need matplotlib: pip install 'stemweave[plot]'") from error
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _figure(stems: Stems, title: str) -> Any:
    rows = {**stems, **({} if stems.residual is None else {"residual": stems.residual}), "mix": stems.mixture}
    figure = canvas(12, 1.6 * len(rows) + 0.6)
    figure.suptitle(title)
    axes = figure.subplots(len(rows), 2, squeeze=False, sharex=True)
    loudest = max(1e-3, *(float(audio.abs().max()) for audio in rows.values()))
    for (wave, mel), (name, audio) in zip(axes, rows.items(), strict=True):
        _draw_wave(wave, name, audio.mean(0), stems.rate, loudest)
        _draw_mel(mel, audio.mean(0), stems.rate)
    for axis in axes[-1]:
        axis.set_xlabel("time (s)")
    return figure


def _draw_wave(axis: Any, name: str, audio: Tensor, rate: int, loudest: float) -> None:
    width = max(1, len(audio) // _COLUMNS)
    blocks = audio[: len(audio) // width * width].reshape(-1, width)
    time = np.arange(len(blocks)) * width / rate
    axis.fill_between(time, blocks.amin(1).numpy(), blocks.amax(1).numpy(), linewidth=0.5, edgecolor="C0")
    axis.set_ylim(-loudest, loudest)
    axis.set_ylabel(name)


def _draw_mel(axis: Any, audio: Tensor, rate: int) -> None:
    image = 10 * torch.log10(mel_spectrogram(audio, rate) + 1e-12)
    extent = (0, len(audio) / rate, 0, rate / 2000)
    axis.imshow(image.numpy(), origin="lower", aspect="auto", extent=extent, vmin=-_FLOOR + 20, vmax=20, cmap="magma")
    ticks = np.linspace(0, 1, 4)
    axis.set_yticks(ticks * rate / 2000, [f"{to_hertz(at * to_mel(rate / 2)) / 1000:.1f}" for at in ticks])
    axis.set_ylabel("kHz")


def mel_spectrogram(audio: Tensor, rate: int, bands: int = _BANDS) -> Tensor:
    """Power (bands, frames) of (samples,) at ``rate`` Hz, in triangular bands evenly spaced in mel (HTK's formula)."""
    transform = 1 << max(6, int(rate * 0.045).bit_length())
    hop = max(transform // 4, len(audio) // _COLUMNS)
    window = torch.hann_window(transform)
    spectrum = torch.stft(audio, transform, hop, window=window, pad_mode="constant", return_complex=True)
    return mel_filters(transform // 2 + 1, rate, bands) @ spectrum.abs().square()
