"""What every rule and every solver must keep: stems' order, scale, precision, batch, its inputs, its description."""

from functools import cache
from itertools import product

import pytest
import torch

import stemweave.diffusion as diffusion
from stemweave.diffusion import (
    STEPS,
    AtLast,
    Constant,
    DiracAnchor,
    DiracTangent,
    EvenProjection,
    EvenShare,
    EvenTangent,
    GaussianCoupling,
    GaussianDenoiser,
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
    final,
    karras,
    walk,
)
from stemweave.diffusion.problem import at_zero, everything, nothing_known, uncoupled

LEVELS = (0.1, 0.2, 0.05)
SHAPE = (2, 3, 1, 12)
BACK = [2, 0, 1]


def oracle(order, scale, dtype):
    covariance = torch.tensor([[0.010, 0.008, 0.001], [0.008, 0.040, -0.002], [0.001, -0.002, 0.0025]], dtype=torch.float64)
    mean = torch.tensor([0.05, -0.02, 0.01], dtype=torch.float64)
    return GaussianDenoiser((scale * mean[order]).to(dtype), (scale**2 * covariance[order][:, order]).to(dtype))


def alone(level, scale, dtype):
    return GaussianDenoiser(torch.zeros(1, dtype=dtype), torch.tensor([[(scale * level) ** 2]], dtype=dtype))


class Setting:
    """The parts of a problem, with stems in some order, scaled, in some precision, for some items."""

    def __init__(self, order=(0, 1, 2), scale=1.0, dtype=torch.float64, items=slice(None)):
        self.order, self.scale, self.dtype = list(order), scale, dtype
        made = torch.randn(SHAPE, generator=torch.Generator().manual_seed(5), dtype=torch.float64) * 0.1
        self.given = (scale * made[items][:, self.order]).to(dtype)
        self.mixture = self.given.sum(1) * 1.0
        self.prior = oracle(self.order, scale, dtype)
        self.known = torch.tensor([True, False, False])[self.order]
        self.levels = torch.tensor([scale * LEVELS[n] for n in self.order], dtype=dtype)
        self.experts = tuple(alone(LEVELS[n], scale, dtype) for n in self.order)
        self.anchor = self.order.index(1)
        self.shape = tuple(self.given.shape)
        self.width = Constant(0.2 * scale)
        self.mixer = alone(0.3, scale, dtype)
        seeds = tuple(range(7, 7 + SHAPE[0]))[items]
        self.noise = Noise(seeds, stems=tuple(self.order), dtype=dtype)


def shifted(rule, setting):
    return Problem(rule, setting.shape, start=rule)


PROBLEMS = {
    "prior": lambda s: Problem(s.prior, s.shape),
    "guided": lambda s: Problem(Guided(s.prior, Independent(s.experts), 1.5), s.shape),
    "product": lambda s: Problem(Product((s.prior, OnMixture(s.mixer)), (0.6, 0.4)), s.shape),
    "dirac": lambda s: Problem(DiracTangent(s.prior, s.anchor), s.shape, project=DiracAnchor(s.mixture, s.anchor)),
    "even": lambda s: Problem(EvenTangent(s.prior), s.shape, project=EvenProjection(s.mixture)),
    "even share": lambda s: Problem(EvenShare(s.prior, s.mixture), s.shape, project=AtLast(EvenProjection(s.mixture))),
    "noise-keeping": lambda s: Problem(s.prior, s.shape, project=NoisyMixture(s.mixture)),
    "gaussian, explicit": lambda s: Problem(GaussianLikelihood(s.prior, s.mixture, Proportional(1.2)), s.shape),
    "gaussian, exact": lambda s: Problem(s.prior, s.shape, relax=GaussianCoupling(s.mixture, s.width)),
    "posterior mean": lambda s: shifted(PosteriorMean(s.prior, s.mixture, LevelVariance(s.levels)), s),
    "posterior mean, full": lambda s: shifted(PosteriorMeanFull(s.prior, s.mixture, s.prior.variance), s),
    "posterior given": lambda s: shifted(PosteriorGiven(s.prior, s.given, s.known, s.prior.variance), s),
    "replacement": lambda s: Problem(s.prior, s.shape, project=Replacement(s.given, s.known)),
    "windowed": lambda s: Problem(EvenShare(Windowed(s.prior, 6, 3), s.mixture), s.shape),
}
EACH = list(product(PROBLEMS, STEPS))


def run(name, step, setting, scale=1.0, churn=1.0, resamples=2, steps=6):
    problem = PROBLEMS[name](setting)
    return final(walk(problem, karras(steps, 1e-3 * scale, scale), step, churn, resamples, setting.noise)).x


@cache
def plain(name, step):
    return run(name, step, Setting())


@pytest.mark.parametrize(("name", "step"), EACH, ids=str)
def test_permuting_the_stems_permutes_the_outputs(name, step):
    ours, moved = plain(name, step), run(name, step, Setting(order=BACK))
    torch.testing.assert_close(moved, ours[:, BACK], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(("name", "step"), EACH, ids=str)
def test_scaling_prior_levels_and_mixture_scales_the_output(name, step):
    ours, scaled = plain(name, step), run(name, step, Setting(scale=8.0), scale=8.0)
    torch.testing.assert_close(scaled, 8 * ours, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(("name", "step"), EACH, ids=str)
def test_a_batch_equals_its_items(name, step):
    ours = plain(name, step)
    for item in range(SHAPE[0]):
        alone_ = run(name, step, Setting(items=slice(item, item + 1)))
        torch.testing.assert_close(alone_[0], ours[item], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("name", "step"), EACH, ids=str)
def test_float32_follows_float64(name, step):
    """Within 1e-4 of the data's std, for the 12-step walks used as defaults (no churn)."""
    ours, single = (run(name, step, Setting(dtype=d), 1.0, 0.0, 1, 12) for d in (torch.float64, torch.float32))
    assert single.dtype == torch.float32
    assert (single - ours).abs().max() < 1e-4 * max(0.2, ours.abs().max())


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("grad", [torch.no_grad, torch.inference_mode])
def test_rules_write_into_nothing_and_work_without_gradients(name, grad):
    setting = Setting()
    problem = PROBLEMS[name](setting)
    held = {key: value.clone() for key, value in vars(setting).items() if isinstance(value, torch.Tensor)}
    with grad():
        for draw, level in enumerate((1.0, 0.3)):
            x, sigma = setting.noise(draw, setting.shape), torch.tensor(level, dtype=torch.float64)
            before = x.clone()
            results = [
                problem.denoiser(x, sigma),
                problem.project(x, sigma, lambda: setting.noise(99, setting.shape)),
                problem.relax(x, sigma, sigma / 2),
                problem.start(x, sigma),
            ]
            assert torch.equal(x, before)
            assert all(result.shape == x.shape for result in results)
    assert all(torch.equal(getattr(setting, key), value) for key, value in held.items())


def anywhere(x, sigma):
    """A denoiser for any device."""
    return x / (1 + sigma**2)


class Meta(Setting):
    """On the device that holds shapes and no numbers: reading one there, as a host sync would, raises."""

    def __init__(self):
        super().__init__(dtype=torch.float32)
        for key in ("given", "mixture", "known", "levels"):
            setattr(self, key, getattr(self, key).to("meta"))
        self.prior, self.experts, self.mixer = anywhere, (anywhere,) * 3, anywhere
        self.noise = Noise((7, 8), device="meta")


@pytest.mark.parametrize("name", [name for name in PROBLEMS if name not in ("posterior mean, full", "posterior given")])
def test_no_step_reads_a_number_back_from_the_device(name):
    for step in STEPS:
        state = final(walk(PROBLEMS[name](Meta()), karras(4, 1e-2, 1.0), step, 1.0, 2, Meta().noise))
        assert state.x.device.type == "meta"
        assert state.x.dtype == torch.float32


@pytest.mark.parametrize("rule", [PosteriorMeanFull, PosteriorGiven])
def test_no_vector_jacobian_product_reads_a_number_back(rule):
    setting = Meta()
    about = (setting.given, setting.known) if rule is PosteriorGiven else (setting.mixture,)
    made = rule(anywhere, *about, LevelVariance(setting.levels))
    state = final(walk(shifted(made, setting), karras(4, 1e-2, 1.0), STEPS[1], noise=setting.noise))
    assert state.x.device.type == "meta"


@pytest.mark.parametrize("name", PROBLEMS)
def test_steps_write_into_nothing(name):
    """States yielded earlier keep their numbers while the walk goes on."""
    setting = Setting()
    for step in STEPS:
        states = walk(PROBLEMS[name](setting), karras(4, 1e-2, 1.0), step, 1.0, 2, setting.noise)
        first = next(states)
        kept = first.x.clone(), first.denoised.clone()
        final(states)
        assert torch.equal(first.x, kept[0])
        assert torch.equal(first.denoised, kept[1])


DEFAULTS = {rule.__name__: rule for rule in (at_zero, everything, nothing_known, uncoupled)}
NAMES = {**vars(diffusion), **DEFAULTS, "torch": torch}


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_description_rebuilds_the_problem(name):
    """With tensors this small; bound methods and all."""
    setting = Setting(items=slice(0, 1))
    problem = PROBLEMS[name](setting)
    rebuilt = eval(repr(problem), NAMES)
    assert repr(rebuilt) == repr(problem)
    both = [final(walk(p, karras(4, 1e-2, 1.0), STEPS[0], noise=setting.noise)).x for p in (problem, rebuilt)]
    assert torch.equal(*both)


def test_large_tensors_are_described_by_shape_and_digest():
    mixture = torch.zeros(1, 1, 1000)
    shown = repr(EvenProjection(mixture))
    assert shown.startswith("EvenProjection(mixture=<1x1x1000 float32 ")
    assert len(shown) < 80
    assert shown == repr(EvenProjection(mixture.clone()))
    mixture[0, 0, 3] = 1
    assert shown != repr(EvenProjection(mixture))


def test_networks_and_tables_are_described():
    shown = repr(Guided(torch.nn.Linear(1, 1), LevelVariance(torch.ones(2)), 2.0))
    assert shown.startswith("Guided(conditional=Linear(), reference=LevelVariance(")
    table = TableVariance((0.1, 1.0), torch.ones(2, 1))
    assert repr(eval(repr(table), NAMES)) == repr(table)
