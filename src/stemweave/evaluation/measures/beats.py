"""Where the beats of a stem are: the composer's own for our band, or what a beat tracker hears.

Another tracker finds other beats, so rhythm is only compared under one, which says its ``name``.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks
from torch import Tensor
from torch.nn.functional import pad

from stemweave.audio.stems import Stems
from stemweave.errors import DataError, MissingExtra, ModelError, UsageError
from stemweave.evaluation.checks import Floats, check_audio
from stemweave.evaluation.measures.coherence import ONSET_HOP, ONSET_SIZE, RATE, onsets

RISE = 60.0
"""dB, summed over the 24 bands of `onsets`, from which a peak of the rise is an onset: steady noise stays under 50."""
LEAD = 0.1
"""Seconds of silence laid before a sound, so that one which starts at once, or is cut out of a song, has an onset there."""


class Beats(Protocol):
    """Finds the beats of a sound."""

    @property
    def name(self) -> str:
        """What a report calls it."""

    def __call__(self, audio: Tensor, rate: int) -> Floats:
        """Beat times in seconds, ascending, of (channels, samples) at ``rate`` Hz; none if it has no beat.

        Raises :class:`DataError` for an empty sound or NaN.
        """


def by_stem(song: Stems, beats: Beats) -> dict[str, Floats]:
    """The beats of every stem by name, for `rhythm`; a stem that is silent (-60 dBFS) has none, whatever a tracker hears."""
    return {name: beats(song[name], song.rate) if present else np.empty(0) for name, present in song.presence.items()}


@dataclass(frozen=True, eq=False)
class Composer:
    """The composer's beats (s) of one song, at which the sound has an onset within ± ``width`` / 2 seconds.

    They are the beats themselves, not the onsets: stems differ in which beats they play, never in when.
    """

    beats: Floats
    width: float
    name = "composer"

    def __post_init__(self) -> None:
        if not self.width > 0:
            raise UsageError(f"no onset lies within a width of {self.width} s; give a width above 0, as 0.07 or 0.15")

    def __call__(self, audio: Tensor, rate: int) -> Floats:
        """See `Beats`."""
        onset = onset_times(audio, rate)
        near = np.abs(self.beats[:, None] - onset).min(1, initial=np.inf)
        return self.beats[near <= self.width / 2]


def composed(folder: Path) -> Floats:
    """The beats (s) that ``track.json`` in a song's folder tells; :class:`DataError` where it tells none."""
    path = folder / "track.json"
    try:
        info: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return np.array(info["beats"], np.float64) / info["rate"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f'{path} does not tell its beats ({error!r}), expected "beats" in samples and "rate" in Hz;'
            " give a song of our band (`stemweave render`), or use a beat tracker"
        ) from error


def onset_times(audio: Tensor, rate: int) -> Floats:
    """When something starts, s, to about ±12 ms: the peaks of `onsets` of at least 60 dB. Shape: (channels, samples)."""
    times, curve = onset_curve(audio, rate)
    peaks: NDArray[np.intp] = find_peaks(curve, height=RISE)[0]
    return times[peaks]


def onset_curve(audio: Tensor, rate: int, hop: int = ONSET_HOP) -> tuple[Floats, Floats]:
    """The time of each frame in s, never below 0, and the rise of `onsets` there in dB. Shape: (channels, samples)."""
    check_audio(audio, 2, "the sound")
    lead = round(LEAD * rate)
    curve = onsets(pad(audio, (lead, 0)), rate, hop).double().numpy()
    newest = np.arange(len(curve)) * hop + ONSET_SIZE + hop / 2  # the middle of the samples that the louder frame adds
    return np.maximum(newest / RATE - lead / rate, 0.0), curve


@dataclass(frozen=True)
class BeatThis:
    """The tracker of 2407.21658 (package ``beat_this``, MIT) with weights from the file ``checkpoint``; nothing is loaded
    from the net. Raises :class:`MissingExtra` without the package, :class:`ModelError` without the file.
    """

    checkpoint: Path
    device: str = "cpu"

    @property
    def name(self) -> str:
        """With its checkpoint's."""
        return f"beat_this {self.checkpoint.stem}"

    @cached_property
    def _tracker(self) -> Any:
        try:
            from beat_this.inference import Audio2Beats
        except ImportError as missing:
            raise MissingExtra("this tracker needs beat_this: pip install 'stemweave[beats]'") from missing
        if not self.checkpoint.is_file():
            raise ModelError(f"{self.checkpoint} is not a file, expected beat_this weights; download final0.ckpt and name it")
        return Audio2Beats(checkpoint_path=str(self.checkpoint), device=self.device)

    def __call__(self, audio: Tensor, rate: int) -> Floats:
        """See `Beats`."""
        beats, _ = self._tracker(_mono(audio), rate)
        return np.asarray(beats, np.float64)


@dataclass(frozen=True)
class Librosa:
    """``librosa.beat.beat_track`` at its defaults (Ellis 2007): one tempo. Raises :class:`MissingExtra` without librosa."""

    name = "librosa.beat.beat_track"

    def __call__(self, audio: Tensor, rate: int) -> Floats:
        """See `Beats`."""
        try:
            from librosa.beat import beat_track
        except ImportError as missing:
            raise MissingExtra("this tracker needs librosa: pip install 'stemweave[beats]'") from missing
        _, beats = beat_track(y=_mono(audio), sr=rate, units="time")
        return np.asarray(beats, np.float64)


def _mono(audio: Tensor) -> NDArray[np.float32]:
    check_audio(audio, 2, "the sound")
    return audio.detach().float().mean(0).cpu().numpy()
