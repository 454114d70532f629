"""Stems: named, sample-aligned parts of one piece."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from stemweave.audio.files import PathLike, Reader
from stemweave.audio.formats import SUFFIXES, WAV32, Encoding
from stemweave.audio.stemfiles import RESERVED, Delivery, Written, writing, written
from stemweave.errors import AudioError, UsageError

PRESENT = 10 ** (-60 / 20)  # RMS from which a stem counts as playing: -60 dBFS


@dataclass(frozen=True, eq=False)
class Stems(Mapping[str, Tensor]):
    """Parts of one piece, read like a dict by name.

    ``audio`` is float32 (stems, channels, samples) at ``rate`` Hz, in the order of ``names``. ``residual`` (channels,
    samples) is what the stems do not explain of a song. ``seed`` made them, where anything was drawn. Raises UsageError
    for names that repeat, are reserved or do not fit the audio.
    """

    names: tuple[str, ...]
    audio: Tensor
    rate: int
    residual: Tensor | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.audio.ndim != 3 or len(self.audio) != len(self.names):
            raise UsageError(
                f"stems {', '.join(self.names)} need audio of shape ({len(self.names)}, channels, samples),"
                f" got {tuple(self.audio.shape)}"
            )
        if self.residual is not None and self.residual.shape != self.audio.shape[1:]:
            raise UsageError(f"the residual has shape {tuple(self.residual.shape)}, the stems {tuple(self.audio.shape[1:])}")
        check_names(self.names)

    def __eq__(self, other: object) -> bool:
        """The very same object: comparing sound is the caller's business (`torch.equal`)."""
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __getitem__(self, name: str) -> Tensor:
        if name not in self.names:
            raise KeyError(f"no stem {name!r}: there are {', '.join(self.names)}")
        return self.audio[self.names.index(name)]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def mixture(self) -> Tensor:
        """The sum of the stems and the residual, (channels, samples)."""
        total = self.audio.sum(0)
        return total if self.residual is None else total + self.residual

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.audio.shape[-1] / self.rate

    @property
    def presence(self) -> dict[str, bool]:
        """Whether each stem plays at all: RMS over all of it of at least -60 dBFS."""
        return {name: bool(self[name].square().mean().sqrt() >= PRESENT) for name in self.names}

    def write(self, folder: PathLike, encoding: Encoding = WAV32, *, overwrite: bool = False) -> Written:
        """Write ``<stem>.wav`` for each stem, ``mix.wav`` and, where there is one, ``residual.wav`` into ``folder``.

        Samples beyond ±1 in a format that cannot hold them scale everything by one common gain, which the result
        states. Raises OutputError when a file is there already and ``overwrite`` is false, or cannot be written;
        FormatError when ``encoding`` cannot hold the rate or channels.
        """
        names, parts = self.names, self.audio
        if self.residual is not None:
            names, parts = (*names, "residual"), torch.cat((parts, self.residual[None]))
        delivery = Delivery(encoding, comment=self._comment, overwrite=overwrite)
        with writing(folder, names, self.rate, parts.shape[1], delivery, parts.shape[2]) as sink:
            sink.write(parts)
        return written(sink, folder, encoding)

    @property
    def _comment(self) -> str:
        return "" if self.seed is None else f"seed {self.seed}"

    @classmethod
    def read(cls, folder: PathLike) -> "Stems":
        """The stems in ``folder``: every sound file but the mix; a file called residual becomes the residual.

        Raises AudioError when there is none, when two files name one stem, or when rates, channels or lengths differ.
        """
        paths = _stem_paths(Path(folder))
        found = {name: _read_alike(path, paths) for name, path in paths.items()}
        residual = found.pop("residual", None)
        with Reader(next(iter(paths.values()))) as first:
            return cls(tuple(found), torch.stack(list(found.values())), first.rate, residual)


def check_names(names: tuple[str, ...]) -> None:
    """Raise UsageError for stem names that repeat, or that cannot be file names of their own."""
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"stem {name!r} is named twice: name each stem once")
        if name in RESERVED or not name or name != Path(name).name or name.startswith("."):
            raise UsageError(f"{name!r} cannot name a stem: use a plain word other than {', '.join(RESERVED)}")


def _stem_paths(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise AudioError(f"{folder} is not a folder of stems")
    paths: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES or path.stem == "mix" or path.name.startswith("."):
            continue
        if path.stem in paths:
            raise AudioError(f"{folder} holds two files for stem {path.stem!r}: keep one")
        paths[path.stem] = path
    if not set(paths) - {"residual"}:
        raise AudioError(f"{folder} holds no stems: it needs files like bass.wav and drums.wav")
    return paths


def _read_alike(path: Path, paths: Mapping[str, Path]) -> Tensor:
    first = next(iter(paths.values()))
    with Reader(path) as file, Reader(first) as model:
        if (file.rate, file.channels, file.frames) != (model.rate, model.channels, model.frames):
            raise AudioError(
                f"{path.name} has {file.rate} Hz, {file.channels} channels, {file.frames} samples, but {first.name} has"
                f" {model.rate} Hz, {model.channels} channels, {model.frames} samples: stems of one piece are alike"
            )
        return file.read()
