"""Drummers: a groove is a pattern for each drum; sections begin with crashes and end with fills."""

from dataclasses import dataclass

import numpy as np

from stemweave.band.patterns import LOUDNESS, Bar, Event, pick, played, steps

KICK, STICK, SNARE, CLAP = 36, 37, 38, 39
HAT, PEDAL, OPEN = 42, 44, 46
RIDE, BELL, CRASH, CRASH_2 = 51, 53, 49, 57
TOMS = (50, 48, 45, 43)  # high to low
TAMBOURINE, COWBELL, SHAKER = 54, 56, 70
CONGA_MUTE, CONGA, CONGA_LOW = 62, 63, 64
RING = {OPEN: 0.35, RIDE: 0.6, BELL: 0.6, CRASH: 1.8, CRASH_2: 1.8, KICK: 0.2, SNARE: 0.2} | dict.fromkeys(TOMS, 0.35)
SHORT = 0.12  # seconds a drum rings that RING does not name


@dataclass(frozen=True)
class Groove:
    """Patterns of a drum kit; the top pattern goes to one of ``tops``, ordered from soft to loud."""

    kick: str
    back: str
    top: str
    tops: tuple[int, ...] = (HAT, HAT, RIDE, OPEN)
    snare: int = SNARE
    extra: tuple[tuple[int, str], ...] = ()

    @property
    def kicks(self) -> tuple[float, ...]:
        """Where the bass drum surely hits, in bars."""
        return tuple(step.at for step in steps(self.kick) if step.symbol in "Xx")


def beat(rng: np.random.Generator, bar: Bar, groove: Groove, top: int) -> list[Event]:
    """One bar of the groove, with a crash where a section begins loudly and a fill where it ends."""
    lines = ((KICK, groove.kick), (groove.snare, groove.back), (top, groove.top), *groove.extra)
    events = [
        Event(bar.start + step.at * bar.beats, 0.25, drum, LOUDNESS[step.symbol])
        for drum, pattern in lines
        for step in played(rng, pattern)
    ]
    if bar.number == 0 and rng.random() < bar.energy:
        events = [*(e for e in events if e.pitch != top or e.at > bar.start), crash(rng, bar)]
    if bar.last and rng.random() < 0.85:
        return _filled(rng, bar, events)
    if bar.number % 4 == 3 and rng.random() < 0.4:
        return [*events, Event(bar.start + bar.beats - 0.5, 0.25, OPEN, 0.7)]
    return events


def crash(rng: np.random.Generator, bar: Bar) -> Event:
    """A cymbal on the bar's first beat."""
    return Event(bar.start, 2.0, pick(rng, (CRASH, CRASH, CRASH_2)), 0.95)


def _filled(rng: np.random.Generator, bar: Bar, events: list[Event]) -> list[Event]:
    """The last beats of the bar given to snare and toms, falling."""
    beats = pick(rng, (0.5, 1, 1, 2, bar.beats) if bar.energy > 0.5 else (0.5, 1, 1))
    start = bar.start + bar.beats - beats
    grid = pick(rng, (2, 4, 4, 3))
    hits = max(int(beats * grid), 2)
    drums = (SNARE, *TOMS)
    roll = [
        Event(start + i * beats / hits, 0.25, drums[min(i * len(drums) // hits, 4)], 0.62 + 0.33 * i / hits)
        for i in range(hits)
        if i == 0 or rng.random() < 0.8
    ]
    return [*(e for e in events if e.at < start - 1e-9 or e.pitch == KICK), *roll]
