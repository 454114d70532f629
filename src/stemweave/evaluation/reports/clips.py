"""Sounds inside a page: made equally loud where wanted, encoded in memory, and never more than a page can hold."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from torch import Tensor

from stemweave.audio.files import BLOCK, read
from stemweave.audio.formats import Encoding
from stemweave.audio.stems import PRESENT
from stemweave.errors import DataError
from stemweave.evaluation.reports.report import Report

LEVEL = 0.1  # RMS of matched clips: -20 dBFS
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Sound:
    """A sound by name, as a data URI."""

    name: str
    uri: str


@dataclass(frozen=True)
class Scene:
    """Sounds to compare, under one title."""

    title: str
    sounds: tuple[Sound, ...]


class Room:
    """The space for sound in one page: ``megabytes`` of it, in one ``encoding`` that browsers play (Ogg or FLAC)."""

    def __init__(self, encoding: Encoding, megabytes: float) -> None:
        self.encoding, self.megabytes = encoding, megabytes
        self._held = 0

    def embed(self, audio: Tensor, rate: int) -> str:
        """A data URI of (channels, samples) at ``rate`` Hz.

        Raises FormatError where the encoding cannot hold it, :class:`DataError` where the page is full.
        """
        kind = f"audio/{self.encoding.container.lower()}"
        uri = f"data:{kind};base64,{base64.b64encode(_encoded(audio, rate, self.encoding)).decode()}"
        self._held += len(uri)
        if self._held > self.megabytes * MEGABYTE:
            raise DataError(
                f"the page's sounds are larger than {self.megabytes:g} MB in {self.encoding.name}:"
                " give fewer or shorter ones, a smaller format (ogg), or a higher limit"
            )
        return uri


def unclipped(clips: Sequence[Tensor]) -> list[Tensor]:
    """The clips as loud as they are; where one goes beyond full scale, all get the same gain that prevents it."""
    peak = max((float(clip.abs().max()) for clip in clips), default=1.0)
    return [clip / max(peak, 1.0) for clip in clips]


def matched(clips: Sequence[Tensor]) -> list[Tensor]:
    """The clips with one gain each, so that all have the same RMS over channels and samples, -20 dBFS or less.

    A clip under -60 dBFS counts as silent and stays as it is.
    """
    levels = [float(clip.square().mean().sqrt()) for clip in clips]
    return unclipped([clip * (LEVEL / level if level >= PRESENT else 1.0) for clip, level in zip(clips, levels, strict=True)])


def scenes(report: Report, folder: Path, room: Room) -> list[Scene]:
    """What a report offers to listen to; its paths are relative to ``folder``.

    Raises :class:`DataError` where its ``audio`` is not laid out as `tables` describes, AudioError for a file that
    cannot be read, and what `Room.embed` does.
    """
    try:
        named = [(str(scene["title"]), [(str(f["name"]), str(f["path"])) for f in scene["files"]]) for scene in report["audio"]]
    except (KeyError, TypeError) as error:
        raise DataError(
            f"audio of a report is laid out otherwise ({error!r}): expected titles with files by name and path"
        ) from error
    return [_scene(title, [(name, folder / path) for name, path in files], room) for title, files in named]


def _scene(title: str, files: Sequence[tuple[str, Path]], room: Room) -> Scene:
    clips = [read(path) for _, path in files]
    played = zip(unclipped([audio for audio, _ in clips]), (rate for _, rate in clips), strict=True)
    uris = [room.embed(audio, rate) for audio, rate in played]
    return Scene(title, tuple(Sound(name, uri) for (name, _), uri in zip(files, uris, strict=True)))


def _encoded(audio: Tensor, rate: int, encoding: Encoding) -> bytes:
    encoding.check(rate, audio.shape[0])
    buffer = io.BytesIO()
    form = {"format": encoding.container, "subtype": encoding.subtype}
    with soundfile.SoundFile(buffer, "w", rate, audio.shape[0], **form) as file:
        for block in audio.T.split(BLOCK):
            file.write(encoding.quantise(np.ascontiguousarray(block.numpy())))
    return buffer.getvalue()
