"""Does an accompaniment fit what was given, whichever stems those are? It must fit its own context better than another
song's. `context` asks the same of one given stem with two contexts under one seed; this asks it of any choice of stems.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from stemweave.audio.stems import PRESENT, Stems
from stemweave.errors import DataError
from stemweave.evaluation.checks import check_audio
from stemweave.evaluation.measures.strangers import alike, strangers
from stemweave.evaluation.protocols.context import MEASURES, Pair

Accompanist = Callable[[Mapping[str, Tensor], int, int], Tensor]
"""(given stems (channels, samples) by name, rate in Hz, seed) → the sum of what was made for them, of the same shape."""


def choices(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Every choice of given stems that gives one at least and leaves one to be made: 2^n - 2, so 14 of four stems."""
    return [given for count in range(1, len(names)) for given in combinations(names, count)]


def fit(songs: Mapping[str, Stems], given: Sequence[str], accompany: Accompanist, seed: int = 0) -> list[Pair]:
    """Accompany the stems ``given`` of every song; song k's accompaniment is made with seed ``seed`` + k.

    Each is compared with the sum of the stems it was made for (``own`` in `Pair`) and of those of another song, drawn by
    ``seed`` (``swapped``); `context.verdicts` condenses the result. ``songs`` are excerpts of one length, by id. Songs whose
    given stems are silent together (under -60 dBFS) are left out. Raises :class:`DataError` when fewer than two are
    left, when rates, lengths or shapes differ, for stems that a song lacks, or for NaN.
    """
    if not given:
        raise DataError("no stem is given, expected at least one to accompany")
    alike(list(songs.values()), given)
    contexts = {name: context for name, song in songs.items() if _sounds(context := _sum(song, given))}
    if len(contexts) < 2:
        raise DataError(f"{' + '.join(given)} sound in {len(contexts)} of {len(songs)} songs, expected at least 2")
    ids = list(contexts)
    others = strangers(ids, np.random.default_rng(seed))
    return [_pair(songs[name], given, accompany, seed + k, contexts, name, ids[others[k]]) for k, name in enumerate(ids)]


def _pair(
    song: Stems, given: Sequence[str], accompany: Accompanist, seed: int, contexts: Mapping[str, Tensor], own: str, other: str
) -> Pair:
    made = accompany({name: song[name] for name in given}, song.rate, seed)
    check_audio(made, 2, f"the accompaniment of {own}")
    if made.shape != contexts[own].shape:
        shapes = f"{tuple(made.shape)}, its context {tuple(contexts[own].shape)}"
        raise DataError(f"the accompaniment of {own} has shape {shapes}, expected the same")
    fits = [{name: f(contexts[which], made, song.rate) for name, f in MEASURES.items()} for which in (own, other)]
    return Pair(own, other, seed, *fits)


def _sum(song: Stems, names: Sequence[str]) -> Tensor:
    return torch.stack([song[name] for name in names]).sum(0)


def _sounds(audio: Tensor) -> bool:
    return bool(audio.square().mean().sqrt() >= PRESENT)
