"""Descriptions of our renderer's songs from their ``track.json``: "fingered electric bass, brushed drums, 96 bpm bossa"."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from stemweave.band.styles import NAMED
from stemweave.data.mixtures import labels
from stemweave.errors import DataError, UsageError

PROGRAMS: Mapping[str, Mapping[int, str]] = MappingProxyType(
    {
        "bass": {
            32: "upright bass", 33: "fingered electric bass", 34: "picked electric bass", 35: "fretless bass",
            36: "slap bass", 37: "slap bass", 38: "synth bass", 39: "synth bass",
        },
        "drums": {
            0: "acoustic drums", 8: "room drums", 16: "power drums", 24: "electronic drums", 25: "drum machine",
            32: "jazz drums", 40: "brushed drums",
        },
        "guitar": {
            24: "nylon-string acoustic guitar", 25: "steel-string acoustic guitar", 26: "jazz guitar",
            27: "{tone} electric guitar", 28: "muted electric guitar", 29: "overdriven electric guitar",
            30: "distorted electric guitar", 31: "guitar harmonics",
        },
        "piano": {
            0: "grand piano", 1: "bright piano", 2: "electric grand piano", 3: "honky-tonk piano",
            4: "electric piano", 5: "FM electric piano", 6: "harpsichord", 7: "clavinet",
        },
    }
)  # fmt: skip
"""What each General-MIDI program (from 0; for drums the kit's number) is called; ``{tone}`` is clean or overdriven."""

KINDS: Mapping[str, str] = MappingProxyType(
    {"fingered bass": "fingered electric bass", "electric guitar": "{tone} electric guitar", "analogue drums": "drum machine"}
)
"""What the procedural kinds are called whose own name would not do."""

PHRASINGS = (
    "{band}", "{band}, {tempo} bpm", "{band} at {tempo} bpm", "{band}, {tempo} bpm {style}",
    "{style} at {tempo} bpm with {band}", "{tempo} bpm {style}, {band}", "{style}: {band}", "{band} playing {style}",
)  # fmt: skip


@dataclass(frozen=True)
class Song:
    """What a song's description is made of: its style ("" for none of ours), beats a minute, each stem's instrument."""

    style: str
    tempo: float
    instruments: Mapping[str, str]


@dataclass(frozen=True)
class Descriptions:
    """Describes sub-mixtures of rendered songs, for `stemweave.data.mixtures.Mixtures`.

    Instruments are named in any order, each by its own name or, as often as ``plain`` says, by its stem's; tempo and
    style are told in one of several ways or not at all. As often as ``plain`` says, the text is labels alone ("Bass,
    Drums"). Every draw is from the generator given. Of the ``phrasings`` those with ``{style}`` are for songs that have one.
    Raises :class:`UsageError` for phrasings with anything but ``{band}``, ``{style}`` and ``{tempo}`` to fill in, and where
    all need a style.
    """

    songs: Mapping[str, Song]
    plain: float = 0.25
    phrasings: tuple[str, ...] = PHRASINGS

    def __post_init__(self) -> None:
        for phrasing in self.phrasings:
            try:
                phrasing.format(band="", tempo=0, style="")
            except (LookupError, ValueError, AttributeError, TypeError) as error:
                raise UsageError(f"phrasing {phrasing!r}: expected {{band}}, {{style}} and {{tempo}} to fill in") from error
        if all("{style}" in phrasing for phrasing in self.phrasings):
            raise UsageError("no phrasing without {style}: expected one at least, for songs in no style of ours")

    def __call__(self, track: str, stems: Sequence[str], rng: np.random.Generator) -> str:
        """The text of the ``stems`` of a track; :class:`DataError` for a track or a stem that no manifest knows."""
        instruments = self._instruments(track, stems)
        if rng.random() < self.plain:
            return labels(track, stems, rng)
        named = [stem if rng.random() < self.plain else name for stem, name in zip(stems, instruments, strict=True)]
        song = self.songs[track]
        phrasings = [one for one in self.phrasings if song.style or "{style}" not in one]
        phrasing = phrasings[int(rng.integers(len(phrasings)))]
        band = _JOINS[int(rng.integers(len(_JOINS)))]([named[k] for k in rng.permutation(len(named))])
        return phrasing.format(band=band, tempo=round(song.tempo), style=song.style)

    def _instruments(self, track: str, stems: Sequence[str]) -> list[str]:
        if track not in self.songs:
            raise DataError(f"track {track} has no track.json, expected one for each track of the cache; render it again")
        known = self.songs[track].instruments
        if missing := [stem for stem in stems if stem not in known]:
            raise DataError(f"track {track} has no {', '.join(missing)}, its track.json knows {', '.join(known) or 'none'}")
        return [known[stem] for stem in stems]


def rendered(folder: str | Path) -> Mapping[str, Song]:
    """The songs of one rendered split (``<folder>/<track>/track.json``) by id; :class:`DataError` if there are none."""
    paths = sorted(Path(folder).glob("*/track.json"))
    if not paths:
        raise DataError(f"{folder} holds no <track>/track.json, expected one split of a rendered set; see `stemweave render`")
    return {path.parent.name: _song(path) for path in paths}


def _song(path: Path) -> Song:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        played = {stem: entry for stem, entry in facts["stems"].items() if entry["present"]}
        instruments = {stem: instrument(stem, entry) for stem, entry in played.items()}
        return Song(facts["style"] if facts["style"] in NAMED else "", float(facts["tempo"]), instruments)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is not a rendered song's track.json ({error!r}); render it again") from error


def instrument(stem: str, entry: Mapping[str, Any]) -> str:
    """What a stem's player is called, from its entry in ``track.json``.

    >>> instrument("drums", {"back_end": "soundfont", "program": 40, "effects": []})
    'brushed drums'
    """
    own = entry.get("instrument", "")
    name = KINDS.get(own, own) if own else PROGRAMS.get(stem, {}).get(entry["program"], stem)
    driven = entry.get("timbre", {}).get("drive", 0.0) > 0 or any(effect["name"] == "drive" for effect in entry["effects"])
    return name.format(tone="overdriven" if driven else "clean")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)


def _told(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


_JOINS: tuple[Callable[[Sequence[str]], str], ...] = (_listed, _told)
