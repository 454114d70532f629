"""`stemweave train` as a user runs it: a recipe, two caches, a model folder; stopped and resumed."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from stemweave.data.layouts import open_corpus
from stemweave.data.shards import Recipe, plan, write
from stemweave.model.checkpoint import load

ROOT = Path(__file__).parents[2]
STEMS = ("bass", "drums", "guitar", "piano")


@pytest.fixture(name="caches", scope="module")
def make_caches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    for split in ("train", "validation"):
        for stem in STEMS:
            place = root / "songs" / split / "Track00001"
            place.mkdir(parents=True, exist_ok=True)
            soundfile.write(place / f"{stem}.flac", 0.05 * rng.standard_normal(22050), 22050)
        (root / split).mkdir()
        for shard in plan(open_corpus(root / "songs").split(split), root / split):
            list(write(shard, Recipe(STEMS, 22050)))
    return root


def small(name: str, caches: Path, place: Path) -> Path:
    """A published recipe, cut to seconds: the same keys with small numbers."""
    recipe = yaml.safe_load((ROOT / "recipes" / name).read_text())
    recipe["model"]["config"] |= {"window": 2048}
    recipe["model"]["config"]["net"] |= {
        "hop": 64, "coefficients": 48, "widths": [64, 64], "blocks": [1, 1], "condition": 16, "bands": 16,
    }  # fmt: skip
    recipe["data"] |= {
        "train": str(caches / "train"), "valid": str(caches / "validation"), "length": 2048, "batch_size": 2, "valid_crops": 2,
    }  # fmt: skip
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
@pytest.mark.parametrize("name", ["band.yaml", "msdm-band.yaml", "isdm-band.yaml"])
def test_every_recipe_trains_and_exports(name: str, caches: Path, tmp_path: Path) -> None:
    done = train(tmp_path, "fit", "--config", str(small(name, caches, tmp_path)))
    assert done.returncode == 0, done.stderr[-2000:]
    model = load(tmp_path / "model")
    assert model.config.steps_trained == 2
    assert model.config.joint is (name != "isdm-band.yaml")


@pytest.mark.slow
def test_resume_goes_on_where_it_stopped(caches: Path, tmp_path: Path) -> None:
    recipe = str(small("band.yaml", caches, tmp_path))
    assert train(tmp_path, "fit", "--config", recipe).returncode == 0
    last = tmp_path / "run" / "last.ckpt"
    done = train(tmp_path, "fit", "--config", recipe, "--ckpt_path", str(last), "--trainer.max_steps", "4")
    assert done.returncode == 0, done.stderr[-2000:]
    assert load(tmp_path / "model").config.steps_trained == 4


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    done = train(tmp_path, "fit", "--config", str(ROOT / "recipes" / "band.yaml"), "--model.shares.nonsense", "1")
    assert done.returncode == 2
    assert "nonsense" in done.stderr
    assert "Traceback" not in done.stderr
