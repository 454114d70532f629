import pytest

from stemweave.cli.settings import lineup_of, prompted, rule_of
from stemweave.diffusion.coupling import Constant, Proportional
from stemweave.errors import ModelError, UsageError
from stemweave.evaluation.protocols.lineups import Some, everyone
from stemweave.tasks.apart import Ensemble, Extractor
from stemweave.tasks.likelihoods import PAPER, Dirac, Gaussian, even, exact, explicit, learned
from stemweave.tasks.prompting import separating
from stemweave.tasks.studio import Studio

STEMS = ("bass", "drums", "guitar", "piano")


@pytest.mark.parametrize(
    ("point", "rule"),
    [
        ({}, learned),
        ({"likelihood": "even"}, even),
        ({"likelihood": "dirac"}, Dirac()),
        ({"likelihood": "dirac", "anchor": "loudest"}, Dirac()),
        ({"likelihood": "dirac", "anchor": "piano"}, Dirac("piano")),
        ({"likelihood": "extractor"}, Extractor()),
        ({"likelihood": "ensemble"}, Ensemble(("guitar",))),
        ({"likelihood": "ensemble", "extracted": "none", "anchor": "drums"}, Ensemble((), "drums")),
        ({"likelihood": "ensemble", "extracted": "piano+bass", "anchor": "loudest"}, Ensemble(("piano", "bass"))),
        ({"likelihood": "gaussian"}, Gaussian()),
        ({"likelihood": "gaussian", "gamma": "0.3"}, Gaussian(Proportional(0.3))),
        ({"likelihood": "gaussian", "gamma": "constant:0.05"}, Gaussian(Constant(0.05), exact)),
        ({"likelihood": "gaussian", "relaxation": "explicit"}, Gaussian(PAPER, explicit)),
    ],
)
def test_a_point_has_its_likelihood(point, rule):
    assert rule_of(point, STEMS, ("guitar",)) == rule


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
        ({"likelihood": "ensemble", "anchor": "kazoo"}, "--vary anchor is 'kazoo', expected one of loudest, bass"),
        (
            {"likelihood": "ensemble", "extracted": "kazoo"},
            "--vary extracted is 'kazoo', expected none, or different ones",
        ),
        ({"likelihood": "ensemble", "extracted": "bass+bass"}, "--vary extracted is 'bass.bass', expected none, or different"),
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


@pytest.fixture
def texted(text_model, tmp_path):
    return Studio(text_model, tmp_path)


def test_a_point_prompts_a_model_that_is_told_in_words(texted):
    before = texted.model.config
    assert prompted(texted, {}) is texted
    model = separating(prompted(texted, {"guidance": 2.5}).model)
    assert model.guidance.weight == 2.5
    assert model.prompts == ("Bass", "Drums", "Guitar", "Piano")
    extracting = prompted(texted, {"negatives": "paper", "guidance": 1.5}).model
    assert dict(extracting.config.text.extract.negatives) == {"bass": "Drums, Guitar, Piano", "drums": "Bass"}
    assert extracting.config.text.separate.negatives == ()
    assert prompted(prompted(texted, {"negatives": "paper"}), {"negatives": "none"}).model.config.text.extract.negatives == ()
    assert texted.model.config == before


@pytest.mark.parametrize("point", [{"guidance": 2.0}, {"negatives": "none"}])
def test_refuses_to_prompt_a_model_that_cannot_be_told(studio, point):
    with pytest.raises(ModelError, match="tiny is not told in words what sounds"):
        prompted(studio, point)


def test_refuses_guidance_and_negatives_there_are_not(texted):
    with pytest.raises(UsageError, match=r"got guidance -1\.0; expected 0 to 100"):
        prompted(texted, {"guidance": -1.0})
    with pytest.raises(UsageError, match="--vary negatives is 'some', expected one of own, none, paper"):
        prompted(texted, {"negatives": "some"})
