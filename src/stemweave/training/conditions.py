"""Which conditions a training item gets: nothing, some stems, the mixture, or both."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Shares:
    """How often each conditioning mode is trained; normalised to sum to one."""

    nothing: float = 0.15
    given: float = 0.15
    mixture: float = 0.65
    both: float = 0.05

    def __post_init__(self) -> None:
        if min(self.weights) < 0 or sum(self.weights) <= 0:
            raise ValueError(f"shares must be ≥ 0 and not all 0, got {self}")

    @property
    def weights(self) -> tuple[float, float, float, float]:
        """In the order nothing, given, mixture, both."""
        return (self.nothing, self.given, self.mixture, self.both)


@dataclass(frozen=True)
class Conditions:
    """given (batch, stems) and mixed (batch,), booleans."""

    given: Tensor
    mixed: Tensor


def draw_conditions(shares: Shares, known: Tensor) -> Conditions:
    """Conditions for a batch. Shape: known (batch, stems), False where a stem's truth is unknown.

    Only known stems are given, never all of them; the mixture is given only where every stem is known.
    """
    weights = torch.tensor(shares.weights, device=known.device)
    mode = torch.multinomial(weights, len(known), replacement=True)
    mixed = (mode >= 2) & known.all(1)
    given = some_but_not_all(known) & ((mode == 1) | (mode == 3))[:, None]
    return Conditions(given, mixed)


def some_but_not_all(known: Tensor) -> Tensor:
    """A random subset of each row's known stems, every size from 1 to one less than all equally likely (none of one)."""
    batch, stems = known.shape
    if stems == 1:
        return torch.zeros_like(known)
    size = 1 + (torch.rand(batch, 1, device=known.device) * (stems - 1)).long()
    rank = torch.rand(batch, stems, device=known.device).argsort(1).argsort(1)
    return (rank < size) & known
