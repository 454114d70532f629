"""Training on sound alone: CLAP hears each mixture once, and the model that learned so is asked in words."""

import dataclasses

import numpy as np
import pytest
import soundfile
import torch

from stemweave.audio.resample import resample
from stemweave.errors import DataError, UsageError
from stemweave.model.config import EncoderConfig, TextConfig
from stemweave.nets.prompts import Prepared, Prompt
from stemweave.training import sound_data
from stemweave.training.sound_data import HeardMixtures, Listener
from stemweave.training.text_data import Folders
from stemweave.training.text_module import Losses, TextTraining

RATE = 22050


class Ear:
    """In place of CLAP: of each sound its length, its rate of crossings and its level; counts the sounds."""

    features = 3

    def __init__(self):
        self.heard_sounds = 0

    def heard(self, sounds):
        self.heard_sounds += len(sounds)
        crossings = (sounds[:, 1:] * sounds[:, :-1] < 0).float().mean(1)
        values = torch.stack([torch.full((len(sounds),), sounds.shape[1]), crossings, sounds.square().mean(1).sqrt()], -1)
        return Prepared(values[:, None], torch.ones(len(sounds), 1, dtype=torch.bool))


@pytest.fixture
def songs(tmp_path):
    """Two folders of tones without texts, one stereo."""
    for split, pitches in (("train", (200, 900)), ("valid", (400,))):
        for pitch in pitches:
            time = np.arange(2 * RATE) / RATE
            place = tmp_path / split / "deep"
            place.mkdir(parents=True, exist_ok=True)
            audio = 0.2 * np.sin(2 * np.pi * pitch * time)
            soundfile.write(place / f"{pitch}.wav", np.stack([audio, 0 * audio], 1) if pitch == 900 else audio, RATE)
    return tmp_path


@pytest.fixture
def folders(songs):
    return Folders(songs / "train", songs / "valid", length=4096, rate=RATE, batch_size=3, seed=5, valid_crops=4)


def test_each_mixture_is_heard_once_at_clap_s_rate(folders, monkeypatch):
    ear = Ear()
    monkeypatch.setattr(sound_data, "clap", lambda source: ear)
    data = HeardMixtures(folders)
    mixtures, heard = next(iter(data.train_dataloader()))
    assert mixtures.shape == (3, 1, 4096)
    assert ear.heard_sounds == 3
    assert heard.values.shape == (3, 1, 3)
    length, crossings, level = heard.values[:, 0].unbind(-1)
    assert length.tolist() == [4096 * 48000 // RATE + 1] * 3
    pitches = crossings * 48000 / 2
    assert all(min(abs(pitch - 200), abs(pitch - 900)) < 15 for pitch in pitches.tolist())
    assert torch.allclose(level, mixtures.square().mean((1, 2)).sqrt(), rtol=0.02)


def test_it_draws_what_the_other_data_draw(folders, monkeypatch):
    monkeypatch.setattr(sound_data, "clap", lambda source: Ear())
    data = HeardMixtures(folders)
    for ours, theirs in (
        (data.train_dataloader(), folders.train_dataloader()),
        (data.val_dataloader(), folders.val_dataloader()),
    ):
        (mixtures, _), (expected, texts) = next(iter(ours)), next(iter(theirs))
        assert torch.equal(mixtures, expected)
        assert texts == ["", "", ""]
    assert len(data.val_dataloader()) == 2


def test_channels_are_heard_as_their_mean():
    ear, drawn = Ear(), [(torch.stack([torch.ones(100), -torch.ones(100)]), RATE, "")]
    _, heard = Listener(ear)(drawn)
    assert heard.values[0, 0, 2] == 0


def test_the_clap_is_the_one_asked_for(folders, monkeypatch):
    monkeypatch.setattr(sound_data, "clap", lambda source: source)
    assert HeardMixtures(folders, "some/clap").collate.clap == "some/clap"


def test_folders_without_sound_end_in_one_line(tmp_path):
    with pytest.raises(DataError, match="holds no sound files; give the folder where the recordings are"):
        Folders(tmp_path, tmp_path, length=100, rate=RATE).draws("train")


def test_a_model_that_reads_cannot_read_what_is_not_said(folders, text_model):
    _, texts = next(iter(folders.train_dataloader()))
    with pytest.raises(UsageError, match="prompt 1 of 3 is empty"):
        TextTraining(text_model.config).told(texts)


@pytest.fixture
def heard(folders, tiny_clap, text_model, monkeypatch):
    """A training whose reader is a tiny CLAP, its data by the same, and the loss's prompts."""
    config = dataclasses.replace(text_model.config, text=TextConfig(EncoderConfig("clap", str(tiny_clap)), 16))
    torch.manual_seed(0)
    module, prompts = TextTraining(config, dropout=0.0).requires_grad_(False), []
    nothing = Losses(*torch.zeros(2))
    monkeypatch.setattr(module, "losses", lambda mixture, sigma, noise, prompt, part: prompts.append(prompt) or nothing)
    for log in ("log", "log_dict"):
        monkeypatch.setattr(module, log, lambda *_, **__: None)
    monkeypatch.setattr(module, "lr_schedulers", lambda: torch.optim.lr_scheduler.ConstantLR(torch.optim.SGD([torch.ones(1)])))
    return module, HeardMixtures(folders, str(tiny_clap)), prompts


def parts(prompt: Prompt):
    return prompt.tokens, prompt.mask, prompt.pooled


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_the_network_is_told_what_clap_hears(heard):
    module, data, prompts = heard
    batch = mixtures, said = next(iter(data.train_dataloader()))
    module.training_step(batch, 0)
    hear, tower = module.model.conditioner, module.model.conditioner.reader.encoder
    expected = hear(tower.heard(resample(mixtures[:, 0], RATE, 48000)))
    assert said.values.shape == (3, 1, tower.features)
    for found, wanted in zip(parts(prompts[0]), parts(expected), strict=True):
        assert torch.equal(found, wanted)
    assert prompts[0].tokens.shape == (3, 1, 16), "one token and a vector"
    words = hear(hear.prepare(["bass", "drums"]))
    assert words.tokens.shape[1:] == prompts[0].tokens.shape[1:], "as words are told in use"


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_validation_tells_the_sound_nothing_and_anothers_sound(heard):
    module, data, prompts = heard
    mixtures, said = next(iter(data.val_dataloader()))
    module.validation_step((mixtures, said), 0)
    told, nothing, another = prompts[0:9:3]
    assert torch.equal(told.pooled, module.told(said).pooled)
    assert torch.equal(another.pooled, told.pooled.roll(-1, 0))
    assert torch.equal(nothing.pooled, module.model.conditioner.null(3).pooled)
    assert told.pooled.std(0).max() > 0


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_loader_processes_hear_too(heard, folders):
    _, data, _ = heard
    data.workers = 1
    loader = iter(data.train_dataloader())
    mixtures, said = next(loader)
    assert torch.equal(said.values, data.collate.clap.heard(resample(mixtures[:, 0], RATE, 48000)).values)
    del loader
