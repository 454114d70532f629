"""Degradations by name on the command line: ``noise:-40``, ``mp3:128``."""

from collections.abc import Callable, Mapping

from stemweave.errors import UsageError
from stemweave.evaluation.protocols.degrade import Clip, Compressed, Degradation, Detune, Gain, Noise, Reverb, Voice
from stemweave.evaluation.protocols.estimators import Clearly, Hearing
from stemweave.evaluation.protocols.filecodec import Mp3

HARMS: Mapping[str, tuple[str, Callable[[float], Degradation]]] = {
    "noise": ("white noise, dB relative to the song", lambda level: Noise(level, 0.0)),
    "room": ("noise as of a room, dB relative to the song", lambda level: Noise(level, 5 / 3)),
    "gain": ("dB", Gain),
    "clip": ("dB below the peak", Clip),
    "mp3": ("kbit/s", lambda rate: Compressed(Mp3(round(rate)))),
    "reverb": ("RT60 in s", lambda seconds: Reverb(seconds, 0.3)),
    "detune": ("cents", Detune),
    "voice": ("a voice's level, dB relative to the song", Voice),
}


def hearing(text: str) -> Hearing:
    """What a separator hears: ``none``, or NAME:NUMBER; raises UsageError for anything else."""
    name, _, number = text.partition(":")
    if text == "none":
        return Clearly()
    if name not in HARMS:
        raise UsageError(f"{text!r} is no degradation, expected none, or one of {', '.join(HARMS)} with a number: noise:-40")
    unit, harm = HARMS[name]
    try:
        amount = float(number)
    except ValueError as error:
        raise UsageError(f"{text!r} has no number after the colon, expected {unit}") from error
    return harm(amount)
