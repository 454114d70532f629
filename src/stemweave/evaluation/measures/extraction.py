"""Extraction by prompt: was the right sound taken, was nothing invented, and does the answer hold along the song?

A prompt's target and the residual are scored as a separation into two stems, so that every rule of `separation` holds.
Sounds are (channels, samples).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from stemweave.errors import DataError
from stemweave.evaluation.checks import check_audio
from stemweave.evaluation.measures.separation import GHOST, Scores, active_scores, decibels, null_test, si_sdr

CROP = 10.0
"""Seconds of a crop in the test of stability."""


@dataclass(frozen=True)
class Extraction:
    """One prompt on one song.

    ``scores`` has the target's column first, the residual's second: ``improvement`` where the instrument plays among
    others, ``ghost`` where it does not play. ``null`` is `null_test` of target + residual, dB.
    """

    scores: Scores
    null: float


@dataclass(frozen=True)
class Ghosts:
    """What came for instruments that do not play, in dB relative to the mixture, over ``windows`` of 4 s.

    ``share`` is that of windows above -40 dB.
    """

    median: float
    p95: float
    share: float
    windows: int


def extraction(target: Tensor, residual: Tensor, truth: Tensor, mixture: Tensor, rate: int) -> Extraction:
    """Score what a prompt took out of ``mixture`` (Hz: ``rate``) against ``truth``: zeros where the instrument is absent.

    Raises :class:`DataError` for NaN or shapes that differ.
    """
    sounds = {"the target": target, "the residual": residual, "the truth": truth, "the mixture": mixture}
    for name, sound in sounds.items():
        check_audio(sound, 2, name)
        if sound.shape != mixture.shape:
            raise DataError(f"{name} has shape {tuple(sound.shape)}, the mixture {tuple(mixture.shape)}; cut them alike")
    estimates, references = torch.stack([target, residual]), torch.stack([truth, mixture - truth])
    return Extraction(active_scores(estimates, references, rate), null_test(estimates, mixture))


def improvement(extractions: Sequence[Extraction]) -> list[float]:
    """SI-SDRi in dB of each target: the mean over the windows where it plays among others; NaN where it never does."""
    return [float(each.scores.improvement[:, 0].nanmean()) for each in extractions]


def ghosts(levels: Tensor) -> Ghosts:
    """What comes to all targets in all windows where their instrument is silent, of `Scores.ghost`: (windows,), dB.

    NaN, where the instrument plays, is left out. Raises :class:`DataError` if nothing else is there.
    """
    known = levels[levels.isfinite()]
    if not len(known):
        raise DataError("no window lacks its prompt's instrument; add prompts for absent instruments (truth: zeros)")
    median, p95 = known.quantile(known.new_tensor([0.5, 0.95])).tolist()
    return Ghosts(median, p95, float((known > GHOST).double().mean()), len(known))


def crops(samples: int, rate: int) -> list[slice]:
    """Where the test of stability looks: 10 s, end to end; a shorter rest is left out."""
    length = round(CROP * rate)
    return [slice(start, start + length) for start in range(0, samples - length + 1, length)]


def best_match(output: Tensor, stems: Tensor) -> int | None:
    """Which true stem (stems, channels, samples) an output is nearest to by SI-SDR, channels jointly.

    None if the output is silent: under -40 dB relative to the sum of the stems. Raises :class:`DataError` for NaN or
    shapes that differ.
    """
    check_audio(output, 2, "the output")
    check_audio(stems, 3, "the stems")
    if output.shape != stems.shape[1:]:
        raise DataError(f"the output has shape {tuple(output.shape)}, the stems {tuple(stems.shape)}; cut them alike")
    sound, truths = output.double().flatten(), stems.double().flatten(1)
    if decibels(sound) <= decibels(truths.sum(0)) + GHOST:
        return None
    return int(si_sdr(sound.expand_as(truths), truths).argmax())


def changed(matches: Sequence[int | None]) -> float:
    """Share of crops whose `best_match` differs from the most common one; silent ones do not count.

    Raises :class:`DataError` for fewer than three crops that sound: they have no majority.
    """
    known = [match for match in matches if match is not None]
    if len(known) < 3:
        raise DataError(f"{len(known)} of {len(matches)} crops sound, expected at least 3; give a longer song")
    return 1 - Counter(known).most_common(1)[0][1] / len(known)
