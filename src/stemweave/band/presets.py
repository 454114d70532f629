"""The published sets: which programs, kinds, fonts and seeds a split is drawn from.

Train, valid and test-a share their timbres and differ in seeds; test-b has programs and procedural kinds that train never
hears, test-c and test-d fonts of other families, test-e notes that people wrote.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from stemweave.band import kinds as timbres
from stemweave.band import midi, score, soundfont
from stemweave.band.song import Band, Composer, Writer

FLUID = ("FluidR3_GM.sf2", "FluidR3Mono_GM.sf3")


@dataclass(frozen=True)
class Preset:
    """One published set."""

    split: str  # the folder, and part of every song's seed
    songs: int
    programs: score.Programs
    kinds: timbres.Kinds
    fonts: tuple[str, ...]
    procedural: float  # probability that a stem is played by a procedural kind
    writer: Callable[[], Writer] = Composer


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "train": Preset("train", 600, score.TRAIN, timbres.TRAIN, FLUID, 0.25),
        "valid": Preset("validation", 50, score.TRAIN, timbres.TRAIN, FLUID, 0.25),
        "test-a": Preset("test-a", 50, score.TRAIN, timbres.TRAIN, FLUID, 0.25),
        "test-b": Preset("test-b", 50, score.HELD_OUT, timbres.HELD_OUT, FLUID, 0.25),
        "test-c": Preset("test-c", 50, score.TRAIN, timbres.TRAIN, ("TimGM6mb.sf2",), 0.0),
        "test-d": Preset("test-d", 50, score.TRAIN, timbres.TRAIN, ("OPL-3_FM_128M.sf2",), 0.0),
        "test-e": Preset("test-e", 15, score.TRAIN, timbres.TRAIN, FLUID, 0.0, midi.installed),
    }
)


def band(preset: Preset, fonts: tuple[soundfont.Font, ...]) -> Band:
    """The band of a preset, playing `fonts`; without any, it is procedural throughout.

    Raises:
        MissingExtra: when the preset's notes are not installed.
    """
    return Band(
        split=preset.split,
        programs=dict(preset.programs),
        kinds=dict(preset.kinds),
        fonts=fonts,
        procedural=preset.procedural if fonts else 1.0,
        write=preset.writer(),
    )
