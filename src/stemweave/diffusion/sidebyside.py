"""Several constrained tasks in one state, their priors asked in one forward pass."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from stemweave.diffusion.denoiser import Denoiser, describe
from stemweave.diffusion.problem import At, Draw, Project
from stemweave.errors import UsageError

Rule = Callable[[Denoiser], Denoiser]
"""A prior under a likelihood, as the rules of `algebra` make it."""


@dataclass(frozen=True)
class Part:
    """So many stems of the state, and the rule and projection that hold for them alone."""

    stems: int
    rule: Rule
    project: Project


@dataclass(frozen=True, eq=False)
class SideBySide:
    """Each part under its own rule; `prior` denoises all of them at once. `UsageError` where the parts are not the state."""

    prior: Denoiser
    parts: tuple[Part, ...]
    __repr__ = describe

    def __call__(self, x: Tensor, sigma: Tensor, /) -> Tensor:
        """Shape: (batch, stems of all parts, channels, samples) → the same. A rule asks its prior once, at its own state."""
        made = zip(self.parts, self._split(x), self._split(self.prior(x, sigma)), strict=True)
        return torch.cat([part.rule(At(own))(state, sigma) for part, state, own in made], 1)

    def project(self, x: Tensor, sigma: Tensor, draw: Draw, /) -> Tensor:
        """Each part's projection, for the problem. Shape: x → x."""
        each, shares = zip(self.parts, self._split(x), strict=True), _Shares(draw, self._split)
        return torch.cat([part.project(state, sigma, shares.of(n)) for n, (part, state) in enumerate(each)], 1)

    def _split(self, x: Tensor) -> tuple[Tensor, ...]:
        sizes = [part.stems for part in self.parts]
        if sum(sizes) != x.shape[1]:
            raise UsageError(f"got {x.shape[1]} stems for parts of {', '.join(map(str, sizes))}; expected {sum(sizes)}")
        return x.split(sizes, 1)


@dataclass(eq=False)
class _Shares:
    """One draw of noise for the whole state, taken when the first part asks."""

    draw: Draw
    split: Callable[[Tensor], tuple[Tensor, ...]]
    _drawn: tuple[Tensor, ...] = ()

    def of(self, part: int) -> Draw:
        """That part's share, as a draw."""
        return lambda: self._all()[part]

    def _all(self) -> tuple[Tensor, ...]:
        self._drawn = self._drawn or self.split(self.draw())
        return self._drawn
