"""One sound out of a song, by its name."""

import dataclasses
import math

import pytest
import torch
from torch import Tensor

import stemweave as sw
from stemweave.diffusion.guidance import Guidance
from stemweave.errors import ModelError, UsageError
from stemweave.model.model import Model
from stemweave.model.texted import TextModel
from stemweave.tasks.extract import AGAINST_REST, Against, duet, extraction
from stemweave.tasks.sampler import Sampler
from stemweave.tasks.separate import separate
from stemweave.tasks.song import Clip
from stemweave.tasks.starts import best_known
from stemweave.tasks.studio import Studio

SONG = 0.1 * torch.randn(2, 30001, generator=torch.Generator().manual_seed(0))


def depth(difference: Tensor, song: Tensor) -> float:
    return 10 * math.log10(float(difference.double().square().mean() / song.double().square().mean()) + 1e-30)


@pytest.mark.parametrize("share", [sw.masked, sw.direct])
def test_target_and_residual_sum_to_the_song(text_studio: Studio, share: object) -> None:
    stems = text_studio.extract(SONG, "slap bass", rate=44100, share=share, seed=1)  # type: ignore[arg-type]
    assert (stems.names, stems.rate, stems.seed) == (("target",), 44100, 1)
    assert stems.residual is not None
    assert stems["target"].shape == stems.residual.shape == SONG.shape
    assert depth(stems.mixture - SONG, SONG) < -80
    assert min(depth(part, SONG) for part in (stems["target"], stems.residual)) > -60


@pytest.mark.parametrize(("channels", "samples", "rate"), [(1, 1, 8000), (1, 997, 22050), (3, 2000, 96000)])
def test_any_rate_channels_and_length(text_studio: Studio, channels: int, samples: int, rate: int) -> None:
    song = SONG[:1, :samples].expand(channels, -1)
    stems = text_studio.extract(song, "piano", rate=rate, seed=1)
    assert stems["target"].shape == (channels, samples)
    assert depth(stems.mixture - song, song) < -80


def test_the_same_seed_gives_the_same_and_another_prompt_another_sound(text_studio: Studio) -> None:
    song = SONG[:, :5000]
    bass, again, drums = (
        text_studio.extract(song, prompt, rate=22050, share=sw.direct, seed=1)["target"] for prompt in ("bass", "bass", "drums")
    )
    assert torch.equal(bass, again)
    assert not torch.allclose(bass, drums, rtol=1e-2)


def test_it_is_the_separator_of_the_two_begun_at_the_song(text_studio: Studio) -> None:
    """`separate` on the same two prompts, with all that the target leaves as the rest."""
    sampler = Sampler.of(text_studio.config.settings.extractor)
    told = text_studio.told({"target": "bass", "rest": "Drums, Guitar, Piano"}, negatives={"target": "Drums"}, guidance=2.0)
    song = SONG[:, :5000]
    wanted = told.separate(
        song, rate=22050, likelihood=sw.Dirac("rest"), sampler=dataclasses.replace(sampler, start=best_known), seed=4
    )
    found = text_studio.extract(song, "bass", rate=22050, seed=4)
    torch.testing.assert_close(found["target"], wanted["target"], atol=1e-6, rtol=0)


def test_extraction_begins_at_the_song() -> None:
    how = extraction(AGAINST_REST, Sampler.of(sw.Sampling(3, 1.0, 0.1)), sw.direct, 7)
    assert (how.likelihood, how.seed, how.residual) == (AGAINST_REST, 7, False)
    assert how.share == Against(sw.direct)
    assert how.sampler is not None
    assert how.sampler.start is best_known


# what is told


def test_the_rest_is_by_default_what_else_the_model_knows(text_model: TextModel) -> None:
    told = duet(text_model, "slap bass")
    assert told.config.stems == ("target", "residual")
    assert told.prompts == ("slap bass", "Drums, Guitar, Piano")
    assert told.references == ("Drums", None)
    assert told.guidance == Guidance(2.0)
    assert text_model.prompts == ("Bass", "Drums", "Guitar", "Piano")


@pytest.mark.parametrize(
    ("prompt", "rest", "negative"),
    [
        ("Piano", "Bass, Drums, Guitar", None),
        ("jazz drum kit", "Bass, Guitar, Piano", "Bass"),
        ("bass and drums", "Guitar, Piano", None),
        ("jazz", "Bass, Drums, Guitar, Piano", None),
        ("keys, lead guitar", "Bass, Drums", None),
    ],
)
def test_sounds_are_known_in_any_spelling(text_model: TextModel, prompt: str, rest: str, negative: str | None) -> None:
    told = duet(text_model, prompt)
    assert (told.prompts, told.references) == ((prompt, rest), (negative, None))


def test_what_is_said_goes_before_what_is_usual(text_model: TextModel) -> None:
    told = duet(text_model, "bass", "piano", "jazz drums")
    assert (told.prompts, told.references) == (("bass", "jazz drums"), ("piano", None))
    assert duet(text_model, "slap bass guitar").prompts[1] == "Drums, Guitar, Piano"
    assert duet(text_model, "bass, drums, guitar, piano", rest="jazz").prompts[1] == "jazz"


def test_a_line_up_that_was_told_is_what_else_sounds(text_model: TextModel) -> None:
    """By its prompts, whatever its stems are called; with the guidance and the negative prompts that it was told."""
    band = text_model.told({"x": "slap bass", "bass": "jazz drums"}, {"x": "piano"}, Guidance(4.0))
    told = duet(band, "bass")
    assert told.prompts == ("bass", "jazz drums")
    assert told.references == ("piano", None)
    assert told.guidance == Guidance(4.0)


@pytest.mark.parametrize(
    ("prompt", "negative", "rest", "message"),
    [
        ("", None, None, "is empty: say what should sound"),
        (" \n", None, None, "is empty: say what should sound"),
        ("bass", "", None, "is empty"),
        ("bass", None, " ", "is empty"),
        ("kazoo", None, None, "unknown word 'kazoo'"),
        ("bass", "kazoo", None, "unknown word 'kazoo'"),
        ("bass", None, "kazoo", "unknown word 'kazoo'"),
        ("guitarra eléctrica", None, None, "unknown word 'guitarra'"),
        ("ベース", None, None, "unknown word 'ベース'"),
        ("x" * 10_000, None, None, "unknown word 'xxx"),
        ("and, with the", None, None, "names nothing: this model knows"),
        ("bass, drum kit, guitar, keys", None, None, "names all that texted knows: say what else sounds"),
    ],
)
def test_what_it_cannot_be_told(
    text_model: TextModel, prompt: str, negative: str | None, rest: str | None, message: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        duet(text_model, prompt, negative, rest)
    assert len(str(caught.value)) < 250
    assert "\n" not in str(caught.value)


def test_a_long_prompt_of_known_words_is_read(text_model: TextModel) -> None:
    assert duet(text_model, "slap bass, " * 1000).prompts[1] == "Drums, Guitar, Piano"


def test_models_that_are_not_told_in_words_cannot(studio: Studio, tiny_model: Model) -> None:
    with pytest.raises(ModelError, match="tiny is not told in words what sounds, as extraction needs; use one such"):
        studio.extract(SONG, "bass", rate=44100)
    with pytest.raises(ModelError, match="as a prompt needs"):
        studio.told({"bass": "bass"})


def test_songs_that_cannot_be_used(text_studio: Studio) -> None:
    with pytest.raises(UsageError, match="NaN"):
        text_studio.extract(torch.full((1, 50), math.nan), "bass", rate=22050)
    with pytest.raises(UsageError, match="rate"):
        text_studio.extract(SONG, "bass")
    with pytest.raises(UsageError, match="seed -1"):
        text_studio.extract(SONG, "bass", rate=22050, seed=-1)


# a studio that is told


def test_a_told_studio_works_with_its_own_stems(text_studio: Studio) -> None:
    told = text_studio.told({"kit": "jazz drums", "solo": "lead guitar"})
    assert told.stems == ("kit", "solo")
    stems = told.separate(SONG[:, :5000], rate=22050, seed=1)
    assert stems.names == ("kit", "solo")
    torch.testing.assert_close(stems.mixture, SONG[:, :5000], atol=1e-5, rtol=0)
    assert text_studio.stems == ("bass", "drums", "guitar", "piano")


@pytest.mark.parametrize("name", ["mix", "residual", "../bass", "a/b", ".hidden", ""])
def test_names_that_no_file_can_have(text_studio: Studio, name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a stem"):
        text_studio.told({name: "bass"})


@pytest.mark.parametrize("guidance", [-0.1, 101.0, math.nan, math.inf])
def test_guidance_out_of_range(text_studio: Studio, guidance: float) -> None:
    with pytest.raises(UsageError, match="expected 0 to 100, 1 for none"):
        text_studio.told({"bass": "bass"}, guidance=guidance)


def test_blocks_join_to_the_length_of_a_long_song(text_model: TextModel) -> None:
    song = Clip(SONG[:1], 22050)
    how = extraction(AGAINST_REST, Sampler.of(sw.Sampling(1, 1.0, 0.1)), sw.masked, 1)
    blocks = list(separate(duet(text_model, "bass"), song, how))
    assert len(blocks) > 1
    torch.testing.assert_close(torch.cat(blocks, -1).sum(0), SONG[:1], atol=1e-5, rtol=0)
