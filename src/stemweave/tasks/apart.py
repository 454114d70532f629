"""Stems taken apart by a model that is told in words what sounds (2403.11706 §3.3): extractor and ensemble.

Its separator is `likelihoods.Dirac`, whatever stems were named.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from stemweave.diffusion.algebra import DiracTangent
from stemweave.diffusion.denoiser import Denoiser, describe
from stemweave.diffusion.problem import At, Chosen, Problem
from stemweave.diffusion.projections import DiracAnchor
from stemweave.diffusion.sidebyside import Part, SideBySide
from stemweave.errors import ModelError, UsageError
from stemweave.model.lineup import Lineup, together
from stemweave.model.model import Model
from stemweave.tasks.priors import anchored, shape_of, whole
from stemweave.tasks.prompting import extracting, texted
from stemweave.tasks.starts import best_known


@dataclass(frozen=True)
class Extractor:
    """Each stem against all the rest, which is told as one and takes what the stem leaves (2403.11706 eq. 14).

    The stems do not sum to the mixture.
    """

    def __call__(self, model: Model, mixture: Tensor) -> Problem:
        """Raises ModelError for a model that is not told in words, and where only one stem is named."""
        told = texted(model, "the extractor")
        pairs = tuple(range(len(told.config.stems)))
        rules = SideBySide(whole(told, pairwise(told, pairs)), (pair(mixture),) * len(pairs))

        def enter(parts: Tensor, /) -> Tensor:
            return torch.cat([halves(parts, mixture, place) for place in pairs], 1)

        start, answer = enter(best_known(told, mixture)), Chosen(tuple(2 * place for place in pairs))
        return Problem(rules, shape_of(start), project=rules.project, start=At(start), answer=answer, enter=enter)


@dataclass(frozen=True)
class Ensemble:
    """The `extracted` stems by the extractor, the others by the separator with its `anchor` (2403.11706 §5.4).

    Which stem by which is chosen on validation songs and kept in the model's settings. Both walk as the separator does. The
    stems do not sum to the mixture.
    """

    extracted: tuple[str, ...] = ()
    anchor: str | None = None

    def __call__(self, model: Model, mixture: Tensor) -> Problem:
        """Raises as `Extractor`, and UsageError for stems and anchors that the model does not have."""
        told = texted(model, "the ensemble")
        config = told.config
        if unknown := sorted(set(self.extracted) - set(config.stems)):
            raise UsageError(f"got {unknown[0]!r} to extract; expected some of {', '.join(config.stems)}")
        pairs = tuple(config.stems.index(name) for name in self.extracted)
        count, anchor = len(config.stems), anchored(config, self.anchor)
        separator = Part(count, partial(DiracTangent, anchor=anchor), DiracAnchor(mixture, anchor))
        prior = Joined((told.prior(), pairwise(told, pairs)), (count, 2 * len(pairs)))
        rules = SideBySide(whole(told, prior), (separator, *(pair(mixture),) * len(pairs)))

        def enter(parts: Tensor, /) -> Tensor:
            return torch.cat([parts, *(halves(parts, mixture, place) for place in pairs)], 1)

        start = enter(best_known(told, mixture))
        answer = Chosen(tuple(count + 2 * pairs.index(n) if n in pairs else n for n in range(count)))
        return Problem(rules, shape_of(start), project=rules.project, start=At(start), answer=answer, enter=enter)


@dataclass(frozen=True)
class Joined:
    """Several priors over successive stems of one state."""

    priors: tuple[Denoiser, ...]
    sizes: tuple[int, ...]
    __repr__ = describe

    def __call__(self, x: Tensor, sigma: Tensor, /) -> Tensor:
        """Shape: (batch, all stems, channels, samples) → the same."""
        each = zip(self.priors, x.split(self.sizes, 1), strict=True)
        return torch.cat([prior(part, sigma) for prior, part in each if part.shape[1]], 1)


def pair(mixture: Tensor) -> Part:
    """A stem, and the rest, which is constrained."""
    return Part(2, partial(DiracTangent, anchor=1), DiracAnchor(mixture, 1))


def pairwise(model: Lineup, places: Sequence[int]) -> Denoiser:
    """The prior of these stems, each followed by the rest, under the guidance that extraction has."""
    told = extracting(model)
    prompts, references = told.prompts, told.references
    if len(prompts) < 2:
        raise ModelError("an extractor needs a stem and others: name what else sounds")
    rests = [together(prompts[:place] + prompts[place + 1 :]) for place in range(len(prompts))]
    return told.asked(
        tuple(text for place in places for text in (prompts[place], rests[place])),
        tuple(text for place in places for text in (references[place], None)),
    )


def halves(parts: Tensor, mixture: Tensor, place: int) -> Tensor:
    """One stem's part and the rest. Shape: (batch, stems, channels, samples), (batch, channels, samples) → (batch, 2, …)."""
    own = parts[:, place]
    return torch.stack((own, mixture - own), 1)
