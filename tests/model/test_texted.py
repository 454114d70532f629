"""A model that is told in words what sounds: which stems it has, what guides them, and what it costs to ask."""

import dataclasses
import json
import math
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from stemweave.diffusion import Guidance, Heun, Problem, final, karras, walk
from stemweave.errors import ModelError, StemweaveError, UsageError
from stemweave.model import checkpoint, texted
from stemweave.model.config import EncoderConfig, ModelConfig, TextConfig
from stemweave.model.model import Model
from stemweave.model.precision import place
from stemweave.model.texted import TextModel
from stemweave.nets.prompts import Prompt
from stemweave.nets.text import Encoded, Words

SIGMA = torch.tensor(0.3, dtype=torch.float64)
BAND = {"bass": "slap bass", "kit": "jazz drums", "keys": "piano", "solo": "lead guitar", "more": "guitar, piano"}


def noised(stems: int, batch: int = 2, samples: int = 512) -> Tensor:
    return 0.3 * torch.randn(batch, stems, 1, samples, generator=torch.Generator().manual_seed(stems))


def under(model: TextModel, x: Tensor, prompt: Prompt) -> Tensor:
    """Every stem alone under one prompt, by as many runs of the network."""
    level = torch.full((1,), 0.3)
    rows = [[model.denoised(item[None, None], level, prompt)[0, 0] for item in stems] for stems in x]
    return torch.stack([torch.stack(row) for row in rows])


@contextmanager
def watched(part: nn.Module) -> Iterator[list[tuple[int, ...]]]:
    """The shapes of the first argument of every call of a module."""
    seen: list[tuple[int, ...]] = []

    def note(_: nn.Module, given: tuple[object, ...]) -> None:
        seen.append(tuple(given[0].shape) if isinstance(given[0], Tensor) else ())

    handle = part.register_forward_pre_hook(note)
    try:
        yield seen
    finally:
        handle.remove()


def close(one: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


# which stems


def test_by_itself_it_plays_its_own_stems_by_name(text_model: TextModel) -> None:
    assert text_model.prompts == ("Bass", "Drums", "Guitar", "Piano")
    told = text_model.told({stem: stem for stem in text_model.config.stems})
    close(text_model.prior()(noised(4), SIGMA), told.prior()(noised(4), SIGMA))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_any_number_and_names_of_stems(text_model: TextModel, count: int) -> None:
    prompts = dict(list(BAND.items())[:count])
    told, x = text_model.told(prompts), noised(count)
    assert told.config.stems == tuple(prompts)
    assert told.shape(2, 512) == x.shape
    out = told.prior()(x, SIGMA)
    for place_of, text in enumerate(prompts.values()):
        heard = text_model.heard((text,))
        close(out[:, place_of : place_of + 1], under(text_model, x[:, place_of : place_of + 1], heard))
        other = text_model.heard(("bass" if text != "bass" else "piano",))
        assert not torch.allclose(out[:, place_of], under(text_model, x[:, place_of : place_of + 1], other)[:, 0], atol=1e-4)


def test_telling_changes_neither_the_model_nor_the_weights(text_model: TextModel) -> None:
    before = text_model.config, text_model.prompts
    told = text_model.told(BAND, {"bass": "drums"}, Guidance(2.0))
    assert (text_model.config, text_model.prompts) == before
    assert isinstance(told, TextModel)
    assert all(one is other for one, other in zip(told.parameters(), text_model.parameters(), strict=True))


def test_levels_are_known_or_the_mean_power_of_those_known(text_model: TextModel) -> None:
    config = text_model.told({"drums": "drums", "sitar": "guitar", "bass": "bass"}).config
    typical = math.sqrt((0.06**2 + 0.07**2 + 0.05**2 + 0.05**2) / 4)
    assert config.levels == pytest.approx((0.07, typical, 0.06))


def test_where_no_level_is_known_it_is_the_datas_own(text_model: TextModel) -> None:
    bare = TextModel(dataclasses.replace(text_model.config, stems=(), levels=()))
    assert bare.prompts == ()
    assert bare.told({"bass": "bass", "x": "drums"}).config.levels == (0.09, 0.09)


def test_errors_measured_for_other_stems_are_forgotten(text_model: TextModel) -> None:
    config = dataclasses.replace(text_model.config, error_sigmas=(0.1,), errors=((1.0, 2.0, 3.0, 4.0),))
    told = TextModel(config).told({"bass": "bass", "more": "drums"}).config
    assert (told.error_sigmas, told.errors) == ((), ())


@pytest.mark.parametrize(
    ("prompts", "negatives", "message"),
    [
        ({}, None, "no prompts: name at least one stem"),
        ({"bass": "bass"}, {"drums": "piano"}, "a negative prompt for 'drums'; the stems are bass"),
        ({"bass": "kazoo"}, None, "unknown word 'kazoo' in a prompt: this model knows bass, drums, guitar"),
        ({"bass": "bass"}, {"bass": "kazoo"}, "unknown word 'kazoo'"),
        ({"bass": "bass", "drums": " \n"}, None, "prompt 2 of 2 is empty"),
        ({"bass": "bass"}, {"bass": ""}, "prompt 2 of 2 is empty"),
        ({"bass": "b" * 10_000}, None, "unknown word 'bbb"),
        ({"bass": "bass drums guitar piano slap jazz lead " * 1000}, None, "7 words on one sound"),
        ({"bass": "Kontrabass mit Bogen"}, None, "unknown word 'kontrabass'"),
        ({"bass": "低音吉他"}, None, "unknown word '低音吉他'"),
    ],
)
def test_what_it_cannot_be_told(
    text_model: TextModel, prompts: dict[str, str], negatives: dict[str, str] | None, message: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        text_model.told(prompts, negatives)
    assert len(str(caught.value)) < 250
    assert "\n" not in str(caught.value)


def test_a_long_prompt_of_known_words_is_read(text_model: TextModel) -> None:
    told = text_model.told({"bass": "slap bass, " * 1000})
    close(told.prior()(noised(1), SIGMA), text_model.told({"bass": "slap bass"}).prior()(noised(1), SIGMA))


# guidance


@pytest.mark.parametrize("weight", [0.0, 1.0, 3.0])
def test_guidance_is_the_formula_with_negatives_and_the_null_prompt(text_model: TextModel, weight: float) -> None:
    """D* + w·(D − D*), D* under the negative prompt, or under the learned one where there is none (2207.12598)."""
    told = text_model.told({"bass": "slap bass", "keys": "piano"}, {"keys": "drums, guitar"}, Guidance(weight))
    x = noised(2)
    wanted = torch.cat([under(text_model, x[:, :1], text_model.heard(("slap bass",))),
                        under(text_model, x[:, 1:], text_model.heard(("piano",)))], 1)  # fmt: skip
    reference = torch.cat([under(text_model, x[:, :1], text_model.conditioner.null()),
                           under(text_model, x[:, 1:], text_model.heard(("drums, guitar",)))], 1)  # fmt: skip
    close(told.prior()(x, SIGMA), reference + weight * (wanted - reference))
    assert not torch.allclose(wanted, reference, atol=1e-3)


def test_forward_is_the_prior_without_guidance_and_hears_no_mixture(text_model: TextModel) -> None:
    told, x = text_model.told(BAND, {"bass": "drums"}, Guidance(4.0)), noised(5)
    levels, loud = torch.full((2, 5), 0.3), torch.ones(2, 1, 512)
    out = told(x, levels, torch.zeros_like(loud), torch.zeros(2))
    close(out, text_model.told(BAND).prior()(x, SIGMA))
    assert torch.equal(told(x, levels, loud, torch.ones(2)), out)


def test_every_stem_has_its_own_noise_level(text_model: TextModel) -> None:
    told, x = text_model.told({"a": "bass", "b": "drums"}), noised(2)
    out = told(x, torch.tensor([[0.1, 0.2], [0.3, 0.4]]), torch.zeros(2, 1, 512), torch.zeros(2))
    for item, stem, level in ((0, 0, 0.1), (0, 1, 0.2), (1, 0, 0.3), (1, 1, 0.4)):
        alone = told.prior()(x[item : item + 1], torch.tensor(level))
        close(out[item, stem], alone[0, stem])


def test_a_batch_is_its_items_one_by_one(text_model: TextModel) -> None:
    prior, x = text_model.told(BAND, {"kit": "piano"}, Guidance(2.0)).prior(), noised(5, batch=3)
    whole = prior(x, SIGMA)
    for item in range(3):
        close(whole[item : item + 1], prior(x[item : item + 1], SIGMA))


def test_stems_do_not_hear_each_other(text_model: TextModel) -> None:
    prior, x = text_model.told(BAND).prior(), noised(5)
    changed = x.clone()
    changed[:, 2] = 0
    before, after = prior(x, SIGMA), prior(changed, SIGMA)
    others = [0, 1, 3, 4]
    close(before[:, others], after[:, others])
    assert not torch.allclose(before[:, 2], after[:, 2])


@pytest.mark.parametrize(("guidance", "signals"), [(Guidance(2.0), 10), (Guidance(1.0), 5), (Guidance(2.0, high=0.2), 5)])
def test_prompts_and_references_are_one_pass_of_the_network(text_model: TextModel, guidance: Guidance, signals: int) -> None:
    told = text_model.told(BAND, {"bass": "drums"}, guidance)
    with watched(text_model.net) as passes:
        told.prior()(noised(5), SIGMA)
    assert passes == [(2 * signals, 1, 1, 512)]


@pytest.mark.parametrize(("guidance", "reads"), [(Guidance(2.0), 1), (Guidance(1.0), 1), (Guidance(2.0, low=0.1), 2)])
def test_prompts_are_read_once_in_a_walk(text_model: TextModel, guidance: Guidance, reads: int) -> None:
    """Once alone and once with their references, where a walk needs both."""
    told = text_model.told(BAND, {"bass": "drums"}, guidance)
    problem = Problem(told.prior(), told.shape(1, 256))
    with watched(text_model.conditioner) as read, watched(text_model.net) as passes:
        x = final(walk(problem, karras(4, 1e-3, 1.0), Heun())).x
    assert len(read) == reads
    assert len(passes) == 7
    assert x.isfinite().all()


def test_it_hears_no_given_stems_and_no_mixture(text_model: TextModel) -> None:
    assert not text_model.config.hears_stems
    assert not text_model.config.hears_mixtures
    with pytest.raises(ModelError, match="never heard a mixture; use the likelihood dirac"):
        text_model.mixed(torch.zeros(1, 1, 512))
    with pytest.raises(ModelError, match="never heard given stems"):
        text_model.given(noised(4), torch.zeros(4, dtype=torch.bool))


def test_lower_precision_stays_close(text_model: TextModel) -> None:
    model = TextModel(text_model.config).eval().requires_grad_(False)
    model.load_state_dict(text_model.state_dict())
    place(model, torch.device("cpu"), torch.bfloat16)
    assert model.net.enter.weight.dtype == torch.bfloat16
    assert model.net.lapped.cosine.dtype == model.conditioner.null_token.dtype == torch.float32
    low, full = (each.told(BAND).prior()(noised(5), SIGMA) for each in (model, text_model))
    assert low.dtype == torch.float32
    assert 0 < ((low - full).norm() / full.norm()).item() < 2e-2


# folders and configurations


@pytest.fixture(name="folder")
def make_folder(text_model: TextModel, tmp_path: Path) -> Path:
    checkpoint.save(text_model, tmp_path / "model", precision=torch.float32)
    return tmp_path / "model"


def test_it_survives_the_disk(text_model: TextModel, folder: Path) -> None:
    back = checkpoint.load(folder)
    assert isinstance(back, TextModel)
    assert back.config == text_model.config
    assert torch.equal(back.told(BAND).prior()(noised(5), SIGMA), text_model.told(BAND).prior()(noised(5), SIGMA))
    assert not any(parameter.requires_grad for parameter in back.parameters())
    assert "A diffusion prior over mixtures told in words at 22050 Hz" in (folder / checkpoint.CARD).read_text()


def test_a_line_up_that_was_told_is_saved_as_its_own(text_model: TextModel, tmp_path: Path) -> None:
    checkpoint.save(text_model.told({"bass": "slap bass", "lead_guitar": "guitar"}), tmp_path / "two")
    back = checkpoint.load(tmp_path / "two")
    assert isinstance(back, TextModel)
    assert back.prompts == ("Bass", "Lead guitar")


def test_a_configuration_decides_the_kind_of_model(text_model: TextModel, tiny_model: Model) -> None:
    assert type(checkpoint.build_model(text_model.config)) is TextModel
    assert type(checkpoint.build_model(tiny_model.config)) is Model
    with pytest.raises(ModelError, match="tiny is no model of text"):
        TextModel(tiny_model.config)


@pytest.mark.parametrize("reader", [Words(("bass", "drums kit")), EncoderConfig("t5"), EncoderConfig("clap", "some/folder")])
def test_readers_survive_json(text_model: TextModel, reader: Words | EncoderConfig) -> None:
    config = dataclasses.replace(text_model.config, text=TextConfig(reader, 16))
    assert ModelConfig.from_json(config.to_json()) == config


def edited(folder: Path, place_of: Path, edit: Callable[[dict[str, dict[str, object]]], object]) -> Path:
    shutil.copytree(folder, place_of)
    data = json.loads((place_of / checkpoint.CONFIG).read_text())
    edit(data)
    (place_of / checkpoint.CONFIG).write_text(json.dumps(data))
    return place_of


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda data: data.update(text=None), "is told in words what sounds, but the model has no text"),
        (lambda data: data["text"].update(width=8), "1 channels and prompts of 16, expected 1 and 8"),
        (lambda data: data["net"].update(channels=2), "2 channels and prompts of 16, expected 1 and 16"),
        (lambda data: data["text"].update(reader={"encoder": "bert"}), "with 'bert'; this stemweave has t5, clap"),
        (lambda data: data["text"].update(reader={"encoder": "sentences", "source": "a/b"}), "is 'a/b': leave it out"),
        (lambda data: data["text"].update(reader={"names": ["bass", 12]}), "names: expected str, got 12"),
        (lambda data: data["text"].update(reader={"names": "bass"}), "names: expected a list, got 'bass'"),
        (lambda data: data["text"].update(reader={"names": []}), "expected names with distinct spellings"),
        (lambda data: data["text"].update(reader={}), "missing keys"),
        (lambda data: data["text"].update(reader=None), "expected an object"),
        (lambda data: data["text"]["reader"]["names"].append("flute"), "tensors differ"),
        (lambda data: data.update(net={"stems": 4}), "a model with text needs a network with text, got UNetConfig"),
    ],
)
def test_folders_that_contradict_themselves(
    folder: Path, tmp_path: Path, edit: Callable[[dict[str, dict[str, object]]], object], message: str
) -> None:
    with pytest.raises(StemweaveError, match=message) as caught:
        checkpoint.load(edited(folder, tmp_path / "edited", edit))
    assert "\n" not in str(caught.value)


class Lengths:
    """An encoder that says how long each word is."""

    features = 3
    fingerprint = "lengths"

    def __call__(self, texts: list[str]) -> list[Tensor]:
        return [torch.tensor([[len(word), 1.0, -len(word)] for word in text.split()]) for text in texts]


@pytest.mark.parametrize(
    ("name", "source"), [("t5", ""), ("t5", "some/folder"), ("clap", ""), ("clap", "some/folder"), ("sentences", "")]
)
def test_encoders_are_found_by_name(text_model: TextModel, monkeypatch: pytest.MonkeyPatch, name: str, source: str) -> None:
    asked: list[tuple[str, ...]] = []

    def encoder(*sources: str) -> Lengths:
        asked.append(sources)
        return Lengths()

    monkeypatch.setattr(texted, name, encoder)
    model = TextModel(dataclasses.replace(text_model.config, text=TextConfig(EncoderConfig(name, source), 16)))
    assert asked == [(source,) if source else ()]
    assert isinstance(model.conditioner.reader, Encoded)
    told = model.eval().requires_grad_(False).told({"a": "anything at all", "b": "x"})
    heard = told.heard(("anything at all", None, "x"))
    assert heard.mask.sum(1).tolist() == [3, 1, 1]
    alone = told.heard(("x",))
    torch.testing.assert_close(heard.tokens[2:, :1], alone.tokens)
    torch.testing.assert_close(heard.pooled[2:], alone.pooled)
