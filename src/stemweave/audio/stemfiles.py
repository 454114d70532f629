"""A folder of stems, written block by block in constant memory, with one gain for all."""

import math
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from stemweave.audio.files import BLOCK, PathLike, Reader, Writer, refuse_existing, staged
from stemweave.audio.formats import WAV32, Encoding
from stemweave.audio.resample import Stream

RESERVED = ("mix", "residual")  # names of files beside the stems


@dataclass
class Level:
    """Running peak (linear, 1 = 0 dBFS) and energy of one file."""

    peak: float = 0.0
    energy: float = 0.0
    samples: int = 0

    def add(self, audio: Tensor) -> None:
        """Take in (channels, samples)."""
        if audio.numel():
            self.peak = max(self.peak, float(audio.abs().max()))
            self.energy += float(audio.double().square().sum())
            self.samples += audio.numel()

    @property
    def rms(self) -> float:
        """Root mean square over channels and samples, linear."""
        return math.sqrt(self.energy / max(self.samples, 1))


@dataclass(frozen=True)
class Written:
    """What was written: files by name, the common ``gain`` (1 where nothing was scaled) and levels before that gain."""

    files: Mapping[str, Path]
    gain: float
    levels: Mapping[str, Level]


@dataclass(frozen=True)
class Delivery:
    """How a piece is handed over: the encoding, the rate in Hz (None keeps the piece's own), a comment in every file."""

    encoding: Encoding = WAV32
    rate: int | None = None
    comment: str = ""
    overwrite: bool = False


class Sink:
    """Takes a piece block by block. ``levels`` are those of what was written, before the common ``gain``."""

    def __init__(self, writers: Mapping[str, Writer], streams: Mapping[str, Stream]) -> None:
        self._writers, self._streams = writers, streams
        self.levels = {name: Level() for name in writers}
        self.gain = 1.0

    def write(self, parts: Tensor, mix: Tensor | None = None) -> None:
        """Append (parts, channels, samples), and the mix (channels, samples), which by default is their sum."""
        whole = parts.sum(0) if mix is None else mix
        for name, part in zip(self._writers, [*parts, whole], strict=True):
            self._put(name, self._streams[name].convert(part))

    def finish(self) -> None:
        """Write what the rate conversion still holds."""
        for name, writer in self._writers.items():
            self._put(name, self._streams[name].convert(torch.zeros(writer.channels, 0), last=True))

    def _put(self, name: str, part: Tensor) -> None:
        self.levels[name].add(part)
        self._writers[name].write(part)


@contextmanager
def writing(
    folder: PathLike, names: Sequence[str], rate: int, channels: int, delivery: Delivery = Delivery(), frames: int = 0
) -> Iterator[Sink]:
    """Open one file per name, and ``mix``, in ``folder``; they appear there when the block ends well.

    Blocks come at ``rate`` Hz. Where the encoding cannot hold samples beyond ±1, everything is kept as float first and then
    scaled by one common gain. ``frames`` is the length in samples, where known. Raises FormatError and OutputError as
    `Writer` does, before any work is done.
    """
    everything, encoding = (*names, "mix"), delivery.encoding
    encoding.check(delivery.rate or rate, channels)
    for name in everything:
        refuse_existing(Path(folder) / (name + encoding.suffix), delivery.overwrite)
    with staged(folder) as stage:
        if encoding.unbounded:
            with _open(stage, everything, rate, channels, delivery, frames) as sink:
                yield sink
            return
        with tempfile.TemporaryDirectory(dir=stage) as draft:
            with _open(Path(draft), everything, rate, channels, replace(delivery, encoding=WAV32), frames) as sink:
                yield sink
            sink.gain = common_gain(sink.levels.values())
            for name in everything:
                _convert(Path(draft) / (name + WAV32.suffix), stage / (name + encoding.suffix), delivery, sink.gain)


@contextmanager
def _open(folder: Path, names: Sequence[str], rate: int, channels: int, delivery: Delivery, frames: int) -> Iterator[Sink]:
    target = delivery.rate or rate
    with ExitStack() as stack:
        writers = {
            name: stack.enter_context(
                Writer(
                    folder / (name + delivery.encoding.suffix), target, channels, delivery.encoding,
                    frames=frames * target // rate, comment=delivery.comment,
                )
            )
            for name in names
        }  # fmt: skip
        sink = Sink(writers, {name: Stream(channels, rate, target) for name in names})
        yield sink
        sink.finish()


def common_gain(levels: Iterable[Level]) -> float:
    """The gain, at most 1, that brings the highest peak down to 0 dBFS."""
    return 1.0 / max(1.0, *(level.peak for level in levels))


def written(sink: Sink, folder: PathLike, encoding: Encoding) -> Written:
    """What ``sink`` left in ``folder``."""
    files = {name: Path(folder) / (name + encoding.suffix) for name in sink.levels}
    return Written(files, sink.gain, sink.levels)


def _convert(source: Path, target: Path, delivery: Delivery, gain: float) -> None:
    comment = delivery.comment
    with Reader(source) as file, Writer(target, file.rate, file.channels, delivery.encoding, comment=comment) as out:
        for start in range(0, file.frames, BLOCK):
            out.write(file.read(start, min(start + BLOCK, file.frames)) * gain)


def null_depth(files: Sequence[PathLike], song: PathLike, gain: float = 1.0) -> float:
    """How far the sum of ``files``, divided by ``gain``, is from ``song``: RMS of the difference in dB re the song's.

    All files have the song's rate, channels and length. A silent song gives the difference in dBFS; no difference at
    all, minus infinity.
    """
    error, reference = Level(), Level()
    with ExitStack() as stack:
        parts = [stack.enter_context(Reader(path)) for path in files]
        whole = stack.enter_context(Reader(song))
        for start in range(0, whole.frames, BLOCK):
            stop = min(start + BLOCK, whole.frames)
            target = whole.read(start, stop).double()
            reference.add(target)
            error.add(sum((part.read(start, stop).double() for part in parts), -gain * target) / gain)
    return decibel(error.rms / (reference.rms or 1.0))


def decibel(ratio: float) -> float:
    """20 log10 of a linear ratio; minus infinity for 0."""
    return 20 * math.log10(ratio) if ratio > 0 else -math.inf
