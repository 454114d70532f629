"""Accompaniments to one choice of given stems, and the songs they stand in for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from stemweave.audio.stems import PRESENT, Stems
from stemweave.errors import DataError
from stemweave.evaluation.measures.subsets import FEWEST
from stemweave.evaluation.protocols.excerpts import Excerpt


@dataclass(frozen=True, eq=False)
class Played:
    """All accompaniments to one choice of given stems: per song its excerpt, and the same stems with new ones for the rest."""

    given: tuple[str, ...]
    real: tuple[Excerpt, ...]
    made: tuple[Stems, ...]

    @property
    def new(self) -> tuple[str, ...]:
        """The stems that were made."""
        return tuple(name for name in self.real[0].stems if name not in self.given)

    @property
    def name(self) -> str:
        """As in the tables."""
        return " + ".join(self.given)

    @property
    def bands(self) -> list[Excerpt]:
        """The excerpts with given and new stems."""
        return [replace(one, stems=stems) for one, stems in zip(self.real, self.made, strict=True)]


def sounding(songs: Sequence[Excerpt], given: Sequence[str]) -> list[Excerpt]:
    """Those in which a given stem is heard (RMS from -60 dBFS), and a stem that is to be made.

    Raises :class:`DataError` where there are fewer than eight.
    """
    kept = [one for one in songs if _heard(one.stems, given) and _heard(one.stems, set(one.stems) - set(given))]
    if len(kept) < FEWEST:
        raise DataError(
            f"{' + '.join(given)} and a stem to make sound in {len(kept)} excerpts, expected {FEWEST}: give more songs"
        )
    return kept


def total(stems: Stems, names: Iterable[str]) -> Tensor:
    """The sum of some stems, (channels, samples)."""
    return torch.stack([stems[name] for name in names]).sum(0)


def _heard(stems: Stems, names: Iterable[str]) -> bool:
    return bool(total(stems, names).square().mean().sqrt() >= PRESENT)
