"""Effects after the instruments: equaliser, drive, chorus, compressor, room. scipy only; every number is drawn per song.

Audio is float32 of shape (samples,); an effect keeps the length. An effect is a frozen dataclass: ``effect(x, rate)``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter, oaconvolve, resample_poly, sosfilt

from stemweave.band.tones import Audio

HOP = 64  # samples between two gains of the compressor


class Effect(Protocol):
    """Anything that turns sound into sound of the same length."""

    def __call__(self, x: Audio, rate: int, /) -> Audio:
        """The sound `x`, (samples,) at `rate` Hz, through the effect."""
        ...


@dataclass(frozen=True)
class Equaliser:
    """A low shelf, a peak and a high shelf (R. Bristow-Johnson's cookbook), gains in dB, and nothing below 25 Hz."""

    low: float
    low_hz: float
    peak: float
    peak_hz: float
    high: float
    high_hz: float

    def __call__(self, x: Audio, rate: int, /) -> Audio:
        """`x` through all bands, in one pass."""
        bands = [
            _shelf(self.low, self.low_hz, rate, -1.0),
            _peak(self.peak, self.peak_hz, rate),
            _shelf(self.high, self.high_hz, rate, 1.0),
            _without_dc(rate),
        ]
        return np.asarray(sosfilt(np.array(bands, dtype=np.float32), x), dtype=np.float32)


def _shelf(gain: float, hz: float, rate: int, side: float) -> list[float]:
    """A shelf's section: below `hz` for side -1, above for side +1; slope 1."""
    a, w = 10.0 ** (gain / 40.0), 2.0 * np.pi * min(hz, 0.4 * rate) / rate
    cos, root = side * np.cos(w), 2.0 * np.sqrt(a) * np.sin(w) * np.sqrt(0.5)
    b0, b1 = a * (a + 1 + (a - 1) * cos + root), -2 * a * side * (a - 1 + (a + 1) * cos)
    b2 = a * (a + 1 + (a - 1) * cos - root)
    a0, a1, a2 = a + 1 - (a - 1) * cos + root, 2 * side * (a - 1 - (a + 1) * cos), a + 1 - (a - 1) * cos - root
    return [float(value / a0) for value in (b0, b1, b2, a0, a1, a2)]


def _peak(gain: float, hz: float, rate: int) -> list[float]:
    """A bell's section of quality 1."""
    a, w = 10.0 ** (gain / 40.0), 2.0 * np.pi * min(hz, 0.4 * rate) / rate
    alpha, cos = np.sin(w) / 2.0, np.cos(w)
    a0 = 1.0 + alpha / a
    return [float(v / a0) for v in (1 + alpha * a, -2 * cos, 1 - alpha * a, a0, -2 * cos, 1 - alpha / a)]


def _without_dc(rate: int) -> list[float]:
    """A first-order high-pass's section at 25 Hz."""
    pole = float(np.exp(-2.0 * np.pi * 25.0 / rate))
    return [0.5 + 0.5 * pole, -0.5 - 0.5 * pole, 0.0, 1.0, -pole, 0.0]


@dataclass(frozen=True)
class Drive:
    """A soft clipper at twice the rate, `amount` times over the sound's RMS, blended with the clean sound."""

    amount: float
    bias: float  # makes even harmonics
    wet: float

    def __call__(self, x: Audio, _rate: int, /) -> Audio:
        """`x` driven, at about its own RMS."""
        loud = np.float32(np.sqrt(np.mean(x**2)) + 1e-9)
        up = resample_poly(x / loud, 2, 1)
        bent = np.tanh(np.float32(self.amount) * up + np.float32(self.bias)) - np.float32(np.tanh(self.bias))
        bent = resample_poly(bent, 1, 2)[: x.size].astype(np.float32)
        bent *= loud / np.float32(np.sqrt(np.mean(bent**2)) + 1e-9)
        return np.asarray((1.0 - self.wet) * x + self.wet * bent, dtype=np.float32)


@dataclass(frozen=True)
class Chorus:
    """One copy with a delay that swings: `delay` ± `depth` s at `hz`."""

    delay: float
    depth: float
    hz: float
    wet: float

    def __call__(self, x: Audio, rate: int, /) -> Audio:
        """`x` with its wandering copy."""
        n = np.arange(x.size)
        at = n - rate * (self.delay + self.depth * np.sin(2.0 * np.pi * self.hz / rate * n))
        whole = np.floor(at).astype(np.int64)
        part = (at - whole).astype(np.float32)
        padded = np.concatenate([np.zeros(1, np.float32), x, np.zeros(1, np.float32)])
        left = np.clip(whole + 1, 0, x.size)
        copy = padded[left] * (1.0 - part) + padded[left + 1] * part
        copy[at < 0] = 0.0
        return np.asarray(x + self.wet * copy, dtype=np.float32)


@dataclass(frozen=True)
class Compressor:
    """Above `threshold` dB relative to the sound's RMS the level grows by 1 / `ratio`; one gain per 64 samples."""

    threshold: float
    ratio: float
    attack: float  # s
    release: float  # s

    def __call__(self, x: Audio, rate: int, /) -> Audio:
        """`x` compressed."""
        blocks = np.pad(x, (0, -x.size % HOP)).reshape(-1, HOP)
        power = np.mean(blocks**2, axis=1)
        level = 10.0 * np.log10(np.maximum(power / (power.mean() + 1e-12), 1e-6))
        wanted = np.maximum(level - self.threshold, 0.0) * (1.0 / self.ratio - 1.0)
        fast, slow = (np.exp(-HOP / (rate * t)) for t in (self.attack, self.release))
        eased = np.minimum(_follow(wanted, fast), _follow(wanted, slow))
        gains = 10.0 ** (eased / 20.0)
        curve = np.interp(np.arange(x.size), HOP * (np.arange(gains.size) + 0.5), gains)
        return np.asarray(x * curve, dtype=np.float32)


def _follow(x: NDArray[np.float64], pole: float) -> NDArray[np.float64]:
    return np.asarray(lfilter([1.0 - pole], [1.0, -pole], x))


@dataclass(frozen=True)
class Room:
    """A room as exponentially falling noise: `t60` s, `damping` Hz low-pass, `gap` s before the first reflection."""

    seed: int
    t60: float
    damping: float
    gap: float

    def impulse(self, rate: int) -> Audio:
        """The room's response without the direct sound, unit energy."""
        rng = np.random.default_rng(self.seed)
        n = int(self.t60 * rate)
        tail = rng.standard_normal(n) * np.exp(-6.9078 * np.arange(n) / n)
        pole = np.exp(-2.0 * np.pi * self.damping / rate)
        dull = lfilter([1.0 - pole], [1.0, -pole], tail)
        dull = dull - lfilter([0.02], [1.0, -0.98], dull)
        quiet = np.zeros(int(self.gap * rate))
        return np.concatenate([quiet, dull / np.sqrt(np.sum(dull**2))]).astype(np.float32)

    def send(self, amount: float) -> "Send":
        """The effect that adds `amount` of this room."""
        return Send(self, amount)


@dataclass(frozen=True)
class Send:
    """A sound in a room: dry plus `amount` of the room's response."""

    room: Room
    amount: float

    def __call__(self, x: Audio, rate: int, /) -> Audio:
        """`x` in the room; the tail stops where `x` does."""
        wet = oaconvolve(x, self.room.impulse(rate))[: x.size]
        return np.asarray(x + np.float32(self.amount) * wet, dtype=np.float32)


Chances = dict[str, float]
CHANCES: dict[str, Chances] = {  # of drive, chorus and compressor per stem
    "bass": {"drive": 0.25, "chorus": 0.1, "compressor": 0.5},
    "drums": {"drive": 0.15, "chorus": 0.0, "compressor": 0.5},
    "guitar": {"drive": 0.3, "chorus": 0.3, "compressor": 0.3},
    "piano": {"drive": 0.08, "chorus": 0.2, "compressor": 0.25},
}


def draw_room(rng: np.random.Generator) -> Room:
    """The room of a song."""
    return Room(int(rng.integers(2**31)), _log(rng, 0.15, 1.6), _log(rng, 1500, 9000), float(rng.uniform(0.0, 0.03)))


def draw_chain(rng: np.random.Generator, stem: str, room: Room) -> tuple[Effect, ...]:
    """The effects of one stem of a song, in order; they always draw the same count of numbers from `rng`."""
    chances = CHANCES.get(stem, CHANCES["piano"])
    optional: tuple[tuple[str, Callable[[np.random.Generator], Effect]], ...] = (
        ("drive", _drive), ("chorus", _chorus), ("compressor", _compressor),
    )  # fmt: skip
    made = [(rng.random() < chances[name], draw(rng)) for name, draw in optional]
    wet = 0.35 if stem == "bass" else 1.0
    ends = (_equaliser(rng), room.send(wet * _log(rng, 0.03, 0.5)))
    return (*(effect for wanted, effect in made if wanted), *ends)


def apply(chain: tuple[Effect, ...], x: Audio, rate: int) -> Audio:
    """`x`, (samples,) at `rate` Hz, through the effects in order."""
    for effect in chain:
        x = effect(x, rate)
    return x


def described(effect: Any) -> dict[str, Any]:
    """An effect as its name and numbers, for the track's notes."""
    numbers = {key: value for key, value in vars(effect).items() if key != "room"}
    return {"name": type(effect).__name__.lower(), **numbers}


def _log(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _equaliser(rng: np.random.Generator) -> Equaliser:
    gains = np.clip(3.0 * rng.standard_normal(3), -9.0, 9.0).tolist()
    return Equaliser(gains[0], _log(rng, 80, 300), gains[1], _log(rng, 300, 3000), gains[2], _log(rng, 2500, 7000))


def _drive(rng: np.random.Generator) -> Drive:
    return Drive(_log(rng, 0.15, 3.0), float(rng.uniform(0.0, 0.4)), float(rng.uniform(0.4, 1.0)))


def _chorus(rng: np.random.Generator) -> Chorus:
    return Chorus(_log(rng, 0.006, 0.025), _log(rng, 0.0005, 0.003), _log(rng, 0.2, 2.0), float(rng.uniform(0.2, 0.8)))


def _compressor(rng: np.random.Generator) -> Compressor:
    times = _log(rng, 0.002, 0.03), _log(rng, 0.05, 0.3)
    return Compressor(float(rng.uniform(-6.0, 6.0)), float(rng.uniform(2.0, 6.0)), *times)
