"""How a model is told the mixture: each likelihood makes the problem whose solution are the stems of one segment.

A `Likelihood` takes the model and the mixture, (batch, channels, samples) at the model's rate and level, or its latents where
the model has a (linear) codec.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from stemweave.diffusion.algebra import DiracTangent, EvenTangent, GaussianLikelihood
from stemweave.diffusion.coupling import GaussianCoupling, Proportional, Width
from stemweave.diffusion.denoiser import Denoiser, describe
from stemweave.diffusion.posterior import PosteriorMean
from stemweave.diffusion.problem import At, Problem, Relax, uncoupled
from stemweave.diffusion.projections import AtLast, DiracAnchor, EvenProjection
from stemweave.diffusion.windowed import Windowed, windows
from stemweave.errors import ModelError
from stemweave.model.config import Sampling, Settings
from stemweave.model.model import Model
from stemweave.tasks import starts
from stemweave.tasks.apart import Ensemble, Extractor
from stemweave.tasks.priors import anchored, grid, shape, uncertainty, whole

Likelihood = Callable[[Model, Tensor], Problem]


def learned(model: Model, mixture: Tensor) -> Problem:
    """The mixture-conditioned denoiser, projected onto the mixture at the end. Ours; not in the paper."""
    length, _ = grid(model.config)
    hop = 3 * length // 4  # the mixture says much: windows agree with little overlap
    prior = Windowed(model.mixed(windows(mixture, length, hop)), length, hop)
    return Problem(prior, shape(model, mixture), project=AtLast(EvenProjection(mixture)))


@dataclass(frozen=True)
class Dirac:
    """The stems sum to the mixture exactly; stem `anchor` is what the others leave (2302.02257 eq. 10-11).

    By default the anchor is the stem expected loudest.
    """

    anchor: str | None = None

    def __call__(self, model: Model, mixture: Tensor) -> Problem:
        """Raises UsageError when the model has no stem of the anchor's name."""
        place = anchored(model.config, self.anchor)
        return Problem(DiracTangent(whole(model), place), shape(model, mixture), project=DiracAnchor(mixture, place))


Relaxation = Callable[[Denoiser, Tensor, Width], tuple[Denoiser, Relax]]
"""(prior, mixture, γ) → how a Gaussian likelihood acts: on the denoiser, or between its steps."""


def exact(prior: Denoiser, mixture: Tensor, gamma: Width) -> tuple[Denoiser, Relax]:
    """The prior alone walks, and the coupling flows exactly between its steps: stable for every γ. Ours."""
    return prior, GaussianCoupling(mixture, gamma)


def explicit(prior: Denoiser, mixture: Tensor, gamma: Width) -> tuple[Denoiser, Relax]:
    """The likelihood's gradient is stepped with the prior's, as in 2302.02257: diverges for small γ."""
    return GaussianLikelihood(prior, mixture, gamma), uncoupled


PAPER = Proportional(0.75 * 2**0.5)
"""γ of 2302.02257, whose code states γ/√2: 0.75."""


@dataclass(frozen=True)
class Gaussian:
    """The mixture is the stems' sum plus noise of standard deviation γ(σ) (2302.02257 eq. 15), by its exact flow.

    At the end the stems are put onto the mixture evenly.
    """

    gamma: Width = PAPER
    relaxation: Relaxation = exact
    __repr__ = describe

    def __call__(self, model: Model, mixture: Tensor) -> Problem:
        """The prior, coupled to the mixture."""
        prior, relax = self.relaxation(whole(model), mixture, self.gamma)
        return Problem(prior, shape(model, mixture), project=AtLast(EvenProjection(mixture)), relax=relax)


def even(model: Model, mixture: Tensor) -> Problem:
    """The stems sum to the mixture exactly; none is special. Ours."""
    return Problem(EvenTangent(whole(model)), shape(model, mixture), project=EvenProjection(mixture))


def posterior_mean(model: Model, mixture: Tensor) -> Problem:
    """Every stem takes its share of what the estimates leave by its own uncertainty (PiGDM, ICLR 2023)."""
    rule = PosteriorMean(whole(model), mixture, uncertainty(model.config, mixture.device))
    return Problem(rule, shape(model, mixture), project=AtLast(EvenProjection(mixture)), start=rule)


def expected(model: Model, mixture: Tensor) -> Problem:
    """The mixture, shared out by the spectra that a model of text lets expect; one evaluation, and no walk. Ours.

    Raises ModelError for another model.
    """
    parts = At(starts.expected(model, mixture))
    return Problem(parts, shape(model, mixture), start=parts)


LIKELIHOODS: Mapping[str, Likelihood] = {
    "learned": learned,
    "dirac": Dirac(),
    "gaussian": Gaussian(),
    "even": even,
    "posterior-mean": posterior_mean,
    "expected": expected,
    "extractor": Extractor(),
    "ensemble": Ensemble(),
}
"""The likelihoods by the names that checkpoints and the command line use."""


def own_likelihood(settings: Settings) -> Likelihood:
    """The likelihood that the settings name. Raises ModelError for one this version does not know."""
    if settings.likelihood not in LIKELIHOODS:
        raise ModelError(f"the model asks for likelihood {settings.likelihood!r}; this stemweave has {sorted(LIKELIHOODS)}")
    match LIKELIHOODS[settings.likelihood]:
        case Dirac():
            return Dirac(settings.anchor or None)
        case Ensemble():
            return Ensemble(settings.extracted, settings.anchor or None)
        case rule:
            return rule


AT_ONCE = Sampling(1, 1.0, 0.5)
"""Of an estimate that stays what it is: one step to the end."""


def own_sampling(settings: Settings, likelihood: Likelihood) -> Sampling:
    """How the settings sample a likelihood; one they do not know walks as generation does."""
    match likelihood:
        case Dirac() | Ensemble():
            return settings.dirac
        case Gaussian():
            return settings.gaussian
        case Extractor():
            return settings.extractor
    named: Mapping[Likelihood, Sampling] = {
        learned: settings.learned,
        even: settings.even,
        posterior_mean: settings.posterior_mean,
        expected: AT_ONCE,
    }
    return named.get(likelihood, settings.generate)
