"""General-MIDI SoundFonts through FluidSynth (pyfluidsynth, an optional extra, and the system's libfluidsynth).

A fresh synth per stem is the only repeatable way to play; one master synth per font stays open in each process and keeps
the samples in memory, so a fresh synth is cheap.
"""

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from ctypes import c_int
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemweave.band.score import RATE, Part
from stemweave.band.tones import Audio
from stemweave.errors import DataError, MissingExtra

FOLDERS = (Path("/usr/share/sounds/sf2"), Path("/usr/share/sounds/sf3"), Path("/usr/share/soundfonts"),
           Path("/usr/local/share/soundfonts"), Path("/opt/homebrew/share/soundfonts"))  # fmt: skip
PACKAGES = {  # file name: Debian package
    "FluidR3_GM.sf2": "fluid-soundfont-gm",
    "FluidR3Mono_GM.sf3": "fluidr3mono-gm-soundfont",
    "MuseScore_General_Lite.sf3": "musescore-general-soundfont-small",
    "TimGM6mb.sf2": "timgm6mb-soundfont",
    "OPL-3_FM_128M.sf2": "opl3-soundfont",
}
LICENCES = {
    "FluidR3_GM.sf2": "MIT",
    "FluidR3Mono_GM.sf3": "MIT",
    "MuseScore_General_Lite.sf3": "MIT, parts public domain and CC0",
    "TimGM6mb.sf2": "GPL-2: for local use, do not publish audio made with it",
    "OPL-3_FM_128M.sf2": "CC-BY-SA-4.0",
}
GAIN = 0.5  # of the synth; halved until nothing clips
DRUM_BANK = 128


@dataclass(frozen=True)
class Font:
    """A SoundFont file that is there: its place and the SHA-256 of its bytes."""

    path: Path
    sha256: str

    @property
    def licence(self) -> str:
        """The licence of a known font, or the word unknown."""
        return LICENCES.get(self.path.name, "unknown: see the font's own")


def font(path: Path) -> Font:
    """The font at `path`.

    Raises:
        DataError: when there is none or it is not a SoundFont.
    """
    try:
        with path.open("rb") as file:
            head = file.read(12)
            digest = hashlib.sha256(head)
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise DataError(f"SoundFont {path} cannot be read ({error.strerror}); give an .sf2 or .sf3 file") from error
    if head[:4] != b"RIFF" or head[8:12] != b"sfbk":
        raise DataError(f"{path} is not a SoundFont; give an .sf2 or .sf3 file")
    return Font(path.resolve(), digest.hexdigest())


def find(names: tuple[str, ...]) -> tuple[Font, ...]:
    """Those of the fonts called `names` that the folder STEMWEAVE_SOUNDFONTS or the system's folders hold.

    Raises:
        MissingExtra: when none is there.
        DataError: when STEMWEAVE_SOUNDFONTS is no folder.
    """
    there = tuple(font(path) for name in names if (path := _locate(name)) is not None)
    if not there:
        packages = " or ".join(PACKAGES.get(name, name) for name in names)
        raise MissingExtra(
            f"no SoundFont found ({', '.join(names)}): install the package {packages}, give --soundfont FILE, "
            "name a folder that holds the file in STEMWEAVE_SOUNDFONTS, or use the procedural instruments (--procedural)"
        )
    return there


def _locate(name: str) -> Path | None:
    return next((folder / name for folder in (*_own(), *FOLDERS) if (folder / name).is_file()), None)


def _own() -> tuple[Path, ...]:
    """The user's own folder of fonts, where the environment names one: for machines on which nothing can be installed."""
    named = os.environ.get("STEMWEAVE_SOUNDFONTS")
    if named and not Path(named).is_dir():
        raise DataError(f"STEMWEAVE_SOUNDFONTS is {named}, which is no folder; name one that holds SoundFonts, or unset it")
    return (Path(named),) if named else ()


def chosen(given: Path | None) -> Path | None:
    """The font the user asks for: `given`, else the environment's STEMWEAVE_SOUNDFONT, else None."""
    named = os.environ.get("STEMWEAVE_SOUNDFONT")
    return given or (Path(named) if named else None)


@cache
def library() -> ModuleType:
    """The pyfluidsynth module.

    Raises:
        MissingExtra: when it, or the system library it binds, is not installed.
    """
    try:
        with redirect_stdout(sys.stderr):  # where CI is set, it tells on import which library it found
            import fluidsynth
    except (ImportError, OSError, AttributeError) as error:
        raise MissingExtra(
            "SoundFonts need FluidSynth: pip install 'stemweave[render]' and the system library (apt install "
            "libfluidsynth3, or brew install fluid-synth); or use the procedural instruments (--procedural)"
        ) from error
    return fluidsynth


def version() -> str:
    """FluidSynth's own version, such as 2.3.1."""
    numbers = (c_int(), c_int(), c_int())
    library().fluid_version(*numbers)
    return ".".join(str(n.value) for n in numbers)


@dataclass(frozen=True)
class SoundFont:
    """An instrument that plays a part's General-MIDI program (for drums, bank 128) with a font."""

    font: Font
    bank: int  # 0, or 128 for drums

    def render(self, part: Part, length: int) -> Audio:
        """The part as sound, the mean of left and right, float32 of shape (length,) at 44100 Hz.

        Raises:
            MissingExtra: without FluidSynth.
            DataError: when the font has neither the program nor the first one of its bank.
        """
        gain = GAIN
        sound = self._samples(part, length, gain)
        while _clips(sound):
            gain /= 2.0
            sound = self._samples(part, length, gain)
        return np.add(sound[0::2], sound[1::2], dtype=np.float32) * np.float32(0.5 * GAIN / gain / 32768.0)

    def _samples(self, part: Part, length: int, gain: float) -> NDArray[np.int16]:
        pieces, now = [], 0
        with _synth(self.font.path, gain) as (synth, number):
            self._select(synth, number, part.program)
            for time, pitch, velocity in _events(part, length):
                if time > now:
                    pieces.append(synth.get_samples(time - now))
                    now = time
                _ = synth.noteon(0, pitch, velocity) if velocity else synth.noteoff(0, pitch)
            pieces.append(synth.get_samples(length - now))
        return np.concatenate(pieces)

    def _select(self, synth: Any, number: int, program: int) -> None:
        for preset in (program, 0):
            if synth.sfpreset_name(number, self.bank, preset) is not None:
                synth.program_select(0, number, self.bank, preset)
                return
        raise DataError(f"{self.font.path.name} has no preset {program} in bank {self.bank}; take a General-MIDI font")


def _clips(sound: NDArray[np.int16]) -> bool:
    return bool(sound.size) and (int(sound.max()) >= 32767 or int(sound.min()) <= -32767)


def _events(part: Part, length: int) -> list[tuple[int, int, int]]:
    """The part as (sample, pitch, velocity), velocity 0 to end a note; ends before starts, all before `length`."""
    rows = part.notes[["start", "length", "pitch", "velocity"]].tolist()
    starts = [(start, pitch, velocity) for start, _, pitch, velocity in rows]
    ends = [(start + span, pitch, 0) for start, span, pitch, _ in rows]
    return sorted((e for e in starts + ends if e[0] < length), key=lambda event: (event[0], event[2] > 0, event[1]))


def _new(gain: float) -> Any:
    quiet = {"synth.reverb.active": 0, "synth.chorus.active": 0, "synth.lock-memory": 0, "synth.cpu-cores": 1}
    return library().Synth(gain=gain, samplerate=float(RATE), channels=16, **quiet)


def _load(synth: Any, path: Path) -> int:
    number: int = synth.sfload(str(path))
    if number < 0:
        raise DataError(f"FluidSynth cannot load {path}; give an .sf2 or .sf3 file")
    return number


@cache
def _master(path: Path) -> Any:
    """A synth that stays open, so that the font's samples stay in memory."""
    synth = _new(GAIN)
    _load(synth, path)
    return synth


@contextmanager
def _synth(path: Path, gain: float) -> Iterator[tuple[Any, int]]:
    """A fresh synth with the font loaded, and the font's number in it."""
    _master(path)
    synth = _new(gain)
    try:
        yield synth, _load(synth, path)
    finally:
        synth.delete()
