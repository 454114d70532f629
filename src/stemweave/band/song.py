"""One song: composed, played, through effects, levelled. No files."""

import json
from dataclasses import dataclass
from typing import Any, Protocol
from zlib import crc32

import numpy as np
import soxr
from numpy.typing import NDArray

from stemweave.band.composer import VERSION, compose
from stemweave.band.effects import Room, apply, described, draw_chain, draw_room
from stemweave.band.instruments import Instrument
from stemweave.band.kinds import Kinds
from stemweave.band.levels import FULL, HEADROOM, SPREAD, TARGETS, db, levelled, quantised, silent_share
from stemweave.band.score import RATE, STEMS, Programs, Score
from stemweave.band.soundfont import DRUM_BANK, Font, SoundFont
from stemweave.band.styles import NAMED
from stemweave.band.tones import Audio

Rng = np.random.Generator


class Writer(Protocol):
    """Whoever writes the notes of a set."""

    @property
    def name(self) -> str:
        """For the set's recipe."""
        ...

    @property
    def licence(self) -> str:
        """Of the notes."""
        ...

    def __call__(self, index: int, rng: Rng, seconds: float, programs: Programs, /) -> Score:
        """The score of song `index`, every draw from `rng`."""
        ...


@dataclass(frozen=True)
class Composer:
    """The band's own composer, in the styles named."""

    styles: tuple[str, ...] = tuple(NAMED)
    licence: str = "notes: stemweave's composer"

    @property
    def name(self) -> str:
        """With the styles, where they are not all."""
        chosen = "" if set(self.styles) == set(NAMED) else ": " + ", ".join(self.styles)
        return f"composer {VERSION}{chosen}"

    def __call__(self, _index: int, rng: Rng, seconds: float, programs: Programs) -> Score:
        """A new song."""
        return compose(rng, seconds, programs, [NAMED[name] for name in self.styles])


@dataclass(frozen=True)
class Band:
    """What the songs of one split are drawn from; it travels to worker processes."""

    split: str
    programs: Programs
    kinds: Kinds
    fonts: tuple[Font, ...]
    procedural: float  # probability that a stem is played by a procedural kind; 1 without fonts
    write: Writer = Composer()

    def streams(self, seed: int, index: int) -> tuple[Rng, Rng, Rng]:
        """Song `index`'s generators, of notes, players and sound; no two (split, seed, index) share them."""
        root = np.random.SeedSequence((VERSION, crc32(self.split.encode()), seed, index))
        notes, players, sound = (np.random.default_rng(child) for child in root.spawn(3))
        return notes, players, sound


@dataclass(frozen=True)
class Player:
    """Who plays a stem: the instrument and what the track's notes say of it."""

    instrument: Instrument
    facts: dict[str, Any]


def draw_player(rng: Rng, band: Band, stem: str, program: int) -> Player:
    """A player for `stem`: procedural with the band's probability, else one of its fonts."""
    procedural = rng.random() < band.procedural or not band.fonts
    kind = band.kinds[stem][int(rng.integers(len(band.kinds[stem])))]
    instrument, numbers = kind.draw(rng)
    pick = rng.random()
    if procedural:
        return Player(instrument, {"back_end": "procedural", "instrument": kind.name, "timbre": numbers})
    font = band.fonts[int(pick * len(band.fonts))]
    facts = {"back_end": "soundfont", "font": font.path.name, "sha256": font.sha256, "program": program}
    return Player(SoundFont(font, DRUM_BANK if stem == "drums" else 0), facts)


def render_song(
    band: Band, seed: int, index: int, seconds: float, rate: int = 22050
) -> tuple[NDArray[np.int16], Score, dict[str, Any]]:
    """Song `index` of the set (band, seed).

    Args:
        band: what it is drawn from.
        seed: of the set.
        index: of the song in the set, from 0.
        seconds: length.
        rate: Hz of the result; the instruments play at 44.1 kHz.

    Returns:
        The stems, int16 (4, samples) in the order of `score.STEMS`, whose sum is the mixture and never clips; the score;
        and the facts that ``track.json`` holds.

    Raises:
        MissingExtra: when a stem needs FluidSynth and it is not installed.
    """
    notes, players, sound = band.streams(seed, index)
    score = band.write(index, notes, seconds, band.programs)
    room = draw_room(sound)
    headroom = float(sound.uniform(*HEADROOM))
    takes = [_take(band, score, stem, players, sound, room, rate) for stem in STEMS]
    stems, gain = quantised(np.stack([audio for audio, _ in takes]), headroom)
    facts = {stem: fact | _measured(x, rate) for stem, x, (_, fact) in zip(STEMS, stems, takes, strict=True)}
    return stems, score, _facts(score, rate, stems.shape[1]) | {
        "room": described(room), "gain": gain, "headroom_db": headroom, "stems": facts,
    }  # fmt: skip


def _take(band: Band, score: Score, stem: str, players: Rng, sound: Rng, room: Room, rate: int) -> tuple[Audio, dict[str, Any]]:
    """One stem's audio at its level, (samples,) at `rate`, and its facts; an absent stem makes the same draws."""
    part = score.parts[stem]
    player = draw_player(players, band, stem, part.program)
    chain = draw_chain(sound, stem, room)
    level = TARGETS[stem] + SPREAD * float(sound.standard_normal())
    if not part.present:
        return np.zeros(frames(score.length, rate), dtype=np.float32), {}
    audio = apply(chain, resampled(player.instrument.render(part, score.length), rate), rate)
    return levelled(audio, rate, level), player.facts | {
        "effects": [described(effect) for effect in chain],
        "target_dbfs": level,
    }


def frames(length: int, rate: int) -> int:
    """The samples at `rate` that `length` samples at 44.1 kHz become."""
    return round(length * rate / RATE)


def resampled(x: Audio, rate: int) -> Audio:
    """`x` from 44.1 kHz to `rate`, exactly `frames` long."""
    if rate == RATE:
        return x
    y = soxr.resample(x, RATE, rate)
    n = frames(x.size, rate)
    return np.pad(y[:n], (0, max(n - y.size, 0)))


def _measured(x: NDArray[np.int16], rate: int) -> dict[str, Any]:
    """What is measured on a written stem; one whose every sample is 0 counts as absent."""
    if not x.any():
        return {"present": False}
    rms = db(float(np.sqrt(np.mean((x / FULL) ** 2))))
    peak = db(float(np.abs(x.astype(np.int32)).max() / FULL))
    return {"present": True, "peak_dbfs": peak, "rms_dbfs": rms, "silent_share": silent_share(x, rate)}


def _facts(score: Score, rate: int, samples: int) -> dict[str, Any]:
    """The score's facts, times in samples at `rate`."""

    def marks(rows: Any) -> list[tuple[int, str]]:
        return [(frames(int(start), rate), name) for start, name in rows]

    return {
        "rate": rate, "samples": samples, "style": score.style, "tempo": score.tempo, "meter": score.meter,
        "key": score.key, "chords": marks(score.chords), "sections": marks(score.sections),
        "beats": [frames(int(beat), rate) for beat in score.beats],
        "downbeats": [frames(int(beat), rate) for beat in score.downbeats],
        "notes_sha256": score.digest(),
    }  # fmt: skip


def as_json(facts: Any) -> str:
    """Facts as JSON; a function stands as its name."""
    return json.dumps(facts, default=lambda value: value.__name__)
