"""Sound files through libsndfile: read any part of one, write one without ever leaving half of it.

WAV, AIFF, FLAC, Ogg and MP3 are read; `formats` says what is written. Tensors are float32 (channels, samples).
"""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import numpy as np
import soundfile
import torch
from torch import Tensor

from stemweave.audio.formats import WAV32, Encoding
from stemweave.audio.headers import foreign_format, is_cut_short
from stemweave.audio.mpeg import LEAD, least_samples, says_length
from stemweave.audio.resample import resample
from stemweave.errors import AudioError, OutputError

BLOCK = 1 << 16  # samples handed to or taken from the encoder at once; libsndfile's Ogg encoder crashes on long blocks
_RF64_FROM = 0xFFFF_0000  # bytes of sound from which a WAV needs 64-bit sizes

PathLike = str | os.PathLike[str]


class Reader:
    """A sound file read by absolute sample range at its own rate, in constant memory.

    Use as a context manager. ``rate`` is in Hz; ``frames`` is the length in samples. Raises AudioError, in one line,
    for a file that is missing, empty, cut short, not sound, or of a kind that is not read here.
    """

    def __init__(self, path: PathLike) -> None:
        self.path = Path(path)
        self._file, self.frames = _open(self.path)
        self.rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        self._lead = LEAD if self._file.format == "MP3" else 0
        self._start = 0  # where the block in hand begins
        self._block = torch.zeros(self.channels, 0)

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.frames / self.rate

    def read(self, start: int = 0, stop: int | None = None) -> Tensor:
        """Samples ``start`` to ``stop``, shape (channels, stop - start); zeros outside the file.

        Ranges that overlap the last one going forward are read without seeking. Raises AudioError for samples that
        are missing, NaN or infinite.
        """
        stop = self.frames if stop is None else stop
        first, last = (min(max(at, 0), self.frames) for at in (start, stop))
        before, after = max(0, min(-start, stop - start)), stop - max(last, start)
        inside = self._inside(first, max(first, last))
        return (
            torch.nn.functional.pad(inside, (before, stop - start - before - inside.shape[-1])) if before or after else inside
        )

    def _inside(self, first: int, last: int) -> Tensor:
        held = self._start + self._block.shape[-1]
        if not self._start <= first <= held:
            begin = max(first - self._lead, 0)
            self._file.seek(begin)
            self._decode(first - begin, begin)
            self._block, self._start, held = self._block[:, :0], first, first
        fresh = self._decode(max(0, last - held), held)
        self._block = torch.cat([self._block[:, first - self._start :], fresh], dim=1)
        self._start = first
        return self._block[:, : last - first].clone()

    def _decode(self, count: int, at: int) -> Tensor:
        try:
            frames = self._file.read(count, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise AudioError(f"{self.path} breaks off or is damaged after {at / self.rate:.1f} s: {_AGAIN}") from error
        if len(frames) < count:
            raise AudioError(f"{self.path} breaks off after {(at + len(frames)) / self.rate:.1f} s: {_AGAIN}")
        finite = np.isfinite(frames)
        if not finite.all():
            when = (at + int(np.argmin(finite.all(axis=1)))) / self.rate
            raise AudioError(f"{self.path} holds NaN or infinite samples (the first at {when:.2f} s): export it again")
        return torch.from_numpy(frames.T.copy())

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.close()


_AGAIN = "copy or export it again"


def _open(path: Path) -> tuple[soundfile.SoundFile, int]:
    """Open after checking that all of it is there."""
    try:
        _check(path)
        with soundfile.SoundFile(path) as file:
            frames = _length(path, file)
        return soundfile.SoundFile(path), frames
    except soundfile.LibsndfileError as error:
        raise AudioError(f"{path} is not a sound file that stemweave reads (WAV, FLAC, Ogg, MP3, AIFF)") from error
    except OSError as error:
        raise AudioError(f"{path} cannot be read: {error.strerror or error}") from error


def _check(path: Path) -> None:
    if not path.exists():
        raise AudioError(f"{path} does not exist: check the name")
    if not path.is_file():
        raise AudioError(f"{path} is not a file: give a sound file")
    if path.stat().st_size == 0:
        raise AudioError(f"{path} is empty (0 bytes): {_AGAIN}")
    foreign = foreign_format(path)
    if foreign:
        raise AudioError(f"{path} is {foreign}, which stemweave does not read: convert it first, to WAV or FLAC")
    if is_cut_short(path):
        raise AudioError(f"{path} is truncated, it ends before its header says: {_AGAIN}")


def _length(path: Path, file: soundfile.SoundFile) -> int:
    """Samples that can be read, all of them: raises AudioError where the end is missing."""
    if file.frames == 0:
        raise AudioError(f"{path} holds no samples: {_AGAIN}")
    if file.format == "MP3" and not says_length(path):
        return _counted(path, file)
    try:
        file.seek(file.frames - 1)
        complete = len(file.read(1)) == 1
    except soundfile.LibsndfileError:
        complete = False
    if not complete:
        raise AudioError(f"{path} is truncated, its end is missing: {_AGAIN}")
    return int(file.frames)


def _counted(path: Path, file: soundfile.SoundFile) -> int:
    """The length of an MP3 that does not say it, by decoding it once."""
    if file.frames < least_samples(path):
        raise AudioError(f"{path} does not say how long it is and would be cut off: convert it first, to WAV or FLAC")
    counted = 0
    while block := len(file.read(BLOCK, dtype="float32")):
        counted += block
    return counted


class Writer:
    """A sound file written block by block under a temporary name, and renamed when the block of code ends well.

    Use as a context manager; on any exception, KeyboardInterrupt included, nothing is left behind. Raises FormatError
    when ``encoding`` cannot hold ``rate`` (Hz) or ``channels``; OutputError when ``path`` exists and ``overwrite`` is
    false, or cannot be written. ``frames``, where known, lets a WAV beyond 4 GB get 64-bit sizes. Samples beyond ±1
    must have been scaled down for a format that cannot hold them (`stemfiles` does).
    """

    def __init__(
        self,
        path: PathLike,
        rate: int,
        channels: int,
        encoding: Encoding = WAV32,
        *,
        frames: int = 0,
        title: str = "",
        comment: str = "",
        overwrite: bool = False,
    ) -> None:
        self.path = Path(path)
        self.encoding, self.channels = encoding, channels
        encoding.check(rate, channels)
        refuse_existing(self.path, overwrite)
        self._scratch = self.path.with_name(scratch_name(self.path.name))
        long = encoding.container == "WAV" and frames * channels * 4 > _RF64_FROM
        container = "RF64" if long else encoding.container
        with _as_output_error(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = soundfile.SoundFile(self._scratch, "w", rate, channels, format=container, subtype=encoding.subtype)
            self._tag(title, comment)

    def _tag(self, title: str, comment: str) -> None:
        for name, text in (("title", title), ("comment", comment), ("software", "stemweave")):
            if text:
                setattr(self._file, name, text)

    def write(self, audio: Tensor) -> None:
        """Append (channels, samples)."""
        frames = audio.detach().cpu().numpy().T
        with _as_output_error(self.path):
            for start in range(0, len(frames), BLOCK):
                self._file.write(self.encoding.quantise(np.ascontiguousarray(frames[start : start + BLOCK])))

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            with _as_output_error(self.path):
                self._file.close()
                if kind is None:
                    self._scratch.replace(self.path)
        finally:
            self._scratch.unlink(missing_ok=True)


def read(path: PathLike, rate: int | None = None) -> tuple[Tensor, int]:
    """A whole file as ((channels, samples), rate in Hz), converted to ``rate`` where given; raises AudioError."""
    with Reader(path) as file:
        audio = file.read()
        own = file.rate
    return (audio, own) if rate is None else (resample(audio, own, rate), rate)


def write(path: PathLike, audio: Tensor, rate: int, encoding: Encoding = WAV32, *, overwrite: bool = False) -> None:
    """Write (channels, samples) at ``rate`` Hz; a format that cannot hold samples beyond ±1 gets them clipped.

    Raises FormatError and OutputError as `Writer` does.
    """
    with Writer(path, rate, audio.shape[0], encoding, frames=audio.shape[1], overwrite=overwrite) as file:
        file.write(audio)


@contextmanager
def arriving(path: PathLike, *, overwrite: bool = False) -> Iterator[Path]:
    """A scratch name for a file that becomes ``path`` when the block ends well, and vanishes when it does not.

    Raises OutputError when ``path`` exists and ``overwrite`` is false, or cannot be written.
    """
    path = Path(path)
    refuse_existing(path, overwrite)
    scratch = path.with_name(scratch_name(path.name))
    with _as_output_error(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield scratch
            scratch.replace(path)
        finally:
            scratch.unlink(missing_ok=True)


@contextmanager
def staged(folder: PathLike) -> Iterator[Path]:
    """A scratch folder whose files move into ``folder`` when the block ends well, and vanish when it does not.

    Files of the same name in ``folder`` are replaced; others stay. Raises OutputError where it cannot be written.
    """
    folder = Path(folder)
    with _as_output_error(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = folder.with_name(scratch_name(folder.name))
        scratch.mkdir()
    try:
        yield scratch
        with _as_output_error(folder):
            _move(scratch, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Raise OutputError when ``path`` exists and may not be overwritten."""
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists already: choose another place, or allow overwriting")


def scratch_name(name: str) -> str:
    """A hidden, unused name for something on its way to becoming ``name``."""
    return f".{name}.{secrets.token_hex(4)}.part"


def _move(scratch: Path, folder: Path) -> None:
    if not folder.exists():
        scratch.rename(folder)
        return
    for file in sorted(scratch.iterdir()):
        file.replace(folder / file.name)


@contextmanager
def _as_output_error(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, soundfile.LibsndfileError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error).rstrip(": ")
        raise OutputError(f"{path} cannot be written: {reason}") from error
