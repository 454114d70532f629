"""Guidance by interval and rescaled, prompts of a step in one pass, and separation by a text-conditioned oracle."""

import math

import pytest
import torch

from stemweave.diffusion import (
    BoundPrompts,
    DiracAnchor,
    DiracTangent,
    Euler,
    GaussianDenoiser,
    Guidance,
    Guided,
    GuidedPair,
    GuidedPrompts,
    Independent,
    Problem,
    karras,
)
from stemweave.errors import UsageError

DOUBLE = {"dtype": torch.float64}
SIGMA = torch.tensor(0.3, **DOUBLE)
LEVELS = {"bass": 0.10, "drums": 0.20, "guitar": 0.05, "piano": 0.08}
NAMES = tuple(LEVELS)
RELEASE = karras(150, 1e-4, 1.0)


class Table:
    """A text-conditioned oracle: a prompt is a comma list, its law the sum of what it names; None is silence of std 1."""

    def __init__(self):
        self.calls = []

    def __call__(self, x, sigma, prompts):
        self.calls.append(prompts)
        stds = torch.tensor([self.std(prompt) for prompt in prompts], **DOUBLE)
        return GaussianDenoiser(torch.zeros_like(stds), stds.square().diag())(x, sigma)

    @staticmethod
    def std(prompt):
        return 1.0 if prompt is None else math.sqrt(sum(LEVELS[name] ** 2 for name in prompt.split(", ")))


def random(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), **DOUBLE)


def dirac(denoiser, anchor, stems):
    return lambda seen: Problem(
        DiracTangent(denoiser, anchor), (len(seen), stems, 1, 1), project=DiracAnchor(seen[:, 0], anchor)
    )


# guidance


@pytest.mark.parametrize(("sigma", "acts"), [(0.1, False), (0.11, True), (0.5, True), (0.51, False)])
def test_guidance_acts_inside_its_interval(sigma, acts):
    """Outside, the estimate is the conditional one and the reference is not asked."""
    asked = []

    def reference(x, sigma):
        asked.append(float(sigma))
        return 0.5 * x

    x, level = random(2, 3, 1, 4), torch.tensor(sigma, **DOUBLE)
    out = GuidedPair(lambda x, _: 2 * x, reference, Guidance(3.0, 0.1, 0.5))(x, level)
    torch.testing.assert_close(out, (0.5 + 3 * 1.5) * x if acts else 2 * x)
    assert len(asked) == acts


def test_guidance_everywhere_is_the_plain_rule():
    table, x = Table(), random(2, 1, 1, 6)
    pair = BoundPrompts(table, ("bass",)), BoundPrompts(table, ("drums",))
    torch.testing.assert_close(GuidedPair(*pair, Guidance(2.5))(x, SIGMA), Guided(*pair, 2.5)(x, SIGMA))


@pytest.mark.parametrize("part", [0.3, 0.7, 1.0])
def test_rescaled_guidance_stem_by_stem(part):
    """φ·x·std(D)/std(x) + (1 − φ)·x, the levels of one stem not touching another's."""
    wanted, reference = random(2, 3, 2, 50), random(2, 3, 2, 50) * 0.1 + 0.3
    wanted[:, 1] *= 100
    out = Guidance(4.0, rescale=part).combine(wanted, reference)
    for item in range(2):
        for stem in range(3):
            own, other = wanted[item, stem].numpy(), reference[item, stem].numpy()
            guided = other + 4 * (own - other)
            expected = part * guided * own.std() / guided.std() + (1 - part) * guided
            torch.testing.assert_close(out[item, stem], torch.from_numpy(expected))


def test_rescaled_guidance_of_silence_is_silence():
    assert torch.equal(
        Guidance(2.0, rescale=1.0).combine(torch.zeros(1, 2, 1, 5), torch.zeros(1, 2, 1, 5)), torch.zeros(1, 2, 1, 5)
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"low": 1.0, "high": 1.0}, "low < high"),
        ({"low": -0.1}, "low < high"),
        ({"low": math.nan}, "low < high"),
        ({"rescale": 1.1}, "expected 0 to 1"),
        ({"rescale": math.nan}, "expected 0 to 1"),
    ],
)
def test_bad_guidance(values, message):
    with pytest.raises(UsageError, match=message):
        Guidance(2.0, **values)


# prompts


def test_all_prompts_of_a_step_are_one_pass():
    table, x = Table(), random(2, 3, 1, 4)
    prompts, negatives = ("bass", "drums", "bass, drums"), ("drums", None, None)
    out = GuidedPrompts(table, prompts, negatives, Guidance(2.0))(x, SIGMA)
    assert table.calls == [prompts + negatives]
    apart = Guided(BoundPrompts(table, prompts), BoundPrompts(table, negatives), 2.0)(x, SIGMA)
    torch.testing.assert_close(out, apart)


@pytest.mark.parametrize("guidance", [Guidance(1.0), Guidance(3.0, 0.4), Guidance(3.0, 0.0, 0.2)], ids=repr)
def test_references_cost_nothing_where_guidance_rests(guidance):
    table, x = Table(), random(1, 1, 1, 4)
    out = GuidedPrompts(table, ("bass",), (None,), guidance)(x, SIGMA)
    assert table.calls == [("bass",)]
    torch.testing.assert_close(out, BoundPrompts(table, ("bass",))(x, SIGMA))


def test_wrong_counts_of_prompts():
    with pytest.raises(UsageError, match="got 1 negative prompts for 2 prompts"):
        GuidedPrompts(Table(), ("bass", "drums"), (None,), Guidance(2.0))
    with pytest.raises(UsageError, match="got 1 prompts for 2 stems"):
        BoundPrompts(Table(), ("bass",))(random(1, 2, 1, 3), SIGMA)
    with pytest.raises(UsageError, match="got 2 prompts for 1 stems"):
        GuidedPrompts(Table(), ("bass", "drums"), (None, None), Guidance(1.0))(random(1, 1, 1, 3), SIGMA)
    with pytest.raises(UsageError, match="for 1 stems"):
        GuidedPrompts(Table(), ("bass", "drums"), (None, None), Guidance(2.0))(random(1, 1, 1, 3), SIGMA)


# separation by prompts: the Dirac rule on a table of Gaussians


@pytest.mark.parametrize(("anchor", "slopes"), [("bass", (0.269, 0.370, 0.150, 0.212)), ("piano", None), ("drums", None)])
def test_separator_is_the_dirac_rule_of_the_prompted_priors(propagate, anchor, slopes):
    """One pass for all prompts, one expert per prompt, and the joint Gaussian agree; methods' slopes of the flow."""
    place, table = NAMES.index(anchor), Table()
    joint = GaussianDenoiser(torch.zeros(4, **DOUBLE), torch.tensor(list(LEVELS.values()), **DOUBLE).square().diag())
    apart = Independent(tuple(BoundPrompts(table, (name,)) for name in NAMES))
    wanted = propagate(dirac(joint, place, 4), 1, RELEASE, Euler())
    for denoiser in (apart, BoundPrompts(table, NAMES)):
        ours = propagate(dirac(denoiser, place, 4), 1, RELEASE, Euler())
        torch.testing.assert_close(ours.gain, wanted.gain, rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(ours.covariance, wanted.covariance, rtol=1e-9, atol=1e-12)
    if slopes:
        torch.testing.assert_close(ours.gain[:, 0], torch.tensor(slopes, **DOUBLE), atol=2e-3, rtol=0)


@pytest.mark.parametrize("target", NAMES)
def test_extractor_is_the_dirac_rule_of_the_pair(propagate, target):
    """Target and rest, the rest prompted by the other names: gains as the amplitudes' ratio, far from the powers'."""
    rest = ", ".join(name for name in NAMES if name != target)
    ours = propagate(dirac(BoundPrompts(Table(), (target, rest)), 1, 2), 1, RELEASE, Euler())
    joint = GaussianDenoiser(torch.zeros(4, **DOUBLE), torch.tensor(list(LEVELS.values()), **DOUBLE).square().diag())
    pair = propagate(dirac(joint.pair(NAMES.index(target)), 1, 2), 1, RELEASE, Euler())
    torch.testing.assert_close(ours.gain, pair.gain, rtol=1e-9, atol=1e-12)
    own, other = Table.std(target), Table.std(rest)
    assert ours.gain[0, 0].item() == pytest.approx(own / (own + other), abs=0.02)
    assert ours.gain.sum().item() == pytest.approx(1.0)


def test_a_source_20_db_under_the_rest_leaks(propagate):
    """Gain .091 in the flow's limit instead of .0099, the posterior's."""
    pair = GaussianDenoiser(torch.zeros(2, **DOUBLE), torch.tensor([0.01**2, 0.1**2], **DOUBLE).diag())
    ours = propagate(dirac(pair, 1, 2), 1, RELEASE, Euler())
    assert ours.gain[0, 0].item() == pytest.approx(0.091, abs=0.004)
    assert pair.separation(torch.ones(1, 1, 1, **DOUBLE)).mean[0, 0].item() == pytest.approx(0.0099, abs=1e-4)
