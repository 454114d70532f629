"""Synthesised drums: heads (tuned membranes), metal and noise, placed by the General-MIDI drum map."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from stemweave.band.instruments import amplified, play
from stemweave.band.score import RATE, Part
from stemweave.band.tones import Audio, cycles, damped, fall, high, low, noise, resonant, sine

Head = Callable[[np.random.Generator, float, float, float, int], Audio]  # (rng, Hz, sweep in octaves, t60 s, samples)
Metal = Callable[[np.random.Generator, float, float, int], Audio]  # (rng, Hz, t60 s, samples)

MEMBRANE = np.array([1.0, 1.593, 2.136, 2.296, 2.653, 2.918, 3.156, 3.5, 3.6, 4.06])  # zeros of J_m over the lowest
HATS = (42, 44, 46)  # a new stroke ends the last


def swept_head(_rng: np.random.Generator, hz: float, sweep: float, t60: float, samples: int) -> Audio:
    """One sine whose pitch falls by `sweep` octaves: the analogue drum machine's head."""
    glide = hz * 2.0 ** (sweep * fall(samples, 0.12).astype(np.float64))
    return sine(np.cumsum(glide) / RATE % 1.0) * fall(samples, t60)


def membrane_head(rng: np.random.Generator, hz: float, sweep: float, t60: float, samples: int) -> Audio:
    """Ten modes of an ideal round membrane, higher ones dying sooner, over a short thump."""
    rates = 6.9078 / t60 * (1.0 + 0.6 * np.arange(MEMBRANE.size))
    sizes = rng.uniform(0.2, 1.0, MEMBRANE.size) / (1.0 + np.arange(MEMBRANE.size))
    body = damped(hz * MEMBRANE, rates, sizes * np.exp(2j * np.pi * rng.random(MEMBRANE.size)), samples)
    return body + swept_head(rng, hz, sweep, 0.5 * t60, samples)


def fm_head(rng: np.random.Generator, hz: float, sweep: float, t60: float, samples: int) -> Audio:
    """A sine modulated at an unwhole ratio, its depth dying quickly."""
    depth = np.float32(0.2 + 0.4 * sweep) * fall(samples, 0.4 * t60)
    return sine(cycles(hz, samples) + depth * sine(cycles(hz * rng.uniform(1.3, 2.7), samples))) * fall(samples, t60)


def square_metal(rng: np.random.Generator, hz: float, t60: float, samples: int) -> Audio:
    """Six clashing square waves: the analogue drum machine's cymbal."""
    ratios = np.array([1.0, 1.34, 1.52, 1.71, 2.11, 2.57]) * rng.uniform(0.95, 1.05, 6)
    squares = sum(np.sign(cycles(hz * ratio, samples) - 0.5) for ratio in ratios.tolist())
    return high(np.asarray(squares, dtype=np.float32), 2.0 * hz) * fall(samples, t60)


def struck_metal(rng: np.random.Generator, hz: float, t60: float, samples: int) -> Audio:
    """Sixty modes of a plate at random, higher ones dying sooner."""
    f = hz * np.exp(rng.uniform(-0.7, 2.6, 60))
    f = f[f < 15000.0]
    rates = 6.9078 / t60 * (0.6 + f / 6000.0)
    return damped(f, rates, rng.standard_normal(f.size) + 1j * rng.standard_normal(f.size), samples)


def fm_metal(rng: np.random.Generator, hz: float, t60: float, samples: int) -> Audio:
    """Frequency modulation deep enough to sound like metal."""
    inner = sine(cycles(hz * rng.uniform(2.2, 3.4), samples))
    return high(sine(cycles(2.0 * hz, samples) + inner + 0.7 * inner**2), hz) * fall(samples, t60)


@dataclass(frozen=True)
class Kit:
    """A drum kit: two ways of making sound and the numbers of a song."""

    seed: int
    head: Head
    metal: Metal
    kick: float  # Hz
    drop: float  # octaves the kick falls
    boom: float  # s, 60 dB time of the kick
    click: float  # level of its beater
    snare: float  # Hz
    rattle: float  # level of the snares against the head
    crack: float  # s, 60 dB time of the snares
    color: float  # Hz, low-pass of the snares
    tom: float  # Hz of the middle tom
    ring: float  # s, 60 dB time of toms and hand drums
    plate: float  # Hz of hats and cymbals
    chick: float  # s, 60 dB time of the closed hat
    wash: float  # s, 60 dB time of the crash
    hiss: float  # share of noise in hats and cymbals
    metals: float  # level of hats and cymbals
    touch: float  # loudness is velocity to this power
    drive: float
    cabinet: float  # Hz

    def render(self, part: Part, length: int) -> Audio:
        """The part as sound, float32 of shape (length,) at 44100 Hz."""
        notes = part.notes.copy()
        notes["length"] = _choked(notes, np.array([self._ring(pitch) for pitch in notes["pitch"].tolist()], dtype=int))
        return amplified(play(notes, length, self.stroke, 0.01, self.touch), self.drive, self.cabinet)

    def stroke(self, pitch: int, velocity: float, samples: int) -> Audio:
        """One stroke of the General-MIDI drum `pitch`, `samples` long."""
        rng = np.random.default_rng((self.seed, pitch, int(8 * velocity)))
        make, tuning, t60 = STROKES.get(pitch, STROKES[39])
        return make(self, rng, velocity, tuning, t60, samples)

    def _ring(self, pitch: int) -> int:
        make, _, t60 = STROKES.get(pitch, STROKES[39])
        longest: dict[Stroke, float] = {
            _kick: self.boom,
            _snare: max(self.crack, 0.3),
            _tom: self.ring * t60,
            _hat: self.chick * t60,
        }
        return int(RATE * min(1.1 * longest.get(make, self.wash * t60), 4.0)) + 64


Stroke = Callable[[Kit, np.random.Generator, float, float, float, int], Audio]


def _kick(kit: Kit, rng: np.random.Generator, velocity: float, tuning: float, t60: float, samples: int) -> Audio:
    beater = low(noise(rng, samples), 1500.0 + 4000.0 * velocity) * fall(samples, 0.02)
    return 1.4 * kit.head(rng, kit.kick * tuning, kit.drop, kit.boom * t60, samples) + np.float32(kit.click) * beater


def _snare(kit: Kit, rng: np.random.Generator, velocity: float, tuning: float, t60: float, samples: int) -> Audio:
    wires = low(high(noise(rng, samples), 300.0), kit.color * (0.6 + 0.8 * velocity)) * fall(samples, kit.crack * t60)
    return 0.8 * kit.head(rng, kit.snare * tuning, 0.3, 0.25 * t60, samples) + np.float32(kit.rattle) * wires


def _tom(kit: Kit, rng: np.random.Generator, _velocity: float, tuning: float, t60: float, samples: int) -> Audio:
    return kit.head(rng, kit.tom * tuning, 0.4 * kit.drop, kit.ring * t60, samples)


def _plate(kit: Kit, rng: np.random.Generator, tuning: float, t60: float, floor: float, level: float, samples: int) -> Audio:
    """Metal and air above `floor` Hz, its loudest 10 ms at the RMS `level` of the kit's metals."""
    metal = high(kit.metal(rng, kit.plate * tuning, t60, samples), floor)
    air = high(high(noise(rng, samples), 4000.0), 4000.0) * fall(samples, t60)
    sound = np.float32((1.0 - kit.hiss) / _loudness(metal)) * metal + np.float32(kit.hiss / _loudness(air)) * air
    return np.asarray(sound * np.float32(level * kit.metals / _loudness(sound)), dtype=np.float32)


def _loudness(x: Audio) -> float:
    """The RMS of the first 10 ms."""
    return float(np.sqrt(np.mean(x[: RATE // 100] ** 2))) + 1e-9


def _hat(kit: Kit, rng: np.random.Generator, _velocity: float, tuning: float, t60: float, samples: int) -> Audio:
    return _plate(kit, rng, tuning, kit.chick * t60, 4000.0, 0.6, samples)


def _cymbal(kit: Kit, rng: np.random.Generator, _velocity: float, tuning: float, t60: float, samples: int) -> Audio:
    return _plate(kit, rng, tuning, kit.wash * t60, 1500.0, 0.8, samples)


def _block(_kit: Kit, rng: np.random.Generator, _velocity: float, tuning: float, t60: float, samples: int) -> Audio:
    f = 800.0 * tuning * np.array([1.0, 1.5 + rng.uniform(-0.1, 0.1), 2.7])
    return 0.6 * damped(f, 6.9078 / t60 * np.array([1.0, 1.4, 2.0]), [0.7, 0.5, 0.2], samples)


def _dust(_kit: Kit, rng: np.random.Generator, _velocity: float, tuning: float, t60: float, samples: int) -> Audio:
    return 0.5 * resonant(high(noise(rng, samples), 1000.0 * tuning), 5000.0 * tuning, 1.5) * fall(samples, t60)


STROKES: Mapping[int, tuple[Stroke, float, float]] = MappingProxyType(
    {  # General-MIDI pitch: (maker, tuning, 60 dB time relative to the kit's or, for blocks and dust, in s)
        35: (_kick, 0.92, 1.1), 36: (_kick, 1.0, 1.0), 37: (_block, 1.3, 0.06), 38: (_snare, 1.0, 1.0),
        39: (_dust, 0.8, 0.18), 40: (_snare, 1.12, 0.8), 41: (_tom, 0.6, 1.2), 43: (_tom, 0.7, 1.1),
        45: (_tom, 0.84, 1.0), 47: (_tom, 1.0, 1.0), 48: (_tom, 1.2, 0.9), 50: (_tom, 1.42, 0.8),
        42: (_hat, 1.0, 1.0), 44: (_hat, 0.95, 0.7), 46: (_hat, 1.0, 7.0),
        49: (_cymbal, 0.8, 1.0), 57: (_cymbal, 0.7, 1.1), 55: (_cymbal, 1.1, 0.5), 52: (_cymbal, 0.6, 0.8),
        51: (_cymbal, 0.9, 0.5), 59: (_cymbal, 1.0, 0.5), 53: (_block, 2.9, 0.9),
        54: (_dust, 1.6, 0.12), 56: (_block, 0.75, 0.25), 58: (_dust, 0.5, 0.3),
        60: (_tom, 3.0, 0.4), 61: (_tom, 2.2, 0.4), 62: (_tom, 2.0, 0.25), 63: (_tom, 2.0, 0.6), 64: (_tom, 1.5, 0.7),
        65: (_tom, 2.5, 0.7), 66: (_tom, 1.8, 0.7), 67: (_block, 1.2, 0.4), 68: (_block, 0.9, 0.4),
        69: (_dust, 1.2, 0.08), 70: (_dust, 1.4, 0.05), 73: (_dust, 0.9, 0.1), 74: (_dust, 0.9, 0.3),
        75: (_block, 3.0, 0.08), 76: (_block, 1.3, 0.09), 77: (_block, 0.9, 0.1), 80: (_block, 5.0, 0.1),
        81: (_block, 5.0, 1.5), 82: (_dust, 1.8, 0.06),
    }
)  # fmt: skip


def _choked(notes: NDArray[np.void], rings: NDArray[np.int_]) -> NDArray[np.int_]:
    """The rings in samples, each hat's cut at the next hat."""
    hats = np.flatnonzero(np.isin(notes["pitch"], HATS))
    gaps = np.diff(notes["start"][hats])
    rings[hats[:-1]] = np.minimum(rings[hats[:-1]], np.maximum(gaps, 1))
    return rings
