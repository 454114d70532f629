"""How stems that are made together hear each other: by one prior, or by words through a mixture made with them (2403.11706)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from stemweave.audio.masks import share_out
from stemweave.diffusion.coherent import AgainstOthers, Coherent, Consistent, Sharing, beside
from stemweave.diffusion.coupling import Proportional, SquareRoot
from stemweave.diffusion.denoiser import Denoiser
from stemweave.diffusion.mixing import share
from stemweave.diffusion.problem import Chosen, Problem
from stemweave.diffusion.projections import Replacement
from stemweave.errors import ModelError
from stemweave.model.codec import Identity
from stemweave.model.config import Settings
from stemweave.model.lineup import Lineup, together
from stemweave.model.model import Model
from stemweave.tasks.priors import shape_of, whole
from stemweave.tasks.prompting import texted

Shape = tuple[int, int, int, int]
Coupling = Callable[[Model, Shape], Problem]
"""(model, (batch, stems, channels, samples) or latents) → the problem of making all stems."""


def joint(model: Model, shape: Shape) -> Problem:
    """The model's own prior and nothing beside: a joint one, or independent ones that do not hear each other."""
    return Problem(whole(model), shape)


@dataclass(frozen=True)
class Together:
    """The stems and a mixture of them walk in parallel (2403.11706 eq. 6-11): reading A of the lost equations.

    A subset of a partition (eq. 11) is one stem whose prompt names all its members.
    """

    coupling: Coherent = field(default=Coherent())

    def __call__(self, model: Model, shape: Shape) -> Problem:
        """Raises ModelError for a model that is not told in words."""
        lineup = texted(model, "making stems beside their mixture")
        batch, stems, channels, samples = shape
        state = (batch, stems + 1, channels, samples)
        return Problem(with_mixture(lineup, stems), state, relax=self.coupling, answer=Chosen(tuple(range(stems))))


def equally(rate: int) -> Sharing:  # noqa: ARG001
    """All stems take the same part."""
    return share


def by_power(rate: int) -> Sharing:
    """Stems take parts by their own power at each time and frequency: a bass gets none of the cymbals that are missing."""

    def shared(x: Tensor, mixture: Tensor, row: Tensor | None) -> Tensor:
        gains = x.new_ones(x.shape[1]) if row is None else row
        loud = gains[:, None, None] * x
        missing = mixture - loud.sum(1)
        parts = [share_out(one, rate, own, rate, power=2) for one, own in zip(missing, loud, strict=True)]
        return x + torch.stack(parts).to(x) / gains[:, None, None]

    return shared


@dataclass(frozen=True)
class Imitating:
    """Each stem is near the sum of the others: reading B, only to compare."""

    coupling: AgainstOthers = field(default=AgainstOthers())

    def __call__(self, model: Model, shape: Shape) -> Problem:
        """Any model."""
        return Problem(whole(model), shape, relax=self.coupling)


@dataclass(frozen=True)
class Under:
    """The mixture's prior rules the sum, the stems' priors the rest; nothing counts twice. Ours.

    `sharing`: what each stem takes of what the mixture's estimate has beyond theirs, from the model's rate in Hz.
    """

    sharing: Callable[[int], Sharing] = field(default=equally)

    def __call__(self, model: Model, shape: Shape) -> Problem:
        """Raises ModelError for a model that is not told in words, and where it cannot be shared so."""
        lineup = texted(model, "making stems under their mixture's prior")
        if self.sharing is not equally and not isinstance(lineup.codec, Identity):
            raise ModelError(f"{lineup.config.name} works on latents, which have no spectra to share by: use consistent")
        mixture = whole(lineup, lineup.asked((together(lineup.prompts),), (None,)))
        return Problem(Consistent(whole(lineup), mixture, sharing=self.sharing(lineup.config.rate)), shape)

    def beside(self, model: Model, known: Tensor, mask: Tensor) -> Problem:
        """Given stems are noised to the walk's level. A `Conditioning`; raises as a call does."""
        return replace(self(model, shape_of(known)), project=Replacement(known, mask))


@dataclass(frozen=True)
class Beside:
    """New stems and a mixture of all walk in parallel, beside given stems noised to their level (2403.11706 eq. 12)."""

    coupling: Coherent = field(default=Coherent())

    def __call__(self, model: Model, known: Tensor, mask: Tensor) -> Problem:
        """The problem of a `Conditioning`; raises ModelError for a model that is not told in words."""
        lineup = texted(model, "playing along beside a mixture")
        free = int((~mask).sum())
        order = torch.cat((torch.nonzero(~mask), torch.nonzero(mask))).flatten()
        prompts = tuple(lineup.prompts[n] for n in order[:free])
        references = tuple(lineup.references[n] for n in order[:free])
        every = together(lineup.prompts)
        prior = whole(lineup, lineup.asked((*prompts, every), (*references, None)))
        problem = beside(prior, known[:, mask], free, self.coupling)
        return replace(problem, answer=Chosen(tuple(order.argsort().tolist())))


def with_mixture(lineup: Lineup, stems: int) -> Denoiser:
    """The priors of the stems and of their mixture, whose prompt names them all, in one forward pass."""
    prompts = (*lineup.prompts[:stems], together(lineup.prompts))
    return whole(lineup, lineup.asked(prompts, (*lineup.references[:stems], None)))


COHERENT: Mapping[str, Coherent] = {
    "coherent": Coherent(),
    "coherent-root": Coherent(SquareRoot(0.4)),
    "coherent-proportional": Coherent(Proportional(0.75)),
    "coherent-sources": Coherent(alpha=0.7, beta=1.4),
    "coherent-gradients": Coherent(source_weight=0.5, mixture_weight=2.0),
}
"""Reading A by the width of its likelihood: constant, γ² = 0.4·σ, γ = 0.75·σ; and by the scaling factors of eq. 12, on the
sources (given ones are heard twice as loud as new ones) or on the gradients (the mixture yields more than its stems)."""

UNDER: Mapping[str, Under] = {"consistent": Under(), "consistent-power": Under(by_power)}
"""Under the mixture's prior, by how what is missing is shared: equally, or by the stems' own powers."""

COUPLINGS: Mapping[str, Coupling] = {
    "joint": joint,
    **{name: Together(rule) for name, rule in COHERENT.items()},
    **UNDER,
    "imitating": Imitating(),
}
"""The couplings by the names that checkpoints and the command line use."""


def own_coupling(settings: Settings) -> Coupling:
    """The coupling that the settings name. Raises ModelError for one this version does not know."""
    if settings.coupling not in COUPLINGS:
        raise ModelError(f"the model asks for coupling {settings.coupling!r}; this stemweave has {sorted(COUPLINGS)}")
    return COUPLINGS[settings.coupling]
