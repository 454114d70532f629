"""The procedural kinds of each stem: for every timbre number of an instrument, the range a song draws it from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from stemweave.band.drums import (
    Kit,
    fm_head,
    fm_metal,
    membrane_head,
    square_metal,
    struck_metal,
    swept_head,
)
from stemweave.band.instruments import Fm, Instrument, String, Subtractive

Draw = Callable[[np.random.Generator], Any]


@dataclass(frozen=True)
class Flat:
    """Uniform between two numbers."""

    low: float
    high: float

    def __call__(self, rng: np.random.Generator) -> float:
        """One draw."""
        return float(rng.uniform(self.low, self.high))


@dataclass(frozen=True)
class Log:
    """Uniform in the logarithm between two numbers."""

    low: float
    high: float

    def __call__(self, rng: np.random.Generator) -> float:
        """One draw."""
        return float(np.exp(rng.uniform(np.log(self.low), np.log(self.high))))


class Among(tuple[Any, ...]):
    """One of its items, all equally likely."""

    __slots__ = ()

    def __call__(self, rng: np.random.Generator) -> Any:
        """One draw."""
        return self[int(rng.integers(len(self)))]


@dataclass(frozen=True)
class Sometimes:
    """Another draw with a probability, else 0."""

    chance: float
    draw: Draw

    def __call__(self, rng: np.random.Generator) -> float:
        """One draw."""
        return float(self.draw(rng)) if rng.random() < self.chance else 0.0


def seed(rng: np.random.Generator) -> int:
    """A seed for what an instrument draws itself."""
    return int(rng.integers(2**31))


@dataclass(frozen=True)
class Kind:
    """A procedural kind: a name, a maker and a range for each of the maker's numbers."""

    name: str
    make: Callable[..., Instrument]
    ranges: Mapping[str, Draw]

    def draw(self, rng: np.random.Generator) -> tuple[Instrument, dict[str, Any]]:
        """A new timbre: the instrument and its numbers."""
        numbers = {name: draw(rng) for name, draw in self.ranges.items()}
        return self.make(**numbers), numbers


_PLUCKED: dict[str, Draw] = {
    "seed": seed, "shorter": Flat(0.2, 0.6), "damping": Log(0.01, 0.3), "stiffness": Log(1e-5, 1e-4),
    "position": Flat(0.08, 0.42), "hardness": Log(900, 6000), "tilt": Flat(0.0, 0.8), "bite": Flat(0.5, 3.0),
    "touch": Flat(0.8, 1.8), "after": Flat(0.0, 0.4), "slow": Flat(1.5, 4.0), "beating": Flat(0.0, 2.0),
    "body": Log(90, 500), "bloom": Flat(0.0, 2.5), "scrape": Flat(0.0, 0.35), "tick": Log(0.01, 0.06),
    "release": Log(0.02, 0.15),
}  # fmt: skip

_FM: dict[str, Draw] = {
    "ratio": Among((1, 1, 2, 3, 5, 7,)), "index": Log(0.4, 3.0), "fade": Log(0.2, 2.0), "floor": Flat(0.05, 0.5),
    "sustain": Log(2.0, 8.0), "shorter": Flat(0.1, 0.6), "ratio2": Among((1, 1, 2, 3,)), "ratio3": Among((7, 9, 11, 14,)),
    "index2": Log(0.3, 2.0), "level2": Flat(0.1, 0.6), "fade2": Log(0.1, 1.0), "attack": Log(0.001, 0.006),
    "touch": Flat(0.8, 1.8), "bite": Flat(0.3, 1.2), "beating": Flat(0.0, 2.0), "release": Log(0.04, 0.2),
    "tremolo": Sometimes(0.3, Flat(0.05, 0.3)), "rate": Flat(3.0, 7.0), "drive": Sometimes(0.3, Log(0.1, 0.6)),
    "cabinet": Log(5000, 16000),
}  # fmt: skip

_DRUMS: dict[str, Draw] = {
    "seed": seed, "kick": Log(42, 70), "drop": Flat(0.5, 2.2), "boom": Log(0.2, 0.9), "click": Flat(0.05, 0.8),
    "snare": Log(150, 260), "rattle": Flat(0.3, 1.1), "crack": Log(0.12, 0.5), "color": Log(3000, 12000),
    "tom": Log(95, 170), "ring": Log(0.25, 0.9), "plate": Log(320, 900), "chick": Log(0.04, 0.14),
    "wash": Log(0.8, 2.6), "hiss": Flat(0.2, 0.85), "metals": Log(0.2, 0.7), "touch": Flat(0.9, 1.8),
    "drive": Sometimes(0.3, Log(0.1, 0.5)), "cabinet": Log(7000, 20000),
}  # fmt: skip

FINGERED = Kind("fingered bass", String, _PLUCKED | {
    "sustain": Log(1.0, 4.0), "hardness": Log(250, 2500), "body": Log(60, 200), "release": Log(0.03, 0.12),
    "drive": Sometimes(0.3, Log(0.15, 1.0)), "cabinet": Log(1500, 9000), "damping": Log(0.02, 0.4),
})  # fmt: skip
SYNTH_BASS = Kind("synth bass", Subtractive, {
    "seed": seed, "pulse": Among((0.0, 0.0, 0.4, 1.0,)), "width": Flat(0.1, 0.5),
    "apart": Sometimes(0.6, Flat(-8.0, 8.0)), "sub": Sometimes(0.6, Flat(0.2, 0.8)), "hiss": Flat(0.0, 0.02),
    "cutoff": Log(180, 1200), "follow": Flat(0.2, 0.8), "opening": Flat(0.3, 2.5), "bite": Flat(0.0, 1.5),
    "fade": Log(0.1, 1.2), "q": Log(0.6, 3.0), "attack": Log(0.001, 0.01), "sustain": Log(0.5, 4.0),
    "level": Flat(0.1, 0.9), "touch": Flat(0.5, 1.4), "release": Log(0.02, 0.1),
    "drive": Sometimes(0.4, Log(0.15, 1.0)), "cabinet": Log(2500, 16000),
})  # fmt: skip
FM_BASS = Kind("FM bass", Fm, _FM | {
    "ratio": Among((1, 1, 2, 3,)), "ratio3": Among((1, 2, 3, 5,)), "sustain": Log(1.0, 5.0), "index": Log(0.6, 3.5),
    "tremolo": Among((0.0,)), "release": Log(0.02, 0.1),
})  # fmt: skip

ACOUSTIC = Kind("acoustic guitar", String, _PLUCKED | {
    "sustain": Log(1.5, 6.0), "drive": Among((0.0,)), "cabinet": Among((20000.0,)),
})  # fmt: skip
ELECTRIC = Kind("electric guitar", String, _PLUCKED | {
    "sustain": Log(3.0, 8.0), "bloom": Flat(0.0, 0.5), "damping": Log(0.005, 0.15), "scrape": Flat(0.0, 0.1),
    "drive": Sometimes(0.7, Log(0.2, 4.0)), "cabinet": Log(2500, 6000),
})  # fmt: skip
FM_GUITAR = Kind("FM guitar", Fm, _FM | {
    "ratio": Among((2, 3, 4,)), "index": Log(0.8, 2.5), "fade": Log(0.08, 0.6), "sustain": Log(1.0, 4.0),
    "tremolo": Among((0.0,)), "cabinet": Log(3000, 12000),
})  # fmt: skip

GRAND = Kind("grand piano", String, _PLUCKED | {
    "sustain": Log(5.0, 14.0), "shorter": Flat(0.5, 0.9), "damping": Log(0.005, 0.1), "stiffness": Log(1e-4, 9e-4),
    "position": Flat(0.09, 0.15), "hardness": Log(500, 3500), "tilt": Flat(0.2, 1.0), "bite": Flat(1.0, 3.5),
    "after": Flat(0.1, 0.5), "slow": Flat(2.0, 6.0), "beating": Flat(0.2, 1.6), "body": Log(100, 900),
    "scrape": Flat(0.05, 0.4), "tick": Log(0.02, 0.08), "release": Log(0.06, 0.25),
    "drive": Among((0.0,)), "cabinet": Among((20000.0,)),
})  # fmt: skip
TINES = Kind("FM electric piano", Fm, _FM)
CLAVICHORD = Kind("clavichord", String, _PLUCKED | {
    "sustain": Log(1.5, 4.0), "position": Flat(0.03, 0.09), "hardness": Log(4000, 10000), "tilt": Flat(0.0, 0.3),
    "bite": Flat(0.0, 0.5), "touch": Flat(0.3, 0.7), "release": Log(0.02, 0.06), "scrape": Flat(0.1, 0.5),
    "drive": Sometimes(0.3, Log(0.1, 0.5)), "cabinet": Log(5000, 16000),
})  # fmt: skip

ANALOG = Kind("analogue drums", Kit, _DRUMS | {"head": Among((swept_head,)), "metal": Among((square_metal,))})
MEMBRANES = Kind("modelled drums", Kit, _DRUMS | {"head": Among((membrane_head,)), "metal": Among((struck_metal,))})
FM_DRUMS = Kind("FM drums", Kit, _DRUMS | {"head": Among((fm_head,)), "metal": Among((fm_metal,))})

Kinds = Mapping[str, tuple[Kind, ...]]
TRAIN: Kinds = MappingProxyType(
    {"bass": (FINGERED, SYNTH_BASS), "drums": (ANALOG, MEMBRANES), "guitar": (ACOUSTIC, ELECTRIC), "piano": (GRAND, TINES)}
)
HELD_OUT: Kinds = MappingProxyType({"bass": (FM_BASS,), "drums": (FM_DRUMS,), "guitar": (FM_GUITAR,), "piano": (CLAVICHORD,)})
