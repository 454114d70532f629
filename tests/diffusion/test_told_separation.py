"""The laws of 2403.11706's separator and guidance on a model whose network is a table: each prompt is a Gaussian."""

import pytest
import torch
from torch import Tensor, nn

from stemweave.diffusion import (
    DiracAnchor,
    DiracTangent,
    Euler,
    GaussianDenoiser,
    Guidance,
    Heun,
    Independent,
    Problem,
    karras,
    log_linear,
)
from stemweave.diffusion.precondition import Precondition
from stemweave.model.texted import TextModel
from stemweave.nets.prompts import Prompt
from stemweave.tasks.likelihoods import Dirac

DOUBLE = {"dtype": torch.float64}
LEVELS = {"bass": 0.10, "drums": 0.20, "guitar": 0.05, "piano": 0.08}
STEMS = tuple(LEVELS)
SAID = {"bass": "Bass", "drums": "the drum kit", "guitar": "lead guitar", "piano": "keys"}
SHORT = karras(40, 1e-4, 1.0)


class Table(nn.Module):
    """The exact answer where a prompt's phrases are independent Gaussians, of the variance that each token begins with."""

    def __init__(self, precondition: Precondition) -> None:
        super().__init__()
        self.precondition = precondition

    def forward(self, x: Tensor, noise: Tensor, prompt: Prompt) -> Tensor:
        rule, level = self.precondition, (noise * self.precondition.data)[:, None, None, None]
        noised, variance = x / rule.scale(level), prompt.tokens[..., 0].sum(1)[:, None, None, None]
        return (variance / (variance + level**2) - rule.skip(level)) * noised / rule.out(level)


@pytest.fixture(name="model")
def make_model(text_model: TextModel) -> TextModel:
    model = TextModel(text_model.config).double().requires_grad_(False)
    model.net = Table(model.precondition)
    vectors = model.conditioner.embedding.words.weight.zero_()
    vectors[1:5, 0] = torch.tensor(list(LEVELS.values()), **DOUBLE).square()
    model.conditioner.null_token.zero_()[0] = 0.4**2
    return model


def gaussian(*names: str) -> GaussianDenoiser:
    """The law of each of these names, independent; "drums, piano" is one stem."""
    powers = [sum(LEVELS[each] ** 2 for each in name.split(", ")) for name in names]
    return GaussianDenoiser(torch.zeros(len(names), **DOUBLE), torch.tensor(powers, **DOUBLE).diag())


def told_and_true(propagate, model, prior, anchor, sigmas=SHORT, **walk):
    """Moments of the walk of the told model, and of the rule itself on the true prior."""
    place, stems = model.config.stems.index(anchor), len(model.config.stems)

    def rule(seen: Tensor) -> Problem:
        return Problem(DiracTangent(prior, place), (len(seen), stems, 1, 1), project=DiracAnchor(seen[:, 0], place))

    ours = propagate(lambda seen: Dirac(anchor)(model, seen[:, 0]), 1, sigmas, Euler(), **walk)
    return ours, propagate(rule, 1, sigmas, Euler(), **walk)


def same(ours, wanted):
    for one, other in ((ours.offset, wanted.offset), (ours.gain, wanted.gain), (ours.covariance, wanted.covariance)):
        torch.testing.assert_close(one, other, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("anchor", STEMS)
def test_the_separator_is_dirac_on_independent_gaussians(propagate, model, anchor):
    apart = Independent(tuple(gaussian(name) for name in STEMS))
    same(*told_and_true(propagate, model.told(SAID), apart, anchor))


def test_the_separators_published_figures(propagate, model):
    """The row "dirac 1st" of the table of rules, to four digits."""
    ours, wanted = told_and_true(propagate, model.told(SAID), gaussian(*STEMS), "bass", karras(150, 1e-4, 1.0), churn=20)
    same(ours, wanted)
    torch.testing.assert_close(ours.gain[:, 0], torch.tensor((0.2393, 0.4950, 0.0913, 0.1744), **DOUBLE), rtol=0, atol=6e-5)


def test_the_order_of_a_line_up_is_its_own(propagate, model):
    forth, back = model.told(SAID), model.told(dict(reversed(SAID.items())))
    one, other = (propagate(lambda seen, m=m: Dirac("drums")(m, seen[:, 0]), 1, SHORT, Euler()) for m in (forth, back))
    torch.testing.assert_close(one.gain, other.gain.flip(0), rtol=1e-9, atol=1e-12)


def test_one_prompt_may_name_several_sounds(propagate, model):
    """The extractor's pair: a target and the rest, told in one prompt."""
    told = model.told({"piano": "piano", "rest": "bass, guitar and drums"})
    same(*told_and_true(propagate, told, gaussian("piano", "bass, drums, guitar"), "rest"))


@pytest.mark.parametrize(("weight", "negatives", "std"), [(2.0, {"bass": "drums"}, 0.05), (3.0, {"bass": "drums"}, 0.025),
                                                          (1.0, {"bass": "drums"}, 0.1), (2.0, {}, 0.1**2 / 0.4)])  # fmt: skip
def test_guided_levels_follow_the_law(propagate, model, weight, negatives, std):
    """s^w·s*^(1 − w) in the flow's limit, s* of the negative prompt, or of the learned one that stands for nothing said."""
    told = model.told({"bass": "bass"}, negatives, Guidance(weight))
    problem = lambda seen: Problem(told.prior(), (len(seen), 1, 1, 1))  # noqa: E731
    ours = propagate(problem, 1, log_linear(150, 1e-4, 50.0), Heun())
    assert ours.std.item() == pytest.approx(std, rel=0.01)
