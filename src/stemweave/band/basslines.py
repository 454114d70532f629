"""Bass players: patterns of chord degrees, lines that lock to the bass drum, and a walking line."""

from functools import cache

import numpy as np

from stemweave.band.harmony import Chord, above
from stemweave.band.patterns import Bar, Event, Writer, pick, played

LOWEST = 28  # E1, the open string
HIGHEST = 52
WALK_IN = 0.4  # the chance that the bar's last note leads into a new chord


def bassline(pattern: str, gate: float = 0.92) -> Writer:
    """A line from a pattern of degrees.

    ``r`` root, ``3 5 6 7`` chord degrees, ``8`` octave, ``n`` the next chord's root, ``a`` a note that leads there,
    ``o`` a muted root, ``?`` a root that may be left out.
    """

    def write(rng: np.random.Generator, bar: Bar) -> list[Event]:
        events = [
            Event(
                bar.start + step.at * bar.beats,
                step.length * bar.beats * (0.4 if step.symbol == "o" else gate),
                _degree(rng, step.symbol, bar, step.at * bar.beats),
                _loudness(step.symbol, step.at),
            )
            for step in played(rng, pattern)
        ]
        return _lead_in(rng, bar, events)

    return write


def locked(gate: float = 0.9) -> Writer:
    """Roots, fifths and octaves exactly where the bass drum hits."""

    def write(rng: np.random.Generator, bar: Bar) -> list[Event]:
        places = sorted({0.0, *bar.kicks})
        ends = [*places[1:], 1.0]
        events = []
        for at, end in zip(places, ends, strict=True):
            symbol = "r" if at == 0 or rng.random() < 0.7 else pick(rng, "585")
            length = min((end - at) * bar.beats, 1.5) * gate
            events.append(
                Event(
                    bar.start + at * bar.beats,
                    length,
                    _degree(rng, symbol, bar, at * bar.beats),
                    _loudness(symbol, at),
                )
            )
        return _lead_in(rng, bar, events)

    return write


def walking(rng: np.random.Generator, bar: Bar) -> list[Event]:
    """A note a beat: the chord's root, chord tones on the way, and a last one that leads to the next root."""
    events: list[Event] = []
    pitch = root(bar.slots[0].chord)
    for beat in range(bar.beats):
        slot = bar.slot(beat)
        if beat == slot.at:
            pitch = root(slot.chord)
        elif beat == bar.beats - 1:
            pitch = _leading(rng, bar)
        else:
            pitch = _neighbour(rng, slot.chord, pitch)
        events.append(Event(bar.start + beat, 0.92, pitch, 0.85 if beat % 2 else 0.8))
        if beat and rng.random() < 0.1:
            events.append(Event(bar.start + beat + 0.5, 0.3, pitch, 0.5))
    return events


@cache
def root(chord: Chord) -> int:
    """The chord's root in the bass's lowest octave."""
    return above(LOWEST, chord.root)


def _neighbour(rng: np.random.Generator, chord: Chord, pitch: int) -> int:
    tones = [p for c in chord.classes for p in (above(pitch - 7, c), above(pitch - 7, c) + 12)]
    reachable = [p for p in tones if p != pitch and abs(p - pitch) <= 7 and LOWEST <= p <= HIGHEST]
    return pick(rng, reachable or [root(chord)])


def _leading(rng: np.random.Generator, bar: Bar) -> int:
    target = root(bar.after.chord)
    inside = [p for p in (target - 2, target + 2) if p % 12 in bar.scale]
    return max(pick(rng, (target - 1, target + 1, target + 7, *inside)), LOWEST)


def _degree(rng: np.random.Generator, symbol: str, bar: Bar, at: float) -> int:
    chord = bar.slot(at).chord
    if symbol == "n":
        return root(bar.after.chord)
    if symbol == "a":
        return _leading(rng, bar)
    return root(chord) + _interval(symbol, chord)


def _interval(symbol: str, chord: Chord) -> int:
    third, fifth = chord.intervals[1:3] if len(chord.intervals) > 2 else (0, 7)
    return {"3": third, "5": fifth, "6": 9, "7": 10, "8": 12}.get(symbol, 0)


def _loudness(symbol: str, at: float) -> float:
    if symbol == "o":
        return 0.45
    return 0.95 if at == 0 else 0.82


def _lead_in(rng: np.random.Generator, bar: Bar, events: list[Event]) -> list[Event]:
    """Now and then turns the last note, if it is short, towards a new chord."""
    moves = bar.after.chord != bar.slots[-1].chord
    if len(events) > 2 and moves and events[-1].length <= 1 and rng.random() < WALK_IN:
        return [*events[:-1], events[-1]._replace(pitch=_leading(rng, bar))]
    return events
