"""From written events to performed notes: swing, strum delays, human time and velocity, whole samples."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stemweave.band.patterns import Event
from stemweave.band.score import NOTE, RATE

SHORTEST = 441  # samples; a note that the song's end leaves shorter is dropped
FINGERS = 0.0015  # seconds between the notes of one chord, beyond the hand's own lateness


@dataclass(frozen=True)
class Feel:
    """How beats become time: samples a beat, the swing, and a player's lateness and looseness in seconds."""

    beat: float
    swing: float
    swung: float
    late: float
    loose: float

    def samples(self, beats: NDArray[np.float64]) -> NDArray[np.float64]:
        """Song beats as samples, off-beats delayed by the swing."""
        whole = np.floor(beats / self.swung + 1e-9)
        inside = beats / self.swung - whole
        early = inside * (1 + self.swing)
        after = 1 - (1 - inside) * (1 - self.swing)
        return (whole + np.where(inside < 0.5, early, after)) * self.swung * self.beat


def place(rng: np.random.Generator, events: list[Event], feel: Feel) -> NDArray[np.void]:
    """The events as notes (dtype NOTE), a little early or late, softer or louder."""
    at, size, pitch, loudness, lag = np.array(events or np.empty((0, 5)), np.float64).T
    start = feel.samples(at)
    notes = np.empty(len(at), NOTE)
    moments, moment = np.unique(at, return_inverse=True)
    together = _wobble(rng, len(moments))[moment]
    shift = lag + feel.late + feel.loose * together + FINGERS * _wobble(rng, len(at))
    notes["start"] = np.rint(np.maximum(start + RATE * shift, 0))
    notes["length"] = np.maximum(np.rint(feel.samples(at + size) - start), SHORTEST)
    notes["pitch"] = pitch
    notes["velocity"] = np.clip(np.rint(112 * loudness + 10 * _wobble(rng, len(at))), 1, 127)
    return notes


def ring(notes: NDArray[np.void], seconds: Mapping[int, float], other: float) -> NDArray[np.void]:
    """The notes, each as long as its drum rings: ``seconds`` by pitch, or ``other``."""
    wanted = np.array([seconds.get(int(pitch), other) for pitch in notes["pitch"]], np.float64)
    rung = notes.copy()
    rung["length"] = np.rint(wanted * RATE)
    return rung


def settle(notes: NDArray[np.void], voices: NDArray[np.integer], length: int) -> NDArray[np.void]:
    """The notes inside a song of ``length`` samples, by start; a note ends where the next of its voice begins."""
    inside = notes["start"] <= length - SHORTEST
    notes, voices = notes[inside], voices[inside]
    order = np.lexsort((notes["start"], voices))
    notes, voices = notes[order], voices[order]
    start = notes["start"]
    next_start = np.where(voices[1:] == voices[:-1], start[1:], length)
    notes["length"] = np.minimum(notes["length"], np.append(next_start, length)[: len(notes)] - start)
    return np.sort(notes[notes["length"] > 0], order=["start", "pitch"])


def _wobble(rng: np.random.Generator, size: int) -> NDArray[np.float64]:
    """Triangular noise between -1 and 1: only sums, so that every machine draws the same."""
    return rng.random(size) + rng.random(size) - 1
