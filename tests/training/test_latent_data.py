"""Crops of latents as batches, by the codec that the model is trained with and no other."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from stemweave.data.latents import Coding, Latents, Song, plan, write
from stemweave.errors import DataError, ModelError
from stemweave.model.checkpoint import load_codec, save
from stemweave.model.codec import Codec
from stemweave.model.model import Model
from stemweave.training.latent_data import LatentCrops

STEMS = ("bass", "drums", "guitar", "piano")


@pytest.fixture(name="codec", scope="module")
def make_codec(latent_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert isinstance(latent_model.codec, Codec)
    folder = tmp_path_factory.mktemp("models") / "codec"
    save(latent_model.codec, folder, precision=torch.float32)
    return folder


@pytest.fixture(name="folder")
def make_folder(codec: Path, tmp_path: Path) -> Path:
    made = load_codec(codec)
    noise = np.random.default_rng(0).standard_normal((2, 4, 1, 4000)).astype(np.float32)
    songs = [
        Song(f"song{n}", (True, True, True, n == 0), (True,) * 4, str(n), lambda n=n: noise[n])  # type: ignore[misc]
        for n in range(2)
    ]
    silence = tuple(made.silence(4).flatten().tolist())
    coding = Coding(made.config.name, made.digest(), STEMS, 22050, made.hop, made.channels, silence)
    for shard in plan(songs, tmp_path / "latents"):
        list(write(shard, coding, lambda audio: made.encode(audio[None])[0]))
    return tmp_path / "latents"


def test_batches(folder: Path, codec: Path) -> None:
    data = LatentCrops(folder, folder, codec, length=50, batch_size=5, valid_crops=7)
    latents, known = next(iter(data.train_dataloader()))
    assert (latents.dtype, latents.shape) == (torch.float32, (5, 4, 3, 50))
    assert (known.dtype, known.shape) == (torch.bool, (5, 4))
    held = Latents.open(folder)
    every = torch.cat([torch.from_numpy(held.read(n, 0, 401)) for n in range(2)], -1)
    windows = every.unfold(-1, 50, 1)  # (stems, latents, starts, frames)
    for item, told in zip(latents, known, strict=True):
        starts = (windows == item[:, :, None]).all(-1).all(0).all(0).nonzero().flatten()
        assert len(starts) == 1  # as they are: no gain, no sign
        assert bool(told[3]) == (int(starts) < 401)
    first, second = (torch.cat([batch[0] for batch in data.val_dataloader()]) for _ in range(2))
    assert first.shape == (7, 4, 3, 50)
    assert torch.equal(first, second)


def test_training_that_resumes_draws_others(folder: Path, codec: Path) -> None:
    data = LatentCrops(folder, folder, codec, length=50, batch_size=5)
    first = next(iter(data.train_dataloader()))[0]
    assert torch.equal(first, next(iter(data.train_dataloader()))[0])
    data.trainer = SimpleNamespace(global_step=100)  # type: ignore[assignment]
    assert not torch.equal(first, next(iter(data.train_dataloader()))[0])


def test_latents_of_another_codec_are_refused(folder: Path, codec: Path, latent_model: Model, tmp_path: Path) -> None:
    torch.manual_seed(7)
    other = Codec(load_codec(codec).config)
    save(other, tmp_path / "other", precision=torch.float32)
    data = LatentCrops(folder, folder, tmp_path / "other")
    expected = f"holds latents of codec tiny-codec .*, but the model is trained with {tmp_path}/other .*; run `stemweave"
    for loader in (data.train_dataloader, data.val_dataloader):
        with pytest.raises(DataError, match=expected) as caught:
            loader()
        assert "\n" not in str(caught.value)
    save(latent_model, tmp_path / "model", precision=torch.float32)
    assert LatentCrops(folder, folder, tmp_path / "model", length=50).val_dataloader()  # a model that has the codec


def test_damaged_latents_and_no_codec_are_refused(folder: Path, codec: Path, tiny_folder: Path) -> None:
    with pytest.raises(ModelError, match="expected a codec"):
        LatentCrops(folder, folder, tiny_folder).train_dataloader()
    with pytest.raises(DataError, match="holds no cache"):
        LatentCrops(folder.parent, folder, codec).train_dataloader()
    file = folder / "latents-00000.f16"
    file.write_bytes(b"\0" + file.read_bytes()[1:])
    with pytest.raises(DataError, match="is damaged in song0"):
        LatentCrops(folder, folder, codec).train_dataloader()
