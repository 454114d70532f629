import pytest

from stemweave.cli.settings import lineup_of, rule_of
from stemweave.diffusion.coupling import Constant, Proportional
from stemweave.errors import UsageError
from stemweave.evaluation.protocols.lineups import Some, everyone
from stemweave.tasks.likelihoods import PAPER, Dirac, Gaussian, even, exact, explicit, learned

STEMS = ("bass", "drums", "guitar", "piano")


@pytest.mark.parametrize(
    ("point", "rule"),
    [
        ({}, learned),
        ({"likelihood": "even"}, even),
        ({"likelihood": "dirac"}, Dirac()),
        ({"likelihood": "dirac", "anchor": "loudest"}, Dirac()),
        ({"likelihood": "dirac", "anchor": "piano"}, Dirac("piano")),
        ({"likelihood": "gaussian"}, Gaussian()),
        ({"likelihood": "gaussian", "gamma": "0.3"}, Gaussian(Proportional(0.3))),
        ({"likelihood": "gaussian", "gamma": "constant:0.05"}, Gaussian(Constant(0.05), exact)),
        ({"likelihood": "gaussian", "relaxation": "explicit"}, Gaussian(PAPER, explicit)),
    ],
)
def test_a_point_has_its_likelihood(point, rule):
    assert rule_of(point, STEMS) == rule


@pytest.mark.parametrize(
    "gamma", ["0", "-1", "nan", "inf", "wide", "", "constant", "constant:", "constant:0", "steep:0.3", ":0.3"]
)
def test_refuses_what_is_no_width(gamma):
    with pytest.raises(UsageError, match=r"gamma is .*, expected a number above 0"):
        rule_of({"likelihood": "gaussian", "gamma": gamma}, STEMS)


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ({"likelihood": "gaussian", "relaxation": "slow"}, "--vary relaxation is 'slow', expected one of exact, explicit"),
        ({"likelihood": "dirac", "anchor": "kazoo"}, "--vary anchor is 'kazoo', expected one of loudest, bass"),
        ({"likelihood": "hope"}, "--vary likelihood is 'hope', expected one of learned"),
    ],
)
def test_refuses_what_no_likelihood_has(point, message):
    with pytest.raises(UsageError, match=message):
        rule_of(point, STEMS)


def test_lineups_by_name():
    assert lineup_of("all", STEMS) is everyone
    assert lineup_of("drums+bass", STEMS) == Some(("drums", "bass"))


@pytest.mark.parametrize("text", ["bass", "bass+bass", "bass+kazoo", "bass+", "", "bass drums", "all+bass"])
def test_refuses_what_is_no_lineup(text):
    with pytest.raises(UsageError, match=r"--vary lineup is .*, expected all, or two or more different ones of bass, drums"):
        lineup_of(text, STEMS)
