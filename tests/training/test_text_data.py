"""The data modules of models of text: what a batch is, what validates, and where a resumed training goes on."""

import io
import json
import tarfile
from pathlib import Path

import lightning as L
import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

from stemweave.data.layouts import open_corpus
from stemweave.data.shards import Recipe, plan, write
from stemweave.data.streams import Draw, Texted
from stemweave.errors import DataError
from stemweave.training.text_data import Jamendo, PartedMixtures, SubMixtures, TextedFolders, TextedMixtures, together

LEVELS = {"bass": 0.02, "drums": 0.04, "guitar": 0.08, "piano": 0.16}
"""Each stem is a constant, so that a mixture tells which it holds."""
PLAYED = {stem: {"present": True, "back_end": "soundfont", "program": 32, "effects": []} for stem in LEVELS}
INSTRUMENTS = {"bass": "upright bass", "drums": "jazz drums", "guitar": "guitar", "piano": "piano"}


@pytest.fixture(name="cached", scope="module")
def make_cached(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rendered songs and their caches: a song to train on, another to validate on."""
    root = tmp_path_factory.mktemp("data")
    for split in ("train", "validation"):
        place = root / "songs" / split / "Track00001"
        place.mkdir(parents=True)
        for stem, level in LEVELS.items():
            soundfile.write(place / f"{stem}.flac", np.full(22050, level), 22050)
        (place / "track.json").write_text(json.dumps({"style": "swing", "tempo": 120, "stems": PLAYED}))
        (root / split).mkdir()
        for shard in plan(open_corpus(root / "songs").split(split), root / split):
            list(write(shard, Recipe(tuple(LEVELS), 22050)))
    return root


def sub_mixtures(cached: Path, **settings: object) -> SubMixtures:
    settings = {"length": 512, "batch_size": 8, "gain_db": 0.0, "polarity": False, "valid_crops": 12} | settings
    return SubMixtures(cached / "train", cached / "validation", **settings)  # type: ignore[arg-type]


def named(cached: Path, **settings: object) -> SubMixtures:
    songs = {"train_songs": cached / "songs" / "train", "valid_songs": cached / "songs" / "validation"}
    return sub_mixtures(cached, **songs, **settings)


def taken(data: TextedMixtures, batches: int = 8) -> list[tuple[Tensor, list[str]]]:
    stream = iter(data.train_dataloader())
    return [next(stream) for _ in range(batches)]


def test_a_batch_is_mixtures_and_the_labels_of_what_they_hold(cached: Path) -> None:
    seen = set()
    for mixtures, texts in taken(sub_mixtures(cached)):
        assert mixtures.shape == (8, 1, 512)
        assert mixtures.dtype == torch.float32
        for mixture, text in zip(mixtures, texts, strict=True):
            stems = text.lower().split(", ")
            assert len(stems) >= 2
            torch.testing.assert_close(mixture, torch.full((1, 512), sum(LEVELS[stem] for stem in stems)), atol=1e-3, rtol=0)
            seen.add(text)
    assert len(seen) == 11, "every set of two or more"


def test_names_come_from_the_rendered_songs(cached: Path) -> None:
    for mixtures, texts in taken(named(cached, plain=0.0, phrasings=("{band}", "{style} with {band}")), 4):
        for mixture, text in zip(mixtures, texts, strict=True):
            held = [stem for stem, name in INSTRUMENTS.items() if name in text]
            assert mixture.mean().item() == pytest.approx(sum(LEVELS[stem] for stem in held), abs=1e-3)
            assert text.startswith(("swing with", *INSTRUMENTS.values()))


@pytest.mark.parametrize("plain", [0.0, 1.0])
def test_labels_come_as_often_as_said(cached: Path, plain: float) -> None:
    texts = [text for _, each in taken(named(cached, plain=plain, phrasings=("all of {band}",)), 2) for text in each]
    assert {text.startswith("all of") for text in texts} == {plain == 0.0}


def test_gains_and_signs_are_random_where_asked_for(cached: Path) -> None:
    (plain, _), (moved, _) = (taken(sub_mixtures(cached, **how), 1)[0] for how in ({}, {"gain_db": 6.0, "polarity": True}))
    assert (plain > 0).all()
    assert (moved < 0).any()
    assert len(moved[:, 0, 0].abs().unique()) == 8


def test_parts_come_with_mixtures_as_the_other_data_draw_them(cached: Path) -> None:
    inner = named(cached, batch_size=5, valid_crops=7, seed=4, plain=1.0)
    data = PartedMixtures(inner)
    assert (data.batch_size, data.valid_crops, data.seed, data.workers) == (5, 7, 4, 0)
    assert [len(texts) for _, texts, *_ in data.val_dataloader()] == [5, 2]
    for mixtures, texts, parts, said, absent in taken(data, 4):
        assert mixtures.shape == parts.shape == (5, 1, 512)
        assert absent == [", ".join(stem.capitalize() for stem in LEVELS if stem.capitalize() not in text) for text in texts]
        for mixture, text, part, names in zip(mixtures, texts, parts, said, strict=True):
            whole = {stem for stem in LEVELS if stem.capitalize() in text}
            held = {stem for stem in whole if stem.capitalize() in names}
            torch.testing.assert_close(mixture, torch.full((1, 512), sum(map(LEVELS.get, whole))), atol=1e-3, rtol=0)
            torch.testing.assert_close(part, torch.full((1, 512), sum(map(LEVELS.get, held))), atol=1e-3, rtol=0)


def test_validation_is_of_the_other_split_and_always_the_same(cached: Path) -> None:
    data = named(cached)
    once, again = (list(data.val_dataloader()) for _ in range(2))
    assert [len(texts) for _, texts in once] == [8, 4]
    for (one, texts), (other, words) in zip(once, again, strict=True):
        assert torch.equal(one, other)
        assert texts == words
    assert {split: (folder.name, songs.name) for split, (folder, songs) in data.folders.items() if songs} == {
        "train": ("train", "train"),
        "validation": ("validation", "validation"),
    }


def test_seeds_and_workers_draw_their_own(cached: Path) -> None:
    def texts(**settings: object) -> list[str]:
        return [text for _, each in taken(sub_mixtures(cached, **settings), 4) for text in each]

    assert texts(seed=3) == texts(seed=3)
    assert texts(seed=3) != texts(seed=4)
    drawn = taken(sub_mixtures(cached, workers=2), 2)
    assert drawn[0][1] != drawn[1][1]


def test_what_is_not_there_ends_in_one_line(cached: Path, tmp_path: Path) -> None:
    for data in (
        SubMixtures(tmp_path / "none", cached / "validation"),
        SubMixtures(cached / "train", cached / "validation", train_songs=tmp_path),
        TextedFolders(tmp_path, tmp_path, 512, 22050),
        Jamendo(tmp_path, tmp_path / "none.tsv", 512, 22050),
    ):
        with pytest.raises(DataError) as caught:
            data.train_dataloader()
        assert "\n" not in str(caught.value)


def test_folders_of_recordings_with_texts(tmp_path: Path) -> None:
    for split, level in (("train", 0.1), ("valid", 0.2)):
        (tmp_path / split).mkdir()
        soundfile.write(tmp_path / split / "one.wav", np.full(4000, level), 22050)
        (tmp_path / split / "one.txt").write_text(f"a song to {split}")
    data = TextedFolders(tmp_path / "train", tmp_path / "valid", 500, 22050, channels=2, batch_size=3, valid_crops=3)
    mixtures, texts = next(iter(data.train_dataloader()))
    assert mixtures.shape == (3, 2, 500)
    assert mixtures.mean().item() == pytest.approx(0.1, abs=1e-3)
    assert texts == ["a song to train"] * 3
    (batch,) = data.val_dataloader()
    assert batch[0].mean().item() == pytest.approx(0.2, abs=1e-3)
    assert batch[1] == ["a song to valid"] * 3


def test_jamendo_is_split_by_its_shards(tmp_path: Path) -> None:
    rows = ["TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS"]
    for shard, number, tag in ((0, 100, "instrument---piano"), (99, 199, "genre---jazz")):
        sound = io.BytesIO()
        soundfile.write(sound, 0.3 * np.sin(0.1 * np.arange(11025)), 22050, format="MP3")
        with tarfile.open(tmp_path / f"raw_30s_audio-low-{shard:02d}.tar", "w") as file:
            info = tarfile.TarInfo(f"{shard:02d}/{number}.low.mp3")
            info.size = len(sound.getvalue())
            file.addfile(info, io.BytesIO(sound.getvalue()))
        rows.append(f"track_{number:07d}\tartist_000001\talbum_000002\t{shard:02d}/{number}.mp3\t0.5\t{tag}")
    (tmp_path / "table.tsv").write_text("\n".join(rows) + "\n")
    data = Jamendo(tmp_path, tmp_path / "table.tsv", 2000, 22050, batch_size=2, valid_crops=2)
    mixtures, texts = next(iter(data.train_dataloader()))
    assert mixtures.shape == (2, 1, 2000)
    assert mixtures.abs().max() > 0.1
    assert all("piano" in text for text in texts)
    ((_, texts),) = data.val_dataloader()
    assert all("jazz" in text for text in texts)


class Recorded(TextedMixtures):
    """Remembers what was drawn."""

    def __init__(self) -> None:
        super().__init__(batch_size=2, valid_crops=2)
        self.drawn: dict[str, list[float]] = {"train": [], "validation": []}

    def draws(self, split: str) -> Draw[Texted]:
        def draw(rng: np.random.Generator) -> Texted:
            self.drawn[split].append(float(rng.random()))
            return torch.zeros(1, 4), 22050, "bass"

        return draw


class Constant(L.LightningModule):
    """The quickest of trainings."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def training_step(self, batch: tuple[Tensor, list[str]], index: int) -> Tensor:
        return self.weight.square().sum() + batch[0].sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


@pytest.mark.filterwarnings("ignore")
def test_a_resumed_training_draws_what_it_has_not_drawn(tmp_path: Path) -> None:
    def trainer(steps: int) -> L.Trainer:
        silent = {"enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False, "logger": False}
        return L.Trainer(max_steps=steps, accelerator="cpu", limit_val_batches=0, **silent)

    first, again, resumed, whole = Recorded(), Recorded(), Recorded(), trainer(3)
    whole.fit(Constant(), first)
    whole.save_checkpoint(tmp_path / "three.ckpt")
    trainer(3).fit(Constant(), again)
    trainer(6).fit(Constant(), resumed, ckpt_path=tmp_path / "three.ckpt")
    assert first.drawn["train"] == again.drawn["train"]
    assert len(first.drawn["train"]) >= 6
    assert not set(first.drawn["train"]) & set(resumed.drawn["train"])


def test_together_keeps_the_order() -> None:
    audio, texts = together([(torch.full((2, 3), float(n)), 22050, str(n)) for n in range(4)])
    assert audio.shape == (4, 2, 3)
    assert audio[:, 0, 0].tolist() == [0, 1, 2, 3]
    assert texts == ["0", "1", "2", "3"]
