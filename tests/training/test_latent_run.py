"""From cached audio to sound by the commands alone: latents, `recipes/msldm-band.yaml` cut to seconds, resumed, and a piece."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import yaml

from stemweave.data.layouts import open_corpus
from stemweave.data.shards import Recipe, plan, write
from stemweave.model.checkpoint import load, save
from stemweave.model.codec import Codec
from stemweave.model.model import Model

ROOT = Path(__file__).parents[2]
STEMS = ("bass", "drums", "guitar", "piano")


def stemweave(place: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stemweave", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=place)


@pytest.fixture(name="place", scope="module")
def make_place(latent_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Songs, two codecs, the latents of one of them, and the recipe: its keys with small numbers."""
    place, rng = tmp_path_factory.mktemp("place"), np.random.default_rng(0)
    for split in ("train", "validation"):
        for stem in STEMS:
            folder = place / "songs" / split / "Track00001"
            folder.mkdir(parents=True, exist_ok=True)
            soundfile.write(folder / f"{stem}.flac", 0.05 * rng.standard_normal(3000), 22050)
        for shard in plan(open_corpus(place / "songs").split(split), place / "audio" / split):
            list(write(shard, Recipe(STEMS, 22050)))
    assert isinstance(latent_model.codec, Codec)
    save(latent_model.codec, place / "codec")
    torch.manual_seed(9)
    save(Codec(latent_model.codec.config), place / "other")
    done = stemweave(place, "preprocess", "latents", "audio", "-n", "codec", "-o", "latents")
    assert done.returncode == 0, done.stderr[-2000:]
    recipe = yaml.safe_load((ROOT / "recipes" / "msldm-band.yaml").read_text())
    recipe["model"]["codec"] = recipe["data"]["init_args"]["codec"] = "codec"
    recipe["model"]["config"] |= {"window": 158}
    recipe["model"]["config"]["net"] |= {"latents": 3, "width": 16, "depth": 1, "heads": 2}
    for settings in (recipe["model"]["config"][kind] for kind in ("settings", "best")):
        settings["generate"] = settings["generate"] | {"steps": 2}
    recipe["data"]["init_args"] |= {
        "train": "latents/train", "valid": "latents/validation", "length": 16, "batch_size": 2, "valid_crops": 2,
    }  # fmt: skip
    recipe["average"]["folder"], recipe["checkpoint"]["dirpath"] = "model", "run"
    recipe["trainer"] |= {"max_steps": 2, "val_check_interval": 2, "logger": False, "enable_progress_bar": False}
    (place / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    return place


@pytest.mark.slow
def test_it_trains_resumes_and_makes_music(place: Path) -> None:
    done = stemweave(place, "train", "fit", "--config", "recipe.yaml")
    assert done.returncode == 0, done.stderr[-2000:]
    more = ("--ckpt_path", "run/last.ckpt", "--trainer.max_steps", 4)
    done = stemweave(place, "train", "fit", "--config", "recipe.yaml", *more)
    assert done.returncode == 0, done.stderr[-2000:]
    model, codec = load(place / "model"), load(place / "model").codec
    assert (model.config.name, model.config.steps_trained, model.config.hears_stems) == ("msldm-band", 4, True)
    assert isinstance(codec, Codec)
    assert codec.config.name == "tiny-codec"
    drums = place / "songs" / "train" / "Track00001" / "drums.flac"
    for job in (("generate", "--seconds", 0.1), ("accompany", "--given", f"drums={drums}")):
        done = stemweave(place, *job, "-n", "model", "-o", "out", "--seed", 1)
        assert done.returncode == 0, done.stderr[-2000:]
    assert {path.name for path in (place / "out" / "msldm-band").iterdir()} == {"piece-1", "with-drums-1"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("--model.codec", "other", "--data.codec", "other"), "latents/train holds latents of codec tiny-codec"),
        (("--model.codec", "other"), "msldm-band is not trained with codec, the codec of its data"),
    ],
)
def test_latents_of_another_codec_are_refused(place: Path, change: tuple[str, ...], message: str) -> None:
    done = stemweave(place, "train", "fit", "--config", "recipe.yaml", *change, "--average.folder", "none")
    assert done.returncode == 2
    told = [line for line in done.stderr.splitlines() if line.startswith("stemweave: ")]
    assert message in told[-1]
    assert "Traceback" not in done.stderr
    assert not (place / "none").exists()
