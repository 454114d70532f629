"""What a line-up is told for a job: guidance, negative prompts, and which prompts name one sound."""

import dataclasses

import pytest
import torch

from stemweave.diffusion.guidance import Guidance
from stemweave.model.config import Prompting, Settings
from stemweave.model.lineup import Lineup, fitted, together
from stemweave.model.texted import TextModel
from stemweave.nets.text import Encoded


def test_several_prompts_in_one() -> None:
    assert together(("Bass", "jazz drums")) == "Bass, jazz drums"
    assert together(("Bass", None, "Piano")) == "Bass, Piano"
    assert together((None, None)) is None
    assert together(()) is None


def test_settings_fit_the_stems_there_are() -> None:
    settings = Settings(anchor="drums", extracted=("piano", "bass"), coupling="coherent")
    assert fitted(settings, ("bass", "drums")) == dataclasses.replace(settings, extracted=("bass",))
    assert fitted(settings, ("bass", "lead")) == dataclasses.replace(settings, extracted=("bass",), anchor="")


JOB = Prompting(3.0, 0.1, 0.5, 0.7, negatives=(("bass", "Drums, Guitar"), ("drums", "Bass"), ("flute", "Bass")))


def test_a_job_has_its_own_guidance_and_negatives(text_model: TextModel) -> None:
    doing = text_model.doing(JOB)
    assert doing.guidance == Guidance(3.0, 0.1, 0.5, 0.7)
    assert doing.references == ("Drums, Guitar", "Bass", None, None)
    assert doing.prompts == text_model.prompts
    assert text_model.guidance == Guidance(1.0)
    assert text_model.references == (None,) * 4


def test_a_job_s_guidance_may_have_no_upper_bound(text_model: TextModel) -> None:
    assert text_model.doing(Prompting(2.0)).guidance == Guidance(2.0, 0.0, float("inf"))


def test_what_was_told_goes_before_what_is_usual(text_model: TextModel) -> None:
    told = text_model.told({"bass": "slap bass", "drums": "drums"}, {"bass": "piano"}, Guidance(5.0)).doing(JOB)
    assert told.references == ("piano", "Bass")
    assert told.guidance == Guidance(5.0)
    assert told.doing(Prompting()).references == ("piano", None)


@pytest.mark.parametrize(
    ("prompt", "reference"),
    [
        ("slap bass", "Drums, Guitar"),
        ("jazz drum kit", None),
        ("bass, lead guitar", None),
        ("jazz bass, piano", "Drums, Guitar"),
    ],
)
def test_no_sound_is_its_own_negative(text_model: TextModel, prompt: str, reference: str | None) -> None:
    """A stem called bass may be told anything; "drum kit" is another spelling of "drums"."""
    assert text_model.told({"bass": prompt}).doing(JOB).references == (reference,)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("drums", "jazz drums", True),
        ("Drums", "a drum kit", True),
        ("jazz drums", "jazz guitar", False),
        ("lead guitar", "slap guitar", False),
        ("bass, keys", "jazz piano", True),
        ("bass", "piano", False),
    ],
)
def test_prompts_that_name_one_sound(text_model: TextModel, one: str, other: str, alike: bool) -> None:
    assert text_model.alike(one, other) is text_model.alike(other, one) is alike


class Letters:
    features, fingerprint = 1, "letters"

    def __call__(self, texts: list[str]) -> list[torch.Tensor]:
        return [torch.ones(len(text), 1) for text in texts]


def test_free_text_is_compared_word_by_word(text_model: TextModel) -> None:
    model = TextModel(text_model.config)
    model.conditioner.reader = Encoded(Letters())
    assert isinstance(model, Lineup)
    assert model.names("Slap bass,, DRUMS,") == {frozenset(("slap", "bass")), frozenset(("drums",))}
    assert model.alike("drums", "Brushed  Drums")
    assert not model.alike("drums", "drum kit")
