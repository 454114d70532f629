"""Batches of single stems: shapes, what training and validation differ in, and where a resumed training goes on."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch

from stemweave.data.layouts import open_corpus
from stemweave.data.shards import Recipe, plan, write
from stemweave.errors import DataError
from stemweave.training.codec_data import SingleStems

LEVELS = {"bass": 0.02, "drums": 0.04}


@pytest.fixture(name="caches", scope="module")
def make_caches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each stem is a constant; it is twice as loud where it validates."""
    root = tmp_path_factory.mktemp("data")
    for split, factor in (("train", 1), ("validation", 2)):
        place = root / "songs" / split / "Track00001"
        place.mkdir(parents=True)
        for stem, level in LEVELS.items():
            soundfile.write(place / f"{stem}.flac", np.full(22050, factor * level), 22050)
        for shard in plan(open_corpus(root / "songs").split(split), root / split):
            list(write(shard, Recipe(tuple(LEVELS), 22050)))
    return root


def single_stems(caches: Path, **settings: object) -> SingleStems:
    settings = {"length": 256, "batch_size": 6, "valid_crops": 8} | settings
    return SingleStems(caches / "train", caches / "validation", **settings)  # type: ignore[arg-type]


def first(data: SingleStems) -> torch.Tensor:
    return next(iter(data.train_dataloader()))


def test_batches_are_sounds(caches: Path) -> None:
    batch = first(single_stems(caches))
    assert batch.shape == (6, 1, 256)
    assert batch.dtype == torch.float32
    assert {round(value, 3) for value in batch.mean((1, 2)).tolist()} == set(LEVELS.values())


def test_gains_are_of_training_alone(caches: Path) -> None:
    data = single_stems(caches, gain_db=6.0, polarity=True, stems=("drums",))
    assert len(first(data)[:, 0, 0].unique()) == 6
    validating = torch.cat(list(data.val_dataloader()))
    assert validating.shape == (8, 1, 256)
    torch.testing.assert_close(validating, torch.full((8, 1, 256), 0.08), atol=1e-4, rtol=0)


def test_validation_is_always_the_same(caches: Path) -> None:
    data = single_stems(caches)
    for one, other in zip(data.val_dataloader(), data.val_dataloader(), strict=True):
        assert torch.equal(one, other)


def test_a_resumed_training_draws_other_crops(caches: Path) -> None:
    def at(step: int) -> torch.Tensor:
        data = single_stems(caches, gain_db=6.0)
        data.trainer = SimpleNamespace(global_step=step)  # type: ignore[assignment]
        return first(data)

    assert torch.equal(at(0), at(0))
    assert not torch.equal(at(0), at(5))


def test_a_stem_that_is_not_there_is_told(caches: Path) -> None:
    with pytest.raises(DataError, match="holds bass, drums, not piano"):
        single_stems(caches, stems=("piano",)).train_dataloader()
