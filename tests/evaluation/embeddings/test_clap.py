import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from huggingface_hub.errors import LocalEntryNotFoundError

from stemweave.errors import MissingExtra, ModelError, UsageError
from stemweave.evaluation.embeddings import clap as module
from stemweave.evaluation.embeddings.clap import clap
from stemweave.evaluation.embeddings.embedding import embed


class Features(dict):
    def to(self, device):
        return self


class FakeExtractor:
    """Hands the sound on, padded by repetition."""

    @classmethod
    def from_pretrained(cls, folder, **options):
        assert options == {"local_files_only": True}
        return cls()

    def __call__(self, sounds, **options):
        assert options == {
            "sampling_rate": 48000,
            "truncation": "rand_trunc",
            "padding": "repeatpad",
            "return_tensors": "pt",
        }
        return Features(input_features=torch.from_numpy(np.stack([np.resize(sound, 480000) for sound in sounds])))


class FakeModel:
    """Embeds sound as its mean, its RMS, and their sum."""

    missing: tuple[str, ...] = ()
    fused = False

    def __init__(self):
        self.config = SimpleNamespace(projection_dim=3, enable_fusion=self.fused)
        self.device = torch.device("cpu")

    @classmethod
    def from_pretrained(cls, folder, **options):
        assert options == {"local_files_only": True, "use_safetensors": True, "output_loading_info": True}
        return cls(), {"missing_keys": set(cls.missing)}

    def to(self, device):
        return self

    def eval(self):
        return self

    def __call__(self, input_features):
        mean, rms = input_features.mean(1), input_features.square().mean(1).sqrt()
        return SimpleNamespace(audio_embeds=torch.stack([mean, rms, mean + rms], 1))


@pytest.fixture
def transformers(monkeypatch):
    fake = SimpleNamespace(ClapFeatureExtractor=FakeExtractor, ClapAudioModelWithProjection=FakeModel)
    monkeypatch.setitem(sys.modules, "transformers", fake)
    return fake


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "some_clap"
    path.mkdir()
    (path / "model.safetensors").write_bytes(b"weights")
    return path


def test_a_local_folder_gives_points_on_the_sphere(transformers, folder, monkeypatch):
    embedding = clap(str(folder))
    sound = torch.randn(1, 48000 * 33, generator=torch.Generator().manual_seed(0)) + 0.5
    found = embed([("a", sound)], 48000, embedding)["a"]
    assert found.shape == (3, 3)
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(3))
    first = sound[0, :480000]
    assert found[0, 0] / found[0, 1] == pytest.approx(float(first.mean() / first.square().mean().sqrt()), rel=1e-4)
    assert (embedding.name, embedding.rate, embedding.window, embedding.dimension) == ("CLAP some_clap", 48000, 480000, 3)
    monkeypatch.setattr(module, "BATCH", 2)
    assert embedding(sound[0]) == pytest.approx(found)


def test_windows_can_be_short_and_overlap(transformers, folder):
    embedding = clap(str(folder), seconds=4.0, hop=1.0)
    assert embedding(torch.ones(48000 * 7)).shape == (4, 3)
    whole = clap(str(folder))
    assert embedding.settings() != whole.settings()
    (folder / "model.safetensors").write_bytes(b"other weights")
    assert clap(str(folder)).settings() != whole.settings()


@pytest.mark.parametrize(("seconds", "hop"), [(11.0, 1.0), (0.0, 1.0), (4.0, 0.0)])
def test_windows_that_the_model_would_cut_are_refused(transformers, folder, seconds, hop):
    with pytest.raises(UsageError, match="expected up to 10 s"):
        clap(str(folder), seconds=seconds, hop=hop)


def test_the_hub_is_asked_only_when_told(transformers, folder, monkeypatch):
    asked = []

    def snapshot_download(source, **options):
        asked.append((source, options["revision"], options["local_files_only"]))
        assert all(not pattern.endswith(("bin", "pt", "*")) for pattern in options["allow_patterns"])
        if options["local_files_only"]:
            raise LocalEntryNotFoundError("not here")
        return str(folder)

    monkeypatch.setattr(module, "snapshot_download", snapshot_download)
    with pytest.raises(ModelError, match="not on this machine and downloads were not asked for"):
        clap()
    assert clap(download=True).name == "CLAP larger_clap_music"
    assert asked == [("laion/larger_clap_music", "refs/pr/1", True), ("laion/larger_clap_music", "refs/pr/1", False)]


def test_a_failed_download_says_so(transformers, monkeypatch):
    def snapshot_download(source, **options):
        raise OSError("no route")

    monkeypatch.setattr(module, "snapshot_download", snapshot_download)
    with pytest.raises(ModelError, match="could not be downloaded"):
        clap(download=True)


def test_models_that_would_mislead_are_refused(transformers, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(FakeModel, "fused", True)
    with pytest.raises(ModelError, match="fused"):
        clap(str(folder))
    monkeypatch.setattr(FakeModel, "missing", ("audio_projection.linear1.weight",))
    with pytest.raises(ModelError, match="lacks 1 of CLAP's weights, first audio_projection"):
        clap(str(folder))
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(ModelError, match=r"no model\.safetensors; pickled weights are never loaded"):
        clap(str(tmp_path))


def test_a_folder_of_something_else_is_refused(transformers, folder, monkeypatch):
    def from_pretrained(folder, **options):
        raise OSError("no preprocessor_config.json\nat all")

    monkeypatch.setattr(FakeExtractor, "from_pretrained", from_pretrained)
    with pytest.raises(ModelError, match=r"not a CLAP model that transformers reads: no preprocessor_config\.json$"):
        clap(str(folder))


def test_without_transformers_the_extra_is_named(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtra, match=r"stemweave\[text\]"):
        clap(str(folder))


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_tiny_model_of_transformers_own(tmp_path):
    """Random weights, the real code: saved as a whole CLAP, read as its audio tower."""
    library = pytest.importorskip("transformers")
    torch.manual_seed(0)
    audio = {"patch_embeds_hidden_size": 8, "hidden_size": 64, "depths": [1, 1, 1, 1], "num_attention_heads": [1, 1, 1, 1]}
    text = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8, "vocab_size": 9}
    model = library.ClapModel(library.ClapConfig(audio_config=audio, text_config=text)).eval()
    model.save_pretrained(tmp_path)
    library.ClapFeatureExtractor(truncation="rand_trunc").save_pretrained(tmp_path)
    embedding = clap(str(tmp_path), seconds=4.0, hop=1.0)
    sound = 0.1 * torch.randn(48000 * 6)
    found = embedding(sound)
    tiled = sound[48000 : 48000 * 5].repeat(3)[:480000]  # the second window, as often as it fits
    tiled[48000 * 8 :] = 0
    features = library.ClapFeatureExtractor(truncation="rand_trunc")(tiled.numpy(), sampling_rate=48000, return_tensors="pt")
    with torch.no_grad():
        expected = model.audio_projection(model.audio_model(**features).pooler_output)[0]
    assert found.shape == (3, 512)
    assert found[1] == pytest.approx((expected / expected.norm()).numpy(), abs=1e-5)
    assert abs(found[0] - found[1]).max() > 1e-4
