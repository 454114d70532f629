"""A walk never waits for the accelerator: after its first step no value is read off it, and no copy to it awaited.

Shown without one: the state is on PyTorch's `meta` device, which holds no values, so that reading one raises; copies between
devices that do not say `non_blocking`, for which the host waits too, are counted.
"""

import copy
from collections import Counter

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from stemweave.diffusion import (
    STEPS,
    AtLast,
    Churn,
    DiracAnchor,
    DiracTangent,
    EvenProjection,
    EvenShare,
    EvenTangent,
    GaussianCoupling,
    GaussianLikelihood,
    Guided,
    Independent,
    LevelVariance,
    Noise,
    NoisyMixture,
    OnMixture,
    PosteriorGiven,
    PosteriorMean,
    PosteriorMeanFull,
    Problem,
    Product,
    Proportional,
    Replacement,
    TableVariance,
    Windowed,
    karras,
    walk,
)
from stemweave.tasks.likelihoods import LIKELIHOODS

SHAPE = (1, 4, 1, 6000)
MIXTURE, ROW = torch.zeros(1, 1, 6000, device="meta"), torch.ones(4, device="meta")
GIVEN, KNOWN = torch.zeros(SHAPE, device="meta"), torch.ones(4, dtype=torch.bool, device="meta")
LEVELS = LevelVariance(ROW)
TABLE = TableVariance((0.01, 0.1, 1.0), torch.ones(3, 4, device="meta"))
WIDTH = Proportional(1.0)


class Crossings(TorchDispatchMode):
    """Counts the copies between devices that the host waits for."""

    def __init__(self):
        super().__init__()
        self.seen = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        made = func(*args, **kwargs)
        if func in (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default):
            devices = {leaf.device for leaf in tree_leaves((args, made)) if isinstance(leaf, torch.Tensor)}
            if len(devices) > 1 and not kwargs.get("non_blocking", len(args) > 2 and args[2]):
                self.seen[str(func)] += 1
        return made


def prior(x, sigma):
    return x / (1 + sigma**2)


def draw(_, shape):
    return torch.empty(shape, device="meta")


def waits(problem, step=STEPS[0], churn=0.0, resamples=1, noise=draw):
    """What makes the host wait in all steps but the first, which may bring constants over."""
    states = walk(problem, karras(4, 1e-3, 1.0), step, churn, resamples, noise)
    with torch.no_grad():
        next(states)
        with Crossings() as crossings:
            assert len(list(states)) == 3
    return dict(crossings.seen)


PROBLEMS = {
    "prior": Problem(prior, SHAPE),
    "guided": Problem(Guided(prior, prior, 2.0), SHAPE),
    "independent": Problem(Independent((prior,) * 4), SHAPE),
    "product": Problem(Product((prior, prior), (0.5, 0.5)), SHAPE),
    "mixture expert": Problem(OnMixture(prior, ROW), SHAPE),
    "windowed": Problem(Windowed(prior, 4096, 2048), SHAPE),
    "dirac": Problem(DiracTangent(prior, 1), SHAPE, DiracAnchor(MIXTURE, 1)),
    "dirac, weighted": Problem(DiracTangent(prior, 1, ROW), SHAPE, DiracAnchor(MIXTURE, 1, ROW)),
    "gaussian, explicit": Problem(GaussianLikelihood(prior, MIXTURE, WIDTH), SHAPE),
    "gaussian, exact": Problem(prior, SHAPE, AtLast(EvenProjection(MIXTURE)), GaussianCoupling(MIXTURE, WIDTH)),
    "even": Problem(EvenTangent(prior), SHAPE, EvenProjection(MIXTURE)),
    "even share": Problem(EvenShare(prior, MIXTURE), SHAPE),
    "noisy mixture": Problem(prior, SHAPE, NoisyMixture(MIXTURE)),
    "posterior mean": Problem(PosteriorMean(prior, MIXTURE, TABLE), SHAPE),
    "posterior mean, levels": Problem(PosteriorMean(prior, MIXTURE, LEVELS, ROW), SHAPE),
    "posterior mean, full": Problem(PosteriorMeanFull(prior, MIXTURE, TABLE), SHAPE),
    "posterior, given": Problem(PosteriorGiven(prior, GIVEN, KNOWN, lambda sigma: sigma**2), SHAPE),
    "replacement": Problem(prior, SHAPE, Replacement(GIVEN, KNOWN)),
    "replacement, held": Problem(prior, SHAPE, Replacement(GIVEN, KNOWN, draw)),
}


@pytest.mark.parametrize("step", STEPS, ids=repr)
@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_no_solver_and_no_rule_waits(problem, step):
    assert waits(problem, step) == {}
    assert waits(problem, step, Churn(1.0, high=0.5), resamples=2) == {}


@pytest.fixture(scope="module")
def far_model(tiny_model):
    return copy.deepcopy(tiny_model).to("meta")


TOLD = ("expected", "extractor", "ensemble")


@pytest.mark.parametrize("name", [name for name in LIKELIHOODS if name not in TOLD])
def test_no_likelihood_of_a_model_waits(far_model, name):
    assert waits(LIKELIHOODS[name](far_model, MIXTURE)) == {}


@pytest.mark.parametrize("name", ["dirac", "gaussian", "even", *TOLD])
def test_no_likelihood_of_a_model_of_text_waits(text_model, name):
    far = copy.deepcopy(text_model).to("meta")
    assert waits(LIKELIHOODS[name](far, MIXTURE)) == {}


def test_a_model_that_hears_given_stems_does_not_wait(far_model):
    assert waits(Problem(far_model.given(GIVEN, KNOWN), SHAPE)) == {}


def test_drawing_noise_does_not_wait():
    noise = Noise((0,), device="meta")
    assert waits(PROBLEMS["prior"], churn=1.0, noise=noise) == {}


def test_a_rule_that_reads_its_state_is_caught():
    with pytest.raises(RuntimeError, match="meta"):
        waits(Problem(lambda x, sigma: x * float(x.std()), SHAPE))


def test_a_rule_that_brings_constants_at_every_step_is_caught():
    constant = torch.ones(1, 4, 1, 1)
    assert waits(Problem(lambda x, sigma: x * constant.to(x.device), SHAPE)) == {"aten._to_copy.default": 3}
