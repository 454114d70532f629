"""Procedural pitched instruments: strings by their modes, frequency modulation, subtractive synthesis. No assets.

An instrument is a frozen dataclass of timbre numbers with one method, ``render(part, length)``. The numbers of a song are
drawn from the ranges in `stemweave.band.kinds`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stemweave.band.score import RATE, Part
from stemweave.band.tones import CEILING, Audio, cycles, damped, fall, hertz, low, noise, resonant, saw, sine

LAYERS = 3  # velocity layers: a tone is made once per pitch and layer, as a sampler would hold it
LONGEST = 5.0  # s, no tone is made longer


class Instrument(Protocol):
    """Anything that plays a part."""

    def render(self, part: Part, length: int) -> Audio:
        """The part as sound, float32 of shape (length,) at 44100 Hz."""
        ...


Tone = Callable[[int, float, int], Audio]  # (MIDI pitch, velocity in 0..1, samples) -> (samples,)


def play(notes: NDArray[np.void], length: int, tone: Tone, release: float, touch: float) -> Audio:
    """Place one tone per note, faded over `release` s after its end.

    Args:
        notes: structured array of `stemweave.band.score.NOTE`.
        length: samples of the result.
        tone: makes a tone; called once per pitch and velocity layer, and cut to each note's length.
        release: s.
        touch: loudness is velocity to this power.
    """
    out = np.zeros(length, dtype=np.float32)
    fade = np.linspace(1.0, 0.0, max(int(release * RATE), 1), dtype=np.float32) ** 2
    for pitch, velocity, group in _groups(notes):
        spans = np.minimum(group["length"], int(LONGEST * RATE))
        sound = tone(pitch, velocity, int(spans.max()) + fade.size)
        gains = (group["velocity"] / 127.0) ** touch
        for start, span, gain in zip(group["start"].tolist(), spans.tolist(), gains.tolist(), strict=True):
            _add(out, start, np.float32(gain) * sound[:span], np.float32(gain) * sound[span : span + fade.size] * fade)
    return out


def _groups(notes: NDArray[np.void]) -> Iterator[tuple[int, float, NDArray[np.void]]]:
    """The notes by pitch and velocity layer: (pitch, middle velocity of the layer in 0..1, notes)."""
    keys = notes["pitch"].astype(int) * LAYERS + notes["velocity"].astype(int) * LAYERS // 128
    for key in np.unique(keys).tolist():
        pitch, layer = divmod(key, LAYERS)
        yield pitch, (layer + 0.5) / LAYERS, notes[keys == key]


def _add(out: Audio, start: int, body: Audio, tail: Audio) -> None:
    for piece in (body, tail):
        room = out[start : start + piece.size]
        room += piece[: room.size]
        start += piece.size


@dataclass(frozen=True)
class String:
    """A plucked or struck string by the modes of its loop.

    Mode k of a Karplus-Strong loop with gain g, damping filter (1 - s) + s/z and ideal fractional delay has a frequency
    and a decay known in closed form; so the loop is not run but summed, in tune to rounding, with stiffness, a second
    slower decay and beating strings for the same price.
    """

    seed: int
    sustain: float  # s, 60 dB time of the fundamental at middle C
    shorter: float  # sustain halves this many times per octave up
    damping: float  # s of the loop's low-pass, 0 (none) to 0.5
    stiffness: float  # B of f_k = k f_0 sqrt(1 + B k^2)
    position: float  # of pick or hammer along the string, 0 to 0.5
    hardness: float  # Hz, above it the excitation falls
    tilt: float  # partial k starts at k^-tilt
    bite: float  # octaves that velocity adds to hardness
    touch: float  # loudness is velocity to this power
    after: float  # share of the second, slow decay
    slow: float  # how much slower it is
    beating: float  # cents between the strings of a course
    body: float  # Hz, resonance of the body
    bloom: float  # gain of that resonance
    scrape: float  # level of the attack's noise
    tick: float  # s, 60 dB time of that noise
    release: float  # s
    drive: float  # 0 is clean
    cabinet: float  # Hz, low-pass after the drive

    def render(self, part: Part, length: int) -> Audio:
        """The part as sound, float32 of shape (length,) at 44100 Hz."""
        dry = play(part.notes, length, self.tone, self.release, self.touch)
        return amplified(dry, self.drive, self.cabinet)

    def tone(self, pitch: int, velocity: float, samples: int) -> Audio:
        """One note held for `samples` samples, of unit energy at its start."""
        rng = np.random.default_rng((self.seed, pitch))
        f, rates, sizes = self._modes(hertz(pitch), velocity)
        weights = sizes * np.exp(2j * np.pi * rng.random(f.size)) / np.sqrt(np.sum(sizes**2))
        apart = 2.0 ** (self.beating / 2400.0)
        sound = damped(
            np.concatenate([f / apart, f * apart]),
            np.concatenate([rates, rates / self.slow]),
            np.concatenate([(1.0 - self.after) * weights, self.after * weights]),
            samples,
        )
        return sound + self._attack(rng, velocity, samples)

    def _modes(self, f0: float, velocity: float) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        k = np.arange(1, max(int(CEILING / f0), 1) + 1)[:90]
        f = k * f0 * np.sqrt((1.0 + self.stiffness * k**2) / (1.0 + self.stiffness))
        k, f = k[f < CEILING], f[f < CEILING]
        loss = 1.0 - 4.0 * self.damping * (1.0 - self.damping) * np.sin(np.pi * f / RATE) ** 2
        t60 = self.sustain * 2.0 ** (-self.shorter * np.log2(f0 / 261.63))
        rates = 6.9078 / t60 - 0.5 * f0 * np.log(loss)
        hardness = self.hardness * 2.0 ** (self.bite * (velocity - 0.5))
        body = 1.0 + self.bloom / (1.0 + (4.0 * np.log2(f / self.body)) ** 2)
        sizes = np.abs(np.sin(np.pi * k * self.position)) * k**-self.tilt * body / (1.0 + (f / hardness) ** 2)
        return f, rates, sizes + 1e-4 * sizes.max()

    def _attack(self, rng: np.random.Generator, velocity: float, samples: int) -> Audio:
        short = min(samples, int(self.tick * RATE) + 1)
        sound = np.zeros(samples, dtype=np.float32)
        level = np.float32(self.scrape * velocity)
        sound[:short] = level * low(noise(rng, short), self.hardness) * fall(short, self.tick)
        return sound


@dataclass(frozen=True)
class Fm:
    """Two stacks of frequency modulation with whole ratios, after Chowning: a singing one and a struck one."""

    ratio: int  # of the first modulator to the note
    index: float  # its depth in radians at full velocity
    fade: float  # s, 60 dB time of the depth
    floor: float  # share of the depth that stays
    sustain: float  # s, 60 dB time of the sound at middle C
    shorter: float  # sustain halves this many times per octave up
    ratio2: int  # carrier of the struck stack
    ratio3: int  # its modulator
    index2: float
    level2: float
    fade2: float  # s, 60 dB time of the struck stack
    attack: float  # s
    touch: float
    bite: float  # how strongly velocity moves the depths
    beating: float  # cents between the two stacks' fundamentals
    tremolo: float  # depth
    rate: float  # Hz of the tremolo
    release: float  # s
    drive: float
    cabinet: float  # Hz

    def render(self, part: Part, length: int) -> Audio:
        """The part as sound, float32 of shape (length,) at 44100 Hz."""
        dry = play(part.notes, length, self.tone, self.release, self.touch)
        wobble = 1.0 + self.tremolo * sine(cycles(self.rate, length)) if self.tremolo > 0.0 else np.float32(1.0)
        return amplified(dry * wobble, self.drive, self.cabinet)

    def tone(self, pitch: int, velocity: float, samples: int) -> Audio:
        """One note held for `samples` samples, of about unit peak."""
        f0 = hertz(pitch)
        turns = cycles(f0, samples)
        t60 = self.sustain * 2.0 ** (-self.shorter * np.log2(f0 / 261.63))
        bite = np.float32(velocity**self.bite * min(1.0, 4000.0 / (f0 * self.ratio)))
        depth = bite * np.float32(self.index / (2.0 * np.pi))
        sweep = self.floor + (1.0 - self.floor) * fall(samples, self.fade)
        sound = fall(samples, t60) * sine(turns + depth * sweep * sine(self.ratio * turns))
        if f0 * self.ratio2 < CEILING / 2.0:
            sound = sound + self._struck(cycles(f0 * 2.0 ** (self.beating / 1200.0), samples), bite)
        rise = min(samples, int(self.attack * RATE) + 1)
        sound[:rise] *= np.linspace(0.0, 1.0, rise, dtype=np.float32)
        return sound

    def _struck(self, turns: NDArray[np.float64], bite: np.float32) -> Audio:
        depth = bite * np.float32(self.index2 / (2.0 * np.pi))
        envelope = bite * np.float32(self.level2) * fall(turns.size, self.fade2)
        return envelope * sine(self.ratio2 * turns + depth * sine(self.ratio3 * turns))


@dataclass(frozen=True)
class Subtractive:
    """Two detuned saws or pulses and a sub-octave through a resonant low-pass that closes after the attack."""

    seed: int
    pulse: float  # 0 saw, 1 pulse
    width: float  # of the pulse, 0 to 0.5
    apart: float  # cents that the quieter oscillator is above the note
    sub: float  # level of the sub-octave
    hiss: float  # level of noise
    cutoff: float  # Hz where the filter rests at middle C
    follow: float  # share of the keyboard's slope in the cutoff
    opening: float  # octaves the filter opens at the attack
    bite: float  # octaves more at full velocity
    fade: float  # s, 60 dB time of the opening
    q: float
    attack: float  # s
    sustain: float  # s, 60 dB time
    level: float  # share that does not decay
    touch: float
    release: float  # s
    drive: float
    cabinet: float  # Hz

    def render(self, part: Part, length: int) -> Audio:
        """The part as sound, float32 of shape (length,) at 44100 Hz."""
        dry = play(part.notes, length, self.tone, self.release, self.touch)
        return amplified(dry, self.drive, self.cabinet)

    def tone(self, pitch: int, velocity: float, samples: int) -> Audio:
        """One note held for `samples` samples, of about unit peak."""
        rng = np.random.default_rng((self.seed, pitch))
        raw = self._source(rng, hertz(pitch), samples)
        rest = self.cutoff * 2.0 ** (self.follow * (pitch - 60) / 12.0)
        peak = rest * 2.0 ** (self.opening + self.bite * velocity)
        opened = fall(samples, self.fade)
        sound = resonant(raw, rest, self.q) * (1.0 - opened) + resonant(raw, peak, self.q) * opened
        sound *= self.level + (1.0 - self.level) * fall(samples, self.sustain)
        rise = min(samples, int(self.attack * RATE) + 1)
        sound[:rise] *= np.linspace(0.0, 1.0, rise, dtype=np.float32)
        return sound

    def _source(self, rng: np.random.Generator, f0: float, samples: int) -> Audio:
        raw = np.float32(self.hiss) * noise(rng, samples) + np.float32(self.sub) * sine(cycles(f0 / 2.0, samples))
        for cents, level in ((0.0, 0.65), (self.apart, 0.35)):
            f = f0 * 2.0 ** (cents / 1200.0)
            turns = (cycles(f, samples) + rng.random()) % 1.0
            raw += np.float32(level) * saw(turns, f)
            if self.pulse:
                raw -= np.float32(level * self.pulse) * saw((turns + self.width) % 1.0, f)
        return raw


def amplified(x: Audio, drive: float, cabinet: float) -> Audio:
    """`x` through a soft clipper (`drive` 0: none) and a second-order low-pass of `cabinet` Hz (from 16 kHz on: none)."""
    if drive > 0.0:
        loud = np.sqrt(np.mean(x**2)) + 1e-9
        x = np.tanh(np.float32(drive / loud) * x)
    return resonant(x, cabinet, 0.7) if cabinet < CEILING else x
