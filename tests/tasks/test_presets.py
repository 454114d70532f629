"""The settings of 2403.11706 by value: what its text and tables print."""

import dataclasses

import pytest

from stemweave.model.config import Prompting, Sampling, Settings
from stemweave.model.texted import TextModel
from stemweave.tasks import prompting
from stemweave.tasks.accompany import own_conditioning
from stemweave.tasks.apart import Ensemble
from stemweave.tasks.coupled import COHERENT, Beside, Together, own_coupling
from stemweave.tasks.likelihoods import Dirac, own_likelihood
from stemweave.tasks.presets import gmsdi
from stemweave.tasks.sampler import SOLVERS, Sampler

JOBS = {"generate": (600, "adpm2"), "accompany": (300, "adpm2"), "dirac": (150, "ancestral"), "extractor": (150, "ancestral")}


@pytest.mark.parametrize(("job", "steps", "solver"), [(job, *how) for job, how in JOBS.items()])
def test_solvers_and_steps(text_model: TextModel, job: str, steps: int, solver: str) -> None:
    own, paper = getattr(text_model.config.settings, job), getattr(gmsdi(text_model).config.settings, job)
    assert (paper.steps, paper.solver, paper.churn, paper.resamples, paper.draws) == (steps, solver, 0, 1, 1)
    assert (paper.sigma_max, paper.sigma_min, paper.rho, paper.start) == (own.sigma_max, own.sigma_min, own.rho, own.start)
    sampler = Sampler.of(paper)
    assert (sampler.total, sampler.step) == (steps, SOLVERS[solver])


def test_one_prompt_takes_a_quarter_of_the_steps_and_no_coupling(text_model: TextModel) -> None:
    one, two = (gmsdi(text_model.told(dict(list({"a": "bass", "b": "drums"}.items())[:count]))) for count in (1, 2))
    assert (one.config.settings.generate.steps, one.config.settings.coupling) == (150, "joint")
    assert (two.config.settings.generate.steps, two.config.settings.coupling) == (600, "coherent")


def test_likelihood_ensemble_conditioning_and_coupling(text_model: TextModel) -> None:
    settings = gmsdi(text_model).config.settings
    assert own_likelihood(settings) == Dirac("drums")
    assert own_likelihood(dataclasses.replace(settings, likelihood="ensemble")) == Ensemble(
        ("bass", "guitar", "piano"), "drums"
    )
    assert own_conditioning(settings) == Beside(COHERENT["coherent"])
    assert own_coupling(settings) == Together(COHERENT["coherent"])


def test_stems_that_are_not_there_are_not_chosen(text_model: TextModel) -> None:
    settings = gmsdi(text_model.told({"piano": "piano", "lead": "lead guitar"})).config.settings
    assert (settings.anchor, settings.extracted) == ("", ("piano",))


def test_negative_prompts(text_model: TextModel) -> None:
    paper = gmsdi(text_model)
    generated = ("Drums, Guitar, Piano", "Bass", "Bass, Drums", "Bass, Drums")
    assert prompting.generating(paper).references == generated
    assert prompting.accompanying(paper).references == generated
    assert prompting.separating(paper).references == (None,) * 4
    assert prompting.extracting(paper).references == ("Drums, Guitar, Piano", "Bass", None, None)


def test_guidance_stays_the_models_own(text_model: TextModel) -> None:
    for job in (prompting.generating, prompting.accompanying, prompting.separating, prompting.extracting):
        assert job(gmsdi(text_model)).guidance == job(text_model).guidance
    assert prompting.extracting(text_model).guidance.weight == 2


def test_the_model_itself_is_as_it_was(text_model: TextModel) -> None:
    before = text_model.config
    paper = gmsdi(text_model)
    assert text_model.config is before
    assert paper.config.best == paper.config.settings != before.settings
    assert paper.net is text_model.net


def test_models_of_other_makers_have_no_guidance_of_their_own(text_model: TextModel) -> None:
    other = text_model.told({"bass": "bass", "drums": "drums"})
    other.config = dataclasses.replace(other.config, text=None, settings=Settings(generate=Sampling(9, 80.0, 0.3)))
    assert prompting.generating(other).guidance.weight == 1
    assert prompting.generating(other).references == (None, None)
    text = gmsdi(other).config.text
    assert text is not None
    assert dataclasses.replace(text.extract, negatives=()) == Prompting()
    assert gmsdi(other).config.settings.generate == Sampling(600, 80.0, 0.3, solver="adpm2")
    assert prompting.generating(gmsdi(other)).references == ("Drums, Guitar, Piano", "Bass")
