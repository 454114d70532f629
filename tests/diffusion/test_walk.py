"""The walk: what it yields, how it stops and resumes, when it forgets, what it refuses."""

import io
import math

import pytest
import torch

from stemweave.diffusion import (
    ADPM2,
    STEPS,
    Churn,
    DPMSolver2M,
    Euler,
    GaussianDenoiser,
    Heun,
    Noise,
    Problem,
    Replacement,
    final,
    karras,
    walk,
)
from stemweave.diffusion.solve import Move, State
from stemweave.errors import UsageError

PRIOR = GaussianDenoiser(torch.tensor([0.1, -0.2]), torch.tensor([[0.04, 0.02], [0.02, 0.03]]))
SHAPE = (2, 2, 1, 16)
SIGMAS = karras(6, 1e-3, 1.0)
KNOWN = Replacement(torch.ones(SHAPE), torch.tensor([True, False]))


class Counted:
    """A denoiser that counts its calls and notes the levels it was asked at."""

    def __init__(self):
        self.levels = []

    def __call__(self, x, sigma):
        self.levels.append(float(sigma))
        return PRIOR(x, sigma)


class Remembering:
    """A step that notes the memory it was handed."""

    def __init__(self):
        self.memories = []

    def __call__(self, denoise, x, sigma, target, last):
        self.memories.append(None if last is None else float(last.sigma))
        return Move(x, denoise(x, sigma), target)


def test_one_state_per_step_with_a_known_total():
    states = list(walk(Problem(PRIOR, SHAPE), SIGMAS, Euler()))
    assert [(s.step, s.total) for s in states] == [(i, 6) for i in range(1, 7)]
    assert [s.sigma for s in states] == SIGMAS[1:].tolist()
    assert [s.estimated_at for s in states] == SIGMAS[:-1].tolist()
    assert torch.equal(states[-1].x, states[-1].denoised)


def test_nothing_runs_until_asked_and_nothing_after_the_consumer_stops():
    denoiser = Counted()
    states = walk(Problem(denoiser, SHAPE), SIGMAS, Euler())
    assert denoiser.levels == []
    next(states)
    next(states)
    states.close()
    assert denoiser.levels == SIGMAS[:2].tolist()


@pytest.mark.parametrize("step", STEPS, ids=repr)
@pytest.mark.parametrize(("churn", "resamples"), [(0.0, 1), (3.0, 1), (3.0, 2)])
def test_a_walk_resumed_anywhere_gives_the_same_bytes(step, churn, resamples):
    problem = Problem(PRIOR, SHAPE, project=KNOWN)
    options = {"churn": churn, "resamples": resamples, "noise": Noise((3, 4))}
    states = list(walk(problem, SIGMAS, step, **options))
    for state in states[:-1]:
        resumed = final(walk(problem, SIGMAS, step, resume=_stored(state), **options))
        assert torch.equal(resumed.x, states[-1].x)
        assert (resumed.step, resumed.draws) == (states[-1].step, states[-1].draws)


def _stored(state: State) -> State:
    """Through a file and back."""
    file = io.BytesIO()
    torch.save(vars(state), file)
    file.seek(0)
    return State(**torch.load(file, weights_only=True))


def test_a_finished_walk_resumed_is_over():
    problem = Problem(PRIOR, SHAPE)
    last = final(walk(problem, SIGMAS, Euler()))
    assert list(walk(problem, SIGMAS, Euler(), resume=last)) == []


def test_the_last_estimate_travels_and_noise_clears_it():
    plain, churned, resampled, late = (Remembering() for _ in range(4))
    problem = Problem(PRIOR, SHAPE)
    final(walk(problem, SIGMAS, plain))
    final(walk(problem, SIGMAS, churned, churn=1.0))
    final(walk(problem, SIGMAS, resampled, resamples=2))
    final(walk(problem, SIGMAS, late, churn=Churn(1.0, low=0.5)))
    levels = SIGMAS.tolist()
    assert plain.memories == [None, *levels[:5]]
    assert churned.memories == [None] * 6
    assert resampled.memories[::2] == [None, *levels[:5]]
    assert resampled.memories[1::2] == [None] * 6
    hot = [level * (1 + 1 / 6) if level >= 0.5 else level for level in levels]
    assert late.memories == [None if level >= 0.5 else before for before, level in zip([None, *hot], levels[:6], strict=False)]


def test_churn_divides_by_the_steps_and_is_capped():
    sigma = torch.tensor(0.5)
    assert Churn(20.0).gamma(sigma, 150) == pytest.approx(20 / 150)
    assert Churn(20.0).gamma(sigma, 48) == math.sqrt(2) - 1
    assert Churn(20.0).gamma(sigma, 49) == pytest.approx(20 / 49)
    assert Churn(20.0, low=0.6).gamma(sigma, 150) == 0
    assert Churn(20.0, high=0.4).gamma(sigma, 150) == 0


def test_churn_asks_the_denoiser_at_the_raised_level():
    denoiser = Counted()
    final(walk(Problem(denoiser, SHAPE), SIGMAS, Euler(), churn=Churn(1.2, low=0.1)))
    expected = [level * (1.2 if level >= 0.1 else 1.0) for level in SIGMAS[:-1].tolist()]
    assert denoiser.levels == pytest.approx(expected)


@pytest.mark.parametrize(
    ("step", "calls"),
    [(Euler(), 6), (Heun(), 11), (ADPM2(), 11), (Euler(eta=1.0), 6), (DPMSolver2M(), 6), (DPMSolver2M(eta=1.0), 6)],
)
def test_calls_per_step(step, calls):
    denoiser = Counted()
    final(walk(Problem(denoiser, SHAPE), SIGMAS, step))
    assert len(denoiser.levels) == calls
    assert 0 not in denoiser.levels


@pytest.mark.parametrize(
    ("step", "churn", "resamples", "draws"),
    [
        (Euler(), 0.0, 1, 1),
        (Euler(), 1.0, 1, 1 + 6),
        (Euler(), 1.0, 3, 1 + 6 * 3 + 6 * 2),
        (Euler(), 0.0, 3, 1 + 6 * 2),
        (Euler(eta=1.0), 0.0, 1, 1 + 5),
        (ADPM2(), 0.0, 1, 1 + 5),
        (DPMSolver2M(eta=1.0), 0.0, 1, 1 + 5),
    ],
)
def test_noise_is_drawn_only_where_it_is_used(step, churn, resamples, draws):
    assert final(walk(Problem(PRIOR, SHAPE), SIGMAS, step, churn, resamples)).draws == draws


def test_the_start_is_a_denoiser_that_sees_silence():
    seen = []

    def start(x, sigma):
        seen.append((x, float(sigma)))
        return x + 5

    first = next(walk(Problem(lambda x, sigma: x, SHAPE, start=start), SIGMAS, Euler(), noise=Noise((1, 2))))
    torch.testing.assert_close(first.x, 5 + Noise((1, 2))(0, SHAPE))
    assert torch.equal(seen[0][0], torch.zeros(SHAPE))
    assert seen[0][1] == 1.0


def test_the_state_yielded_is_projected():
    for state in walk(Problem(PRIOR, SHAPE, project=lambda x, sigma, draw: x.clamp(min=0)), SIGMAS, Heun()):
        assert (state.x >= 0).all()


def test_the_noise_decides_the_precision():
    state = final(walk(Problem(PRIOR, SHAPE), SIGMAS, Heun()))
    assert state.x.dtype == torch.float32
    double = GaussianDenoiser(PRIOR.mean.double(), PRIOR.covariance.double())
    state = final(walk(Problem(double, SHAPE), SIGMAS, Heun(), noise=Noise((0, 1), dtype=torch.float64)))
    assert state.x.dtype == torch.float64


def test_the_default_draws_item_i_from_seed_i():
    problem = Problem(PRIOR, SHAPE)
    assert torch.equal(
        final(walk(problem, SIGMAS, Euler(), 2.0)).x, final(walk(problem, SIGMAS, Euler(), 2.0, noise=Noise((0, 1)))).x
    )


def test_churn_noise_may_be_inflated(propagate):
    """s_noise scales the churn's noise alone: a denoiser that keeps x lets it be read off."""
    keep = lambda seen: Problem(lambda x, sigma: x, (len(seen), 1, 1, 1))  # noqa: E731
    sigmas = torch.tensor([1.0, 0.5])
    plain = propagate(keep, 0, sigmas, Euler(), churn=Churn(0.3))
    inflated = propagate(keep, 0, sigmas, Euler(), churn=Churn(0.3, inflate=1.1))
    assert plain.covariance.item() == pytest.approx(1 + (1.3**2 - 1))
    assert inflated.covariance.item() == pytest.approx(1 + 1.1**2 * (1.3**2 - 1))


@pytest.mark.parametrize("churn", [-1.0, math.nan, math.inf])
def test_a_churn_that_cannot_be_is_refused(churn):
    with pytest.raises(UsageError, match="churn"):
        walk(Problem(PRIOR, SHAPE), SIGMAS, Euler(), churn=churn)


def test_no_resamples_are_refused():
    with pytest.raises(UsageError, match="resamples"):
        walk(Problem(PRIOR, SHAPE), SIGMAS, Euler(), resamples=0)


def test_a_state_of_another_walk_is_refused():
    state = next(walk(Problem(PRIOR, SHAPE), SIGMAS, Euler()))
    with pytest.raises(UsageError, match="steps"):
        walk(Problem(PRIOR, SHAPE), SIGMAS[:-1], Euler(), resume=state)


@pytest.mark.parametrize("shape", [(2, 2, 16), (0, 2, 1, 16), (1, 1, 1, 0)])
def test_problems_refuse_other_shapes(shape):
    with pytest.raises(UsageError, match="shape"):
        Problem(PRIOR, shape)
