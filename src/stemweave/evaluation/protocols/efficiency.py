"""What a model costs: time and memory of separating songs from file to file, and of making music in memory."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile
import torch

from stemweave.audio.files import Reader
from stemweave.evaluation.checks import Floats
from stemweave.evaluation.measures.process import MEGABYTE, cost
from stemweave.evaluation.reports.tables import Cell, Row, Table
from stemweave.model.model import Model
from stemweave.tasks.separate import Separation, separate

RATE, BLOCK = 44100, 10
"""Of the songs: Hz, and seconds that are made at a time."""
WARM = 0.5
"""Seconds of music that are made before any are timed."""

Work = Callable[[], object]
Command = Callable[[Path, Path], Sequence[str]]
"""(a song's file, a new folder for its stems) → the command that separates it."""


@dataclass(frozen=True)
class Spent:
    """What ``sound`` seconds of music took: seconds, and peak memory in MB of the process and on the device, where known."""

    name: str
    sound: float
    seconds: float | None = None
    peak: float | None = None
    device: float | None = None


def bursts_and_tones(start: int, stop: int, rate: int, rng: np.random.Generator) -> Floats:
    """Samples start to stop of a song for measuring speed: a scale in tones, noise bursts on the beat. Shape: (2, samples)."""
    n = np.arange(start, stop)
    tone = 0.1 * np.sin(2 * np.pi * 110 * 2 ** ((n // rate) % 12 / 12) * n / rate)
    burst = 0.1 * rng.standard_normal(len(n)) * np.exp(-(n % (rate // 2)) / (0.045 * rate))
    return np.stack([tone + burst, tone - 0.3 * burst])


def write_song(path: Path, seconds: float) -> None:
    """`bursts_and_tones` as a 16-bit file at 44.1 kHz, block by block."""
    rng, samples, block = np.random.default_rng(0), max(round(seconds * RATE), 1), BLOCK * RATE
    with soundfile.SoundFile(path, "w", RATE, 2, "PCM_16") as file:
        for start in range(0, samples, block):
            file.write(bursts_and_tones(start, min(start + block, samples), RATE, rng).T)


def separated(name: str, seconds: float, command: Command, model: Model, how: Separation) -> Spent:
    """A song of so many seconds separated by a command of its own; on a GPU again by the same ``model`` in this process.

    Raises what `cost` does.
    """
    with TemporaryDirectory(ignore_cleanup_errors=True) as place:
        song = Path(place) / "song.wav"
        write_song(song, seconds)
        spent = cost(command(song, Path(place) / "stems"))
        held = device_memory(model.device, lambda: _consume(model, song, how))
    return Spent(name, seconds, spent.seconds, spent.peak, held)


def made(name: str, seconds: float, make: Callable[[float], object], device: torch.device) -> Spent:
    """So many seconds of music that ``make`` makes in this process, after a short piece that is not timed."""
    make(min(WARM, seconds))
    start = time.perf_counter()
    make(seconds)
    took = time.perf_counter() - start
    return Spent(name, seconds, took, device=device_memory(device, lambda: make(seconds)))


def device_memory(device: torch.device, work: Work) -> float | None:
    """The most memory in MB that tensors took on a CUDA device while ``work`` ran; None, and no work, on another."""
    if device.type != "cuda":
        return None
    torch.cuda.reset_peak_memory_stats(device)
    work()
    return torch.cuda.max_memory_allocated(device) / MEGABYTE


def memory_ratio(spent: Sequence[Spent]) -> float | None:
    """Peak memory for the longest song relative to the shortest."""
    longest, shortest = (choose(spent, key=lambda one: one.sound).peak for choose in (max, min))
    return longest / shortest if longest and shortest else None


def tables(lengths: Sequence[Spent], steps: Sequence[Spent], making: Sequence[Spent]) -> list[Table]:
    """One table each for songs of several lengths, numbers of steps on one song, and music made."""
    files = "Stereo at 44.1 kHz, file to file, in a process of its own: starting it and loading the model are included."
    ratio = memory_ratio(lengths)
    flat = "" if ratio is None else f" Peak memory, longest to shortest: {ratio:.2f}."
    columns = ("time, s", "× real time", "peak memory, MB", "peak memory of the device, MB")
    rows = [[_row(one, (one.seconds, _speed(one), one.peak, one.device)) for one in each] for each in (lengths, steps)]
    parts = [_row(one, (_each_second(one), _speed(one), one.device)) for one in making]
    memory = f"{making[0].sound:g} s of music, by a model that is loaded and has made {WARM:g} s before."
    return [
        Table("Separation by length of the song", columns, tuple(rows[0]), files + flat),
        Table(f"Separation by steps, {lengths[0].name}", columns, tuple(rows[1]), files),
        Table("Making music", ("s for each s of music", "× real time", columns[-1]), tuple(parts), memory, digits=3),
    ]


def _consume(model: Model, song: Path, how: Separation) -> None:
    with Reader(song) as file:
        for _ in separate(model, file, how):
            pass


def _speed(one: Spent) -> float | None:
    return one.sound / one.seconds if one.seconds else None


def _each_second(one: Spent) -> float | None:
    return one.seconds / one.sound if one.seconds else None


def _row(one: Spent, values: Sequence[float | None]) -> Row:
    return Row(one.name, tuple(Cell(value, status="skipped" if value is None else "ok") for value in values))
