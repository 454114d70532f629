"""A track: the sound files of one song's stems, and how to read them.

``stems`` says three things. A name with files: those files, added up, are the stem. A name without files: the
stem is known to be silent. A name that is missing: nobody knows, so the stem stays out of every loss and score.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from stemweave.audio.files import Reader
from stemweave.audio.resample import resample, resampled_length
from stemweave.errors import DataError

BAND = "band"
"""What the sum of all stems is called where it is the only stem; "mixture" is the name of files beside stems."""
ROUNDING = 0.1
"""Seconds by which the files of a track may differ and are cut to the shortest; beyond it all are padded."""


@dataclass(frozen=True)
class Header:
    """What a sound file says of itself: frames per second (Hz), channels, frames."""

    rate: int
    channels: int
    frames: int


@dataclass(frozen=True)
class Track:
    """One song as stems on disk; ``frames`` counts at ``rate`` (Hz)."""

    id: str
    stems: Mapping[str, tuple[Path, ...]]
    rate: int
    channels: int
    frames: int
    split: str = ""
    text: str = ""

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.frames / self.rate

    def known(self, names: Sequence[str]) -> tuple[bool, ...]:
        """Whether the corpus says what each stem is, be it silence."""
        return tuple(name in self.stems for name in names)

    def require(self, names: Sequence[str]) -> None:
        """Raises :class:`DataError` unless the corpus says what each of these stems is."""
        if missing := [name for name, known in zip(names, self.known(names), strict=True) if not known]:
            beside = next((f" beside {path}" for paths in self.stems.values() for path in paths), "")
            raise DataError(
                f"{self.id} holds {', '.join(self.stems)}, expected all of {', '.join(names)}: add "
                f"{' and '.join(missing)}{beside}, as a silent file where it does not sound"
            )

    def mixed(self) -> "Track":
        """The sum of its stems as its only stem, `BAND`."""
        return replace(self, stems={BAND: tuple(path for paths in self.stems.values() for path in paths)})

    def present(self, names: Sequence[str]) -> tuple[bool, ...]:
        """Whether each stem has a file."""
        return tuple(bool(self.stems.get(name)) for name in names)

    def read(self, names: Sequence[str], rate: int | None = None, channels: int | None = None) -> Tensor:
        """The stems ``names`` as float32 (stems, channels, samples), resampled to ``rate`` (Hz); zeros where none is.

        ``channels=1`` averages the channels; a mono file is repeated to more.
        """
        rate, channels = rate or self.rate, channels or self.channels
        audio = torch.zeros(len(names), channels, resampled_length(self.frames, self.rate, rate))
        for stem, name in zip(audio, names, strict=True):
            for path in self.stems.get(name, ()):
                sound = _read(path, rate, channels)[:, : stem.shape[1]]
                stem[:, : sound.shape[1]] += sound
        return audio


def header(path: Path) -> Header:
    """What a sound file says of itself; :class:`AudioError` if it is none, empty or cut short."""
    with Reader(path) as file:
        return Header(file.rate, file.channels, file.frames)


def one_rate(name: str, headers: Sequence[Header]) -> int:
    """The sample rate (Hz) all files share; :class:`DataError` if they differ."""
    rates = sorted({h.rate for h in headers})
    if len(rates) != 1:
        raise DataError(f"{name}: its stems have rates of {rates} Hz, expected one; resample them to one rate")
    return rates[0]


def highest_rate(_: str, headers: Sequence[Header]) -> int:
    """The highest sample rate (Hz), for corpora whose files differ by design."""
    return max(h.rate for h in headers)


def track(
    name: str,
    stems: Mapping[str, tuple[Path, ...]],
    split: str = "",
    text: str = "",
    rate: Callable[[str, Sequence[Header]], int] = one_rate,
) -> Track:
    """A track from its files, whose headers it reads; :class:`DataError` if they do not fit together."""
    headers = [header(path) for paths in stems.values() for path in paths]
    if not headers:
        raise DataError(f"{name}: no stem has a sound file")
    hz = rate(name, headers)
    frames = _length([resampled_length(h.frames, h.rate, hz) for h in headers], hz)
    return Track(name, dict(stems), hz, max(h.channels for h in headers), frames, split, text)


def _length(frames: Sequence[int], rate: int) -> int:
    shortest, longest = min(frames), max(frames)
    return shortest if longest - shortest <= ROUNDING * rate else longest


def _read(path: Path, rate: int, channels: int) -> Tensor:
    with Reader(path) as file:
        return resample(as_channels(path, file.read(), channels), file.rate, rate)


def as_channels(name: str | Path, audio: Tensor, channels: int) -> Tensor:
    """Audio (any, samples) in so many channels: the mean for one, mono copied. Raises DataError, naming it, for others."""
    if len(audio) == channels:
        return audio
    if channels == 1:
        return audio.mean(0, keepdim=True)
    if len(audio) == 1:
        return audio.expand(channels, -1)
    raise DataError(f"{name} has {len(audio)} channels, expected 1 or {channels}; ask for one channel")
