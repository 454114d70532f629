"""Training a model of text: what its loss is, what dropout hides, that it learns to listen, and what it validates."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import lightning as L
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from stemweave.diffusion.loss import LogNormal
from stemweave.errors import ModelError, UsageError
from stemweave.model import checkpoint, texted
from stemweave.model.config import EncoderConfig, ModelConfig, TextConfig
from stemweave.model.texted import TextModel
from stemweave.training import text_module
from stemweave.training.callbacks import ExportAverage
from stemweave.training.text_data import together
from stemweave.training.text_module import Losses, TextTraining

PITCHES = {"bass": 0.02, "guitar": 0.3, "piano": 0.7}
SOUNDS = ("bass", "drums", "guitar", "piano")
QUIET = {"enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False, "logger": False}


def make_training(config: ModelConfig, **settings: object) -> TextTraining:
    torch.manual_seed(0)
    return TextTraining(config, **settings)  # type: ignore[arg-type]


class Tones(Dataset[tuple[torch.Tensor, int, str]]):
    """One tone, and whose pitch it has."""

    def __len__(self) -> int:
        return 512

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int, str]:
        name = list(PITCHES)[index % 3]
        phase = 6.28 * torch.rand(1, generator=torch.Generator().manual_seed(index))
        return 0.13 * torch.sin(PITCHES[name] * torch.arange(2048) + phase).unsqueeze(0), 22050, name


def batch(count: int = 6) -> tuple[torch.Tensor, list[str]]:
    return together([Tones()[index] for index in range(count)])


@pytest.fixture(name="module")
def make_module(text_model: TextModel) -> TextTraining:
    """With the answers of the untrained model that the other tests have."""
    module = make_training(text_model.config)
    module.model.load_state_dict(text_model.state_dict())
    return module.requires_grad_(False)


def test_the_loss_is_the_weighted_error_of_single_items(module: TextTraining) -> None:
    """Mean of λ(σ)·|D(x + σn; σ, prompt) − x|² over the batch (2206.00364 eq. 2), each under its own prompt and level."""
    (mixture, texts), sigma = batch(3), torch.tensor([0.02, 0.1, 0.5])
    noise, model = torch.randn_like(mixture), module.model
    loss = module.losses(mixture, sigma, noise, module.told(texts)).denoising
    each = []
    for clean, own, level, text in zip(mixture, noise, sigma, texts, strict=True):
        denoised = model.told({"it": text}).prior()((clean + level * own)[None, None], level)[0, 0]
        weight = (level**2 + model.config.sigma_data**2) / (level * model.config.sigma_data) ** 2
        each.append(weight * (denoised - clean).square().mean())
    assert loss.item() == pytest.approx(torch.stack(each).mean().item(), rel=1e-4)


class Asked:
    """Stands in for the losses: remembers what it was asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[torch.Tensor, ...]] = []
        self.prompts: list[object] = []
        self.parts: list[object] = []

    def __call__(self, mixture, sigma, noise, prompt, part):  # type: ignore[no-untyped-def]
        self.parts.append(part)
        self.calls.append((mixture, sigma, noise))
        self.prompts.append(prompt)
        return Losses(*torch.zeros(2))


@pytest.fixture(name="asked")
def make_asked(module: TextTraining, monkeypatch: pytest.MonkeyPatch) -> Asked:
    asked = Asked()
    monkeypatch.setattr(module, "losses", asked)
    monkeypatch.setattr(module, "log", lambda *_, **__: None)
    monkeypatch.setattr(module, "log_dict", lambda *_, **__: None)
    monkeypatch.setattr(module, "lr_schedulers", lambda: torch.optim.lr_scheduler.ConstantLR(torch.optim.SGD([torch.ones(1)])))
    return asked


@pytest.mark.parametrize("dropout", [0.0, 0.3, 1.0])
def test_dropout_tells_as_many_items_nothing(module: TextTraining, asked: Asked, dropout: float) -> None:
    module.dropout = dropout
    module.training_step((torch.zeros(900, 1, 8), ["bass", "piano", "drums"] * 300), 0)
    gone = (asked.prompts[0].pooled == module.model.conditioner.null_pooled).all(1)
    assert gone.float().mean().item() == pytest.approx(dropout, abs=0.05)
    for item, text in enumerate(("bass", "piano", "drums")):
        heard = module.told([text]).pooled
        kept = asked.prompts[0].pooled[item::3][~gone[item::3]]
        torch.testing.assert_close(kept, heard.expand_as(kept))


def test_noise_levels_are_drawn_for_each_item(module: TextTraining, asked: Asked) -> None:
    module.noise = LogNormal(-2.0, 0.5, 1e-3, 2.0)
    module.training_step((torch.zeros(4000, 1, 2), ["bass"] * 4000), 0)
    mixture, sigma, noise = asked.calls[0]
    assert sigma.log().mean().item() == pytest.approx(-2, abs=0.05)
    assert sigma.log().std().item() == pytest.approx(0.5, abs=0.05)
    assert noise.std().item() == pytest.approx(1, abs=0.05)
    assert not mixture.any()


def test_validation_tells_the_text_nothing_and_anothers_text(module: TextTraining, asked: Asked) -> None:
    mixture, texts = batch(3)
    for _ in range(2):
        module.validation_step((mixture, texts), 5)
    module.validation_step((mixture, texts), 6)
    told, nothing, another = asked.prompts[0:9:3]
    torch.testing.assert_close(told.pooled, module.told(["bass", "guitar", "piano"]).pooled)
    torch.testing.assert_close(another.pooled, module.told(["guitar", "piano", "bass"]).pooled)
    torch.testing.assert_close(nothing.pooled, module.model.conditioner.null(3).pooled)
    levels = [sigma.unique().item() for _, sigma, _ in asked.calls[:9]]
    assert levels == pytest.approx([0.02, 0.1, 0.5] * 3)
    first, again, later = (asked.calls[step][2] for step in (0, 9, 18))
    assert torch.equal(first, again), "the same noise every time"
    assert not torch.equal(first, later), "and another in another batch"
    assert all(torch.equal(noise, first) for _, _, noise in asked.calls[:9]), "so that what is told can be compared"


def test_parts_teach_what_to_expect_of_some_of_what_sounds(module: TextTraining) -> None:
    """The second surprise is of the part's power under what the part's text lets expect in the whole; the loss is the same."""
    (mixture, texts), (part, _) = batch(3), batch(3)
    part, sigma, noise = 0.3 * part.flip(0), torch.full((3,), 0.05), torch.zeros_like(mixture)
    prompt = module.told(texts)
    loss, whole = module.losses(mixture, sigma, noise, prompt)
    same, both = module.losses(mixture, sigma, noise, prompt, (part, ["piano", "guitar", "drums"], [""] * 3))
    net, known, level = module.model.net, module.model.precondition, sigma[:, None, None, None]
    _, heard = net.estimate(known.scale(level) * mixture.unsqueeze(1), known.noise(sigma), prompt)
    expected = net.expected(heard, module.told(["piano", "guitar", "drums"]))
    loud = net.expected(heard, prompt)
    wanted = net.surprise(expected, part.unsqueeze(1) / module.model.config.sigma_data, loud).mean()
    torch.testing.assert_close(both - whole, wanted)
    assert torch.equal(loss, same)
    twice = module.losses(mixture, sigma, noise, prompt, (mixture, texts, [""] * 3)).surprise
    assert twice.item() == pytest.approx(2 * whole.item(), rel=1e-5)


def test_doubt_is_the_cross_entropy_of_what_sounds_and_what_does_not(module: TextTraining) -> None:
    """Of each sound by itself, in the clean mixture and untold; padding and what is not said do not count, nor later items."""
    mixture, _ = batch(6)
    said = ["bass, drums", "guitar", "piano, bass, drums", "bass", "piano", "piano"]
    absent = ["piano", "", "guitar", "", "bass", "guitar"]
    net, nothing = module.model.net, module.model.conditioner.null()
    torch.nn.init.normal_(net.presence.kind.bias)
    _, heard = net.look(mixture / module.model.config.sigma_data, nothing)
    odds = {(item, one): net.present(heard, module.told([one] * 6))[item, 0] for item in range(4) for one in SOUNDS}
    sure = [odds[item, one].sigmoid() for item, text in enumerate(said[:4]) for one in text.split(", ")]
    unsure = [1 - odds[0, "piano"].sigmoid(), 1 - odds[2, "guitar"].sigmoid()]
    torch.testing.assert_close(
        module.doubt((mixture, said, mixture, said, absent)), -torch.stack([*sure, *unsure]).log().mean()
    )
    assert module.doubt((mixture, said)) == 0
    everything = module.doubt((mixture, said, mixture, said, [""] * 6))
    torch.testing.assert_close(everything, -torch.stack(sure).log().mean())


def test_the_trunk_does_not_learn_what_is_there(module: TextTraining) -> None:
    mixture, said = batch(3)
    module.requires_grad_(True).doubt((mixture, said, mixture, said, ["drums"] * 3)).backward()
    learns = {name for name, parameter in module.model.net.named_parameters() if parameter.grad is not None}
    assert learns == {f"presence.{part}" for part in ("place.weight", "place.bias", "kind.weight", "kind.bias")}


def test_batches_with_parts_train_and_validate(module: TextTraining, asked: Asked) -> None:
    mixture, texts = batch(3)
    with_part = (mixture, texts, 0.5 * mixture, ["piano"] * 3, ["drums"] * 3)
    module.training_step(with_part, 0)
    module.validation_step(with_part, 0)
    module.training_step((mixture, texts), 0)
    *parts, none = asked.parts
    assert none == ()
    assert len(parts) == 10
    assert all(part == with_part[2:] for part in parts)


@pytest.mark.filterwarnings("ignore")
def test_usual_spectra_are_measured_once_and_not_where_training_goes_on(
    text_model: TextModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = []
    monkeypatch.setattr(text_module, "start_from_spectra", lambda _, batches: measured.append(len(list(batches))))

    def train(steps: int, start_from: Path | None = None, **resumed: object) -> L.Trainer:
        module = make_training(text_model.config, spectra=3, start_from=start_from)
        trainer = L.Trainer(max_steps=steps, accelerator="cpu", limit_val_batches=0, **QUIET)  # type: ignore[arg-type]
        data = L.LightningDataModule.from_datasets(Tones(), Tones(), batch_size=4)
        data.train_dataloader = lambda: DataLoader(Tones(), 4, collate_fn=together)  # type: ignore[method-assign]
        trainer.fit(module, datamodule=data, **resumed)  # type: ignore[arg-type]
        return trainer

    train(2).save_checkpoint(tmp_path / "two.ckpt")
    assert measured == [3]
    train(3, ckpt_path=tmp_path / "two.ckpt", weights_only=False)
    assert measured == [3]
    checkpoint.save(text_model, tmp_path / "model")
    train(2, start_from=tmp_path / "model")
    assert measured == [3]


def test_texts_are_kept_between_runs(text_model: TextModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Counting:
        features, fingerprint = 3, "counting"

        def __call__(self, texts: Sequence[str]) -> list[Tensor]:
            asked.extend(texts)
            return [torch.ones(1, 3) for _ in texts]

    monkeypatch.setattr(texted, "t5", Counting)
    config = dataclasses.replace(text_model.config, text=TextConfig(EncoderConfig("t5"), 16))
    for _ in range(2):
        module = make_training(config, texts=tmp_path / "kept" / "t5.safetensors")
        module.told(["bass", "drums", "bass"])
        module.trainer = SimpleNamespace(is_global_zero=True)  # type: ignore[assignment]
        module.on_fit_end()
    assert asked == ["bass", "drums"]


def test_a_vocabulary_keeps_no_texts(text_model: TextModel, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="by a vocabulary, of which nothing need be kept: leave out texts"):
        make_training(text_model.config, texts=tmp_path / "texts.safetensors")


def test_texts_that_cannot_be_read_stop_it(module: TextTraining) -> None:
    with pytest.raises(UsageError, match="unknown word 'kazoo'"):
        module.training_step((torch.zeros(2, 1, 64), ["bass", "kazoo"]), 0)


def test_what_is_no_model_of_text_is_refused(text_model: TextModel, tiny_model) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ModelError, match="no text"):
        TextTraining(dataclasses.replace(text_model.config, text=None))
    with pytest.raises(ModelError, match="no model of text"):
        TextTraining(tiny_model.config)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_it_learns_to_listen_and_exports_the_average(text_model: TextModel, tmp_path: Path) -> None:
    """After 60 steps the loss is low, and lower by far where it is told what sounds than where it is told of another."""
    module = make_training(text_model.config, warm_up=5, cool_down=10, rate_peak=3e-3, noise=LogNormal(-1.5, 1.0, 0.01, 2.0))
    trainer = L.Trainer(
        max_steps=60,
        val_check_interval=60,
        check_val_every_n_epoch=None,
        accelerator="cpu",
        num_sanity_val_steps=0,
        gradient_clip_val=1.0,
        callbacks=[ExportAverage(tmp_path / "model", decay=0.9)],
        **QUIET,
    )
    some = torch.utils.data.Subset(Tones(), range(9))
    trainer.fit(module, DataLoader(Tones(), 8, collate_fn=together), DataLoader(some, 9, collate_fn=together))
    loss = {name.removeprefix("valid/"): float(value) for name, value in trainer.callback_metrics.items()}
    assert loss["told-0.5"] < 0.65, "one would be no better than white noise"
    assert loss["told-0.5"] < loss["nothing-0.5"] < loss["another-0.5"]
    assert loss["another-0.5"] > 1.5 * loss["told-0.5"]
    back = checkpoint.load(tmp_path / "model")
    assert isinstance(back, TextModel)
    assert back.config == dataclasses.replace(text_model.config, steps_trained=60)
    again = make_training(text_model.config, start_from=tmp_path / "model")
    for name, value in again.model.state_dict().items():
        torch.testing.assert_close(value, back.state_dict()[name])
