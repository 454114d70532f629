"""`stemweave train` as a user runs it: a recipe, two caches, a model folder; stopped and resumed."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
import yaml

from stemweave.data.layouts import open_corpus
from stemweave.data.shards import Recipe, plan, write
from stemweave.model.checkpoint import load, load_codec, read_any
from stemweave.model.texted import TextModel
from stemweave.training import run
from stemweave.training.codec_module import CodecTraining
from stemweave.training.datamodule import StemCrops
from stemweave.training.module import StemTraining
from stemweave.training.text_module import TextTraining

ROOT = Path(__file__).parents[2]
STEMS = ("bass", "drums", "guitar", "piano")
PLAYED = {stem: {"present": True, "back_end": "soundfont", "program": 0, "effects": []} for stem in STEMS}
SPLITS = {"train": "train", "valid": "validation"}


@pytest.fixture(name="caches", scope="module")
def make_caches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    for split in ("train", "validation"):
        for stem in STEMS:
            place = root / "songs" / split / "Track00001"
            place.mkdir(parents=True, exist_ok=True)
            soundfile.write(place / f"{stem}.flac", 0.05 * rng.standard_normal(22050), 22050)
        (place / "track.json").write_text(json.dumps({"style": "bossa", "tempo": 96, "stems": PLAYED}))
        (root / split).mkdir()
        for shard in plan(open_corpus(root / "songs").split(split), root / split):
            list(write(shard, Recipe(STEMS, 22050)))
    return root


def small(name: str, caches: Path, place: Path) -> Path:
    """A published recipe, cut to seconds: the same keys with small numbers."""
    recipe = yaml.safe_load((ROOT / "recipes" / name).read_text())
    if name.startswith("sourcevae"):
        recipe["model"]["config"]["net"] |= {"latent": 3, "encoder_width": 4, "decoder_width": 8, "patch": 16, "straight": 2}
        recipe["model"] |= {"adversarial_from": 1}
    else:
        recipe["model"]["config"] |= {"window": 2048}
        recipe["model"]["config"]["net"] |= {
            "hop": 64, "coefficients": 48, "widths": [64, 64], "blocks": [1, 1], "condition": 16, "bands": 16,
        }  # fmt: skip
    data = recipe["data"].get("init_args", recipe["data"])
    data = data.get("mixtures", {}).get("init_args", data)
    data |= {
        "train": str(caches / "train"), "valid": str(caches / "validation"), "length": 2048, "batch_size": 2, "valid_crops": 2,
    }  # fmt: skip
    if "train_songs" in data:
        data |= {f"{kind}_songs": str(caches / "songs" / folder) for kind, folder in SPLITS.items()}
    recipe["average"]["folder"], recipe["checkpoint"]["dirpath"] = str(place / "model"), str(place / "run")
    recipe["trainer"] |= {
        "max_steps": 2,
        "val_check_interval": 2,
        "logger": False,
        "accelerator": "cpu",
        "enable_progress_bar": False,
    }
    path = place / name
    path.write_text(yaml.safe_dump(recipe))
    return path


def train(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stemweave", "train", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=place)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["band.yaml", "msdm-band.yaml", "isdm-band.yaml", "gmsdi-band.yaml"])
def test_every_recipe_trains_and_exports(name: str, caches: Path, tmp_path: Path) -> None:
    done = train(tmp_path, "fit", "--config", str(small(name, caches, tmp_path)))
    assert done.returncode == 0, done.stderr[-2000:]
    model = load(tmp_path / "model")
    assert model.config.steps_trained == 2
    assert model.config.joint is (name in ("band.yaml", "msdm-band.yaml"))
    assert isinstance(model, TextModel) is (name == "gmsdi-band.yaml")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["band.yaml", "gmsdi-band.yaml"])
def test_recipes_train_in_bfloat16(name: str, caches: Path, tmp_path: Path) -> None:
    """Their gradients are clipped, which Lightning refuses for optimisers that it cannot look into."""
    done = train(tmp_path, "fit", "--config", str(small(name, caches, tmp_path)), "--trainer.precision", "bf16-mixed")
    assert done.returncode == 0, done.stderr[-2000:]
    assert load(tmp_path / "model").config.steps_trained == 2


@pytest.mark.parametrize(("kind", "name"), [(torch.bfloat16, "bf16-mixed"), (torch.float32, "32-true")])
def test_the_usual_precision_is_what_the_machine_is_fast_in(
    kind: torch.dtype, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "pick_precision", lambda device: kind)
    assert run.precision(torch.device("cpu")) == name


@pytest.mark.slow
@pytest.mark.parametrize("net", [{}, {"patch": 1, "straight": 0, "strides": [2, 4]}])
def test_recipes_of_codecs_train_and_export(net: dict[str, object], caches: Path, tmp_path: Path) -> None:
    path = small("sourcevae-band.yaml", caches, tmp_path)
    recipe = yaml.safe_load(path.read_text())
    recipe["model"]["config"]["net"] |= net
    path.write_text(yaml.safe_dump(recipe))
    done = train(tmp_path, "fit", "--config", str(path), "--data.stems", "[bass]", "--model.weight_norm", "true")
    assert done.returncode == 0, done.stderr[-2000:]
    codec = load_codec(tmp_path / "model")
    assert (codec.config.name, codec.config.steps_trained) == ("sourcevae-band", 2)
    assert codec.config.net.patch == net.get("patch", 16)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["band.yaml", "gmsdi-band.yaml", "sourcevae-band.yaml"])
def test_resume_goes_on_where_it_stopped(name: str, caches: Path, tmp_path: Path) -> None:
    fit = ["fit", "--config", str(small(name, caches, tmp_path))]
    assert train(tmp_path, *fit).returncode == 0
    last = tmp_path / "run" / "last.ckpt"
    done = train(tmp_path, *fit, "--ckpt_path", str(last), "--trainer.max_steps", "4")
    assert done.returncode == 0, done.stderr[-2000:]
    config = read_any(tmp_path / "model")
    assert config.steps_trained == 4


def test_a_resumed_training_draws_other_crops(caches: Path) -> None:
    def first(step: int) -> torch.Tensor:
        data = StemCrops(caches / "train", caches / "validation", length=2048, batch_size=2)
        data.trainer = SimpleNamespace(global_step=step)  # type: ignore[assignment]
        return next(iter(data.train_dataloader()))[0]

    assert torch.equal(first(0), first(0))
    assert not torch.equal(first(0), first(5))


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("band.yaml", "--model.shares.nonsense"),
        ("gmsdi-band.yaml", "--model.nonsense"),
        ("sourcevae-band.yaml", "--model.weights.nonsense"),
    ],
)
def test_a_wrong_setting_is_named(name: str, setting: str, tmp_path: Path) -> None:
    done = train(tmp_path, "fit", "--config", str(ROOT / "recipes" / name), setting, "1")
    assert done.returncode == 2
    assert "nonsense" in done.stderr
    assert "Traceback" not in done.stderr


def test_other_stems_than_the_models_are_refused(caches: Path, tmp_path: Path) -> None:
    """Also where they are as many: bass would be learned as drums."""
    path = small("band.yaml", caches, tmp_path)
    recipe = yaml.safe_load(path.read_text())
    recipe["model"]["config"]["stems"] = ["drums", "bass", "guitar", "piano"]
    path.write_text(yaml.safe_dump(recipe))
    done = train(tmp_path, "fit", "--config", str(path))
    assert done.returncode == 2
    expected = "train holds bass, drums, guitar, piano, band is a model of drums, bass, guitar, piano: cache the same stems"
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


def test_data_without_a_class_are_refused(tmp_path: Path) -> None:
    done = train(tmp_path, "fit", "--config", str(ROOT / "recipes" / "gmsdi-band.yaml"), "--data", "NoSuchData")
    assert done.returncode == 2
    assert "NoSuchData" in done.stderr
    assert "Traceback" not in done.stderr


MODEL = {"name": "m", "stems": ["bass"], "rate": 8, "window": 4, "sigma_data": 0.1}


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        (MODEL, StemTraining),
        (MODEL | {"codec": {"name": "c", "rate": 8, "net": {}}, "text": None}, StemTraining),
        (MODEL | {"text": {"width": 8}}, TextTraining),
        ({"name": "c", "rate": 8, "net": {}}, CodecTraining),
    ],
)
def test_what_a_recipe_trains_follows_from_its_configuration(config: object, kind: type, tmp_path: Path) -> None:
    recipe, other = tmp_path / "recipe.yaml", tmp_path / "other.yaml"
    recipe.write_text(yaml.safe_dump({"model": {"config": config}}))
    other.write_text("trainer: {max_steps: 3}")
    for arguments in (["fit", f"--config={recipe}"], ["fit", "-c", str(recipe), "--config", str(other), "--model.decay", "0"]):
        assert run.kind(run.said(run.read(arguments), "model", "config")) is kind


@pytest.mark.parametrize("text", ["", "model: 3", "model: {config: }", "model: [", "- model", "\x00"])
def test_without_a_configuration_a_model_of_stems_is_meant(text: str, tmp_path: Path) -> None:
    """So that LightningCLI says what is wrong."""
    (tmp_path / "recipe.yaml").write_text(text)
    for arguments in (
        [],
        ["fit", "--config", str(tmp_path / "recipe.yaml")],
        ["--config", str(tmp_path)],
        ["--config", "none.yaml"],
    ):
        assert run.kind(run.said(run.read(arguments), "model", "config")) is StemTraining


def test_a_recipe_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = train(tmp_path, "fit", "--config", "none.yaml")
    assert done.returncode == 2
    assert "none.yaml" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_a_configuration_forbids_is_told_in_one_line(tmp_path: Path) -> None:
    arguments = ["fit", "--config", str(ROOT / "recipes" / "sourcevae-band.yaml"), "--model.config.stems", "[bass, drums]"]
    done = train(tmp_path, *arguments)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("stemweave: codec sourcevae-band: VAEs of bass, drums train one by one")
    assert "Traceback" not in done.stderr


def test_only_what_can_be_done_is_offered(tmp_path: Path) -> None:
    told = train(tmp_path, "--help")
    assert "stemweave train" in told.stdout
    assert "fit" in told.stdout
    assert "predict" not in told.stdout
    assert "args parameter" not in told.stderr
    assert train(tmp_path, "predict").returncode == 2
    assert "usage: stemweave train [options] fit" in train(tmp_path, "fit", "--help").stdout
