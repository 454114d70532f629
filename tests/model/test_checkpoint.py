"""A model as a folder: what goes in comes out, and nothing damaged, foreign or pickled gets in."""

import dataclasses
import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from stemweave.errors import ModelError, OutputError
from stemweave.model import checkpoint
from stemweave.model.codec import Codec
from stemweave.model.config import ModelConfig, Sampling, Settings
from stemweave.model.model import Model
from stemweave.tasks.studio import load


@pytest.fixture(name="copy")
def make_copy(tiny_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_folder, tmp_path / "copy"))


def test_round_trip(tiny_model: Model, tiny_folder: Path) -> None:
    back = checkpoint.load(tiny_folder)
    assert back.config == tiny_model.config
    for name, value in tiny_model.state_dict().items():
        torch.testing.assert_close(back.state_dict()[name], value.bfloat16().float(), rtol=0, atol=0)
    assert not any(p.requires_grad for p in back.parameters())


def test_weights_are_bfloat16_and_small(tiny_folder: Path, tiny_model: Model) -> None:
    assert {value.dtype for value in load_file(tiny_folder / checkpoint.WEIGHTS).values()} == {torch.bfloat16}
    bytes_each = (tiny_folder / checkpoint.WEIGHTS).stat().st_size / sum(p.numel() for p in tiny_model.parameters())
    assert bytes_each < 2.2


def test_never_overwrites_unasked(tiny_model: Model, copy: Path) -> None:
    with pytest.raises(OutputError, match="exists already"):
        checkpoint.save(tiny_model, copy)
    checkpoint.save(tiny_model, copy, overwrite=True, card="new card", steps_trained=7)
    assert (copy / "README.md").read_text() == "new card"
    assert checkpoint.read_config(copy).steps_trained == 7
    assert [p.name for p in copy.parent.iterdir()] == ["copy"]


def test_a_failed_save_leaves_nothing(tiny_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(OutputError, match="No space left"):
        checkpoint.save(tiny_model, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("foreign", ["song.txt", "stems"])
def test_what_is_not_a_model_is_never_replaced(tiny_model: Model, copy: Path, foreign: str) -> None:
    (copy / "stems").mkdir() if foreign == "stems" else (copy / foreign).write_text("mine")
    with pytest.raises(OutputError, match="holds more than a model, and is left as it is"):
        checkpoint.save(tiny_model, copy, overwrite=True)
    (copy.parent / "song.wav").write_text("mine")
    with pytest.raises(OutputError, match="holds more than a model"):
        checkpoint.save(tiny_model, copy.parent / "song.wav", overwrite=True)
    assert (copy.parent / "song.wav").read_text() == "mine"
    assert (copy / foreign).exists()
    assert checkpoint.load(copy)


def test_a_model_that_cannot_be_replaced_is_there_still(tiny_model: Model, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, replace = (copy / checkpoint.WEIGHTS).read_bytes(), Path.replace

    def full(self: Path, target: Path) -> Path:
        if self.name == "model":
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutputError, match="No space left"):
        checkpoint.save(tiny_model, copy, overwrite=True)
    assert (copy / checkpoint.WEIGHTS).read_bytes() == before
    assert [path.name for path in copy.parent.iterdir()] == ["copy"]


def test_unknown_models_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="unknown model 'nosuch'"):
        checkpoint.find("nosuch")
    (tmp_path / "file.bin").write_bytes(b"x")
    with pytest.raises(ModelError, match="is a file"):
        checkpoint.find(tmp_path / "file.bin")
    with pytest.raises(ModelError, match=r"holds no config\.json"):
        checkpoint.load(tmp_path)


def test_a_hub_id_that_cannot_be_fetched_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match="could not fetch model 'nobody/nothing'") as caught:
        checkpoint.find("nobody/nothing")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:1000]), "not a whole safetensors file"),
        (lambda path: path.write_bytes(pickle.dumps({"w": [1, 2]})), "never loaded"),
        (lambda path: path.write_bytes(b""), "not a whole safetensors file"),
        (lambda path: path.unlink(), r"holds no model\.safetensors"),
    ],
)
def test_damaged_weights(copy: Path, damage, message: str) -> None:  # type: ignore[no-untyped-def]
    damage(copy / checkpoint.WEIGHTS)
    with pytest.raises(ModelError, match=message):
        checkpoint.load(copy)


def test_a_pickle_is_never_run(copy: Path, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self):  # type: ignore[no-untyped-def]
            return (Path.touch, (tmp_path / "owned",))

    (copy / checkpoint.WEIGHTS).unlink()
    torch.save({"state_dict": Evil()}, copy / "model.ckpt")
    with pytest.raises(ModelError, match=r"model\.ckpt may hold pickled code"):
        checkpoint.load(copy)
    assert not (tmp_path / "owned").exists()


def test_mismatched_and_bad_tensors(copy: Path) -> None:
    tensors = load_file(copy / checkpoint.WEIGHTS)
    name = sorted(tensors)[0]
    save_file(tensors | {name: torch.zeros(3)}, copy / checkpoint.WEIGHTS)
    with pytest.raises(ModelError, match=r"1 tensors differ.*expected .* found \(3,\)"):
        checkpoint.load(copy)
    save_file(tensors | {name: torch.full_like(tensors[name], torch.nan)}, copy / checkpoint.WEIGHTS)
    with pytest.raises(ModelError, match="not finite"):
        checkpoint.load(copy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"surprise": 1}, "unknown keys"),
        ({"rate": "fast"}, "expected int"),
        ({"sigma_data": float("nan")}, "finite"),
        ({"net": [1]}, "expected an object"),
    ],
)
def test_bad_configs(copy: Path, change: dict[str, object], message: str) -> None:
    path = copy / checkpoint.CONFIG
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ModelError, match=message):
        checkpoint.load(copy)


def test_missing_keys_and_broken_json(copy: Path) -> None:
    path = copy / checkpoint.CONFIG
    data = json.loads(path.read_text())
    del data["stems"]
    path.write_text(json.dumps(data))
    with pytest.raises(ModelError, match="missing keys"):
        checkpoint.load(copy)
    path.write_text("{")
    with pytest.raises(ModelError, match="not JSON"):
        checkpoint.load(copy)


def test_config_survives_json(tiny_model: Model) -> None:
    other, table = Settings(dirac=Sampling(5, 1.0, 0.01, solver="heun"), likelihood="dirac"), ((1.0, 2.0), (3.0, 4.0))
    rich = dataclasses.replace(tiny_model.config, best=other, error_sigmas=(0.1, 0.2), errors=table)
    assert ModelConfig.from_json(rich.to_json()) == rich


def test_digest_is_of_the_weights(tiny_folder: Path, copy: Path) -> None:
    assert checkpoint.digest(tiny_folder) == checkpoint.digest(copy)
    path = copy / checkpoint.WEIGHTS
    path.write_bytes(path.read_bytes() + b"x")
    assert checkpoint.digest(tiny_folder) != checkpoint.digest(copy)


@pytest.fixture(name="codec_folder")
def make_codec_folder(latent_model: Model, tmp_path: Path) -> Path:
    assert isinstance(latent_model.codec, Codec)
    checkpoint.save(latent_model.codec, tmp_path / "codec", precision=torch.float32)
    return tmp_path / "codec"


def test_a_codec_is_a_folder_too(latent_model: Model, codec_folder: Path) -> None:
    back = checkpoint.load_codec(codec_folder)
    assert isinstance(latent_model.codec, Codec)
    assert back.config == latent_model.codec.config
    assert not any(parameter.requires_grad for parameter in back.parameters())
    audio = torch.randn(1, 4, 1, 55)
    assert torch.equal(back.encode(audio), latent_model.codec.encode(audio))
    assert "at 22050 Hz: 3 latents for every 10 samples" in (codec_folder / checkpoint.CARD).read_text()
    with pytest.raises(OutputError, match="exists already"):
        checkpoint.save(back, codec_folder)


def test_a_model_holds_its_codec(latent_model: Model, codec_folder: Path, tmp_path: Path) -> None:
    checkpoint.save(latent_model, tmp_path / "model", precision=torch.float32)
    back = checkpoint.load(tmp_path / "model")
    assert back.config == latent_model.config
    assert all(torch.equal(value, back.state_dict()[name]) for name, value in latent_model.state_dict().items())
    tensors, alone = load_file(tmp_path / "model" / checkpoint.WEIGHTS), load_file(codec_folder / checkpoint.WEIGHTS)
    assert {name.removeprefix("codec.") for name in tensors if name.startswith("codec.")} == alone.keys()
    within = checkpoint.load_codec(tmp_path / "model")
    assert within.digest() == checkpoint.load_codec(codec_folder).digest()
    assert "piano as latents of tiny-codec at 22050 Hz" in (tmp_path / "model" / checkpoint.CARD).read_text()


def test_a_models_codec_keeps_its_weights_whatever_the_models_are_rounded_to(latent_model: Model, tmp_path: Path) -> None:
    """Latents are known by the codec's digest."""
    assert isinstance(latent_model.codec, Codec)
    checkpoint.save(latent_model, tmp_path / "model")
    assert checkpoint.load_codec(tmp_path / "model").digest() == latent_model.codec.digest()
    tensors = load_file(tmp_path / "model" / checkpoint.WEIGHTS)
    assert {value.dtype for name, value in tensors.items() if not name.startswith("codec.")} == {torch.bfloat16}
    checkpoint.save(latent_model.codec, tmp_path / "short")
    model = Model(latent_model.config)
    model.codec = checkpoint.load_codec(tmp_path / "short")
    checkpoint.save(model, tmp_path / "model of it")
    assert {value.dtype for value in load_file(tmp_path / "model of it" / checkpoint.WEIGHTS).values()} == {torch.bfloat16}


def test_a_codec_is_no_model_and_a_model_no_codec(codec_folder: Path, copy: Path) -> None:
    with pytest.raises(ModelError, match="codec is a codec alone, expected a model") as caught:
        load(codec_folder)
    assert "\n" not in str(caught.value)
    with pytest.raises(ModelError, match="copy is a model of sound itself, expected a codec, or a model that has one"):
        checkpoint.load_codec(copy)


def test_damaged_codecs(codec_folder: Path) -> None:
    path = codec_folder / checkpoint.CONFIG
    whole = path.read_text()
    path.write_text(whole.replace('"latent": 3', '"latent": 4'))
    with pytest.raises(ModelError, match="got 3 values of mean, expected 4"):
        checkpoint.load_codec(codec_folder)
    path.write_text(whole.replace('"encoder_width": 4', '"encoder_width": 8'))
    with pytest.raises(ModelError, match="tensors differ"):
        checkpoint.load_codec(codec_folder)
    path.write_text(whole)
    weights = codec_folder / checkpoint.WEIGHTS
    weights.write_bytes(weights.read_bytes()[:500])
    with pytest.raises(ModelError, match="not a whole safetensors file"):
        checkpoint.load_codec(codec_folder)
