"""Training codecs: both sides learn and resume, discriminators come when they are asked for, and what is exported."""

import dataclasses
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from torch import Tensor
from torch.utils.data import DataLoader

from stemweave.errors import ModelError, OutputError
from stemweave.evaluation.measures.separation import si_sdr
from stemweave.model.checkpoint import load_codec, save
from stemweave.model.codec import CodecConfig
from stemweave.nets.discriminators import DiscriminatorConfig
from stemweave.nets.sourcevae import SourceVAEConfig
from stemweave.training.additive import Change
from stemweave.training.callbacks import ExportAverage, Listen
from stemweave.training.codec_losses import kl_divergence
from stemweave.training.codec_module import CodecTraining, Weights

pytestmark = pytest.mark.filterwarnings("ignore")

TINY = CodecConfig("tiny", 22050, SourceVAEConfig(latent=3, encoder_width=4, decoder_width=8, strides=(2,), patch=16))
JUDGES = DiscriminatorConfig(periods=(2,), widths=(2, 4), windows=(32,), edges=(0.5,), band_width=2)
QUIET: dict[str, Any] = {
    "accelerator": "cpu",
    "num_sanity_val_steps": 0,
    "check_val_every_n_epoch": None,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "logger": False,
}


def training(config: CodecConfig = TINY, **settings: Any) -> CodecTraining:
    torch.manual_seed(0)
    settings = {"discriminators": JUDGES, "warm_up": 0, "cool_down": 0, "rate_peak": 3e-3} | settings
    return CodecTraining(config, **settings)


TONES = 0.05 * torch.sin(torch.tensor([0.02, 0.05, 0.2, 0.7])[:, None, None] * torch.arange(496))
"""A batch, which is the batch of every step."""


class Seeded(Callback):
    """The same noise at the same step, whether or not training was stopped before it."""

    def on_train_batch_start(self, trainer: L.Trainer, *_: Any) -> None:
        torch.manual_seed(trainer.global_step)


def fitted(module: CodecTraining, steps: int, *callbacks: Callback, resume: Path | None = None, **more: Any) -> L.Trainer:
    saves = {"enable_checkpointing": any(isinstance(callback, ModelCheckpoint) for callback in callbacks)}
    trainer = L.Trainer(max_steps=steps, callbacks=[Seeded(), *callbacks], **{"limit_val_batches": 0} | QUIET | saves | more)
    loader = DataLoader(list(TONES.repeat(64, 1, 1)), 4)
    trainer.fit(module, loader, loader, ckpt_path=resume)
    return trainer


def state(module: torch.nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def moved(module: torch.nn.Module, before: dict[str, Tensor]) -> set[str]:
    return {name for name, value in module.state_dict().items() if not torch.equal(value, before[name])}


def test_both_sides_take_a_step_and_lightning_counts_one() -> None:
    module = training()
    codec, judges = state(module.codec), state(module.discriminators)
    trainer = fitted(module, 1)
    assert trainer.global_step == 1
    assert moved(module.codec, codec) == set(codec)
    assert moved(module.discriminators, judges) == set(judges)


def test_discriminators_come_when_they_are_asked_for() -> None:
    module = training(adversarial_from=2)
    before = state(module.discriminators)
    trainer = fitted(module, 2)
    assert not moved(module.discriminators, before)
    assert not trainer.optimizers[1].state
    assert "train/discriminators" not in trainer.callback_metrics
    module = training(adversarial_from=2)
    trainer = fitted(module, 3)
    assert moved(module.discriminators, before) == set(before)
    assert {"train/discriminators", "train/feature", "train/adversarial"} <= set(trainer.callback_metrics)
    steps = [config.scheduler.last_epoch for config in trainer.lr_scheduler_configs]
    assert steps == [3, 1], "the course of their rate begins with their first step"


@torch.no_grad()
def mel_of(module: CodecTraining) -> float:
    return module.mel(TONES, module.coded(TONES)).item()


def test_it_learns() -> None:
    module = training(weights=Weights(waveform=15.0, kl=0.1), adversarial_from=20)
    before = mel_of(module)
    trainer = fitted(module, 40)
    assert mel_of(module) < 0.7 * before
    assert all(value.isfinite() for value in trainer.callback_metrics.values())


def test_the_loss_is_the_weighted_sum_of_its_terms() -> None:
    weights = Weights(mel=2.0, waveform=3.0, feature=5.0, adversarial=7.0, kl=11.0)
    found = fitted(training(weights=weights), 1).callback_metrics
    expected = sum(value * found[f"train/{name}"] for name, value in dataclasses.asdict(weights).items())
    assert found["train/loss"].item() == pytest.approx(float(expected), rel=1e-5)


def test_latents_are_drawn_in_training_and_their_mean_in_validation() -> None:
    module = training(adversarial_from=9, rate_peak=0.0)
    for log_variance, close in ((-30.0, True), (4.0, False)):
        module.codec.net.encoder[-1].bias.data[3:] = log_variance
        found = fitted(module, 1, limit_val_batches=1, val_check_interval=1).callback_metrics
        assert found["valid/mel"].item() == pytest.approx(mel_of(module), rel=1e-4)
        assert (abs(found["train/mel"].item() - mel_of(module)) < 1e-3) is close


def test_an_additive_training_asks_for_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is compared is the change of what the encoder heard with the decoded change of its latents."""
    seen: list[tuple[Tensor, Tensor]] = []
    heard = Change(torch.tensor([1.0, 0, 0, 0]), torch.ones(4))
    change = Change(torch.tensor([0.0, 1, 0, 0]), torch.tensor([1.0, 2, -1, 0.5]))
    monkeypatch.setattr("stemweave.training.codec_module.draw_sums", lambda *_: heard)
    monkeypatch.setattr("stemweave.training.codec_module.draw_change", lambda *_: change)
    monkeypatch.setattr("stemweave.training.codec_module.waveform_distance", lambda *pair: seen.append(pair) or pair[1].mean())
    module = training(adversarial_from=9, rate_peak=0.0)
    module.codec.net.encoder[-1].bias.data[3:] = -30
    fitted(module, 1)
    ((wanted, made),) = seen
    expected = TONES.clone()
    expected[0] += TONES[3]
    mean = module.codec.net.encode(expected)
    torch.testing.assert_close(made, module.codec.net.decode(change(mean), 496), atol=1e-5, rtol=1e-3)
    expected[1] = 2 * (expected[1] + expected[0])
    expected[2], expected[3] = -expected[2], 0.5 * expected[3]
    torch.testing.assert_close(wanted, expected)


@pytest.mark.parametrize("weight_norm", [False, True])
def test_a_resumed_training_is_the_uninterrupted_one(weight_norm: bool, tmp_path: Path) -> None:
    """Weights, optimisers and rates of both sides, to the last bit."""
    settings: dict[str, Any] = {"weight_norm": weight_norm, "additive": 0.5, "warm_up": 3, "fade": 0.9, "adversarial_from": 1}
    whole, later = training(**settings), training(**settings)
    wanted = fitted(whole, 4, ModelCheckpoint(tmp_path, "{step}", every_n_train_steps=2, save_top_k=-1))
    found = fitted(later, 4, resume=tmp_path / "step=2.ckpt")
    assert found.global_step == 4
    assert not moved(later, state(whole))
    for steps, one, other in zip((4, 3), wanted.optimizers, found.optimizers, strict=True):
        for value, again in zip(one.state.values(), other.state.values(), strict=True):
            assert value["step"] == again["step"] == steps
            assert torch.equal(value["exp_avg"], again["exp_avg"])
            assert torch.equal(value["exp_avg_sq"], again["exp_avg_sq"])
    rates = [[config.scheduler.get_last_lr() for config in trainer.lr_scheduler_configs] for trainer in (wanted, found)]
    assert rates[0] == rates[1]


@pytest.mark.parametrize("validated", [3, 2, 500], ids=["with the last step", "before it", "never"])
def test_what_is_exported_is_the_average_without_weight_norm(tmp_path: Path, validated: int) -> None:
    """That of the last step, wherever the last validation was."""
    module = training(weight_norm=True, weights=Weights(waveform=1.0))
    export = ExportAverage(tmp_path / "codec", decay=0.5)
    fitted(module, 3, export, limit_val_batches=2, val_check_interval=validated)
    back = load_codec(tmp_path / "codec")
    assert back.config == dataclasses.replace(TINY, steps_trained=3)
    assert export._average_model is not None
    average = export._average_model.module.model
    for name, value in back.state_dict().items():
        torch.testing.assert_close(value, average.state_dict()[name], rtol=2**-8, atol=0, msg=name)
    assert moved(module.codec, state(export._average_model.module.codec)) == set()


def test_training_goes_on_from_a_codec(tmp_path: Path) -> None:
    first = training(weight_norm=True)
    save(first.model, tmp_path / "codec", precision=torch.float32)
    torch.manual_seed(7)
    again = CodecTraining(TINY, discriminators=JUDGES, start_from=tmp_path / "codec", weight_norm=True)
    for name, value in again.model.state_dict().items():
        torch.testing.assert_close(value, first.model.state_dict()[name])


def test_a_decoder_trains_alone_and_latents_stay_as_they_are(tmp_path: Path) -> None:
    finished = training().model
    finished.config = dataclasses.replace(finished.config, mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 3.0), compand=0.2)
    save(finished, tmp_path / "codec")
    module = training(start_from=tmp_path / "codec", decoder_alone=True, adversarial_from=0)
    before, sound = load_codec(tmp_path / "codec"), module.coded(TONES)
    fitted(module, 2, ExportAverage(tmp_path / "average", 0.5), limit_val_batches=1, val_check_interval=1)
    for codec in (module.model, load_codec(tmp_path / "average")):
        assert codec.digest() == before.digest()
    assert not torch.allclose(module.coded(TONES), sound)
    with pytest.raises(ModelError, match="cannot train alone without a codec to start from; say start_from"):
        training(decoder_alone=True)


def test_another_run_s_export_is_not_replaced_unasked(tmp_path: Path) -> None:
    save(training().model, tmp_path / "codec", card="mine")
    few = {"limit_val_batches": 1, "val_check_interval": 1}
    with pytest.raises(
        OutputError, match=r"codec exists already: go on with it \(--ckpt_path, or --model.start_from .*codec\)"
    ):
        fitted(training(), 1, ExportAverage(tmp_path / "codec", 0.5), **few)
    assert (tmp_path / "codec" / "README.md").read_text() == "mine"
    fitted(training(start_from=tmp_path / "codec"), 1, ExportAverage(tmp_path / "codec", 0.5), **few)
    assert load_codec(tmp_path / "codec").config.steps_trained == 1
    fitted(training(), 2, ExportAverage(tmp_path / "codec", 0.5, overwrite=True), **few)
    assert load_codec(tmp_path / "codec").config.steps_trained == 2


def test_validation_says_what_comes_back_and_what_adds_up() -> None:
    module = training(weights=Weights(waveform=1.0))
    torch.nn.init.normal_(module.codec.net.decoder[-1].weight, std=0.1)
    found = fitted(module, 1, limit_val_batches=1, val_check_interval=1).callback_metrics
    net = module.codec.net
    with torch.no_grad():
        made, mean = module.coded(TONES), net.encode(TONES)
        both = net.encode(TONES + TONES.roll(1, 0))
    error = (both - mean - mean.roll(1, 0)).norm() / both.norm()
    assert found["valid/additivity-encoder"].item() == pytest.approx(error.item(), rel=1e-4)
    with torch.no_grad():
        both = net.decode(mean + mean.roll(1, 0), 496)
    error = (both - made - made.roll(1, 0)).norm() / both.norm()
    assert found["valid/additivity-decoder"].item() == pytest.approx(error.item(), rel=1e-4)
    assert found["valid/mel"].item() == pytest.approx(mel_of(module), rel=1e-4)
    ratios = [si_sdr(one.flatten(), other.flatten()) for one, other in zip(made, TONES, strict=True)]
    assert found["valid/sisdr"].item() == pytest.approx(torch.stack(ratios).mean().item(), abs=0.01)
    assert found["valid/kl"].item() == pytest.approx(kl_divergence(*net.distribution(TONES)).item(), rel=1e-4)


def test_one_hears_what_comes_back() -> None:
    heard: dict[str, Tensor] = {}

    class Board:
        def add_audio(self, name: str, sound: Tensor, step: int, sample_rate: int) -> None:
            heard[name] = sound
            assert sample_rate == 22050

        def add_image(self, name: str, image: Tensor, step: int) -> None:
            assert image.shape[0] == 1

    class Trainer:
        logger, global_step = type("Logger", (), {"experiment": Board()}), 3

    batch, module = TONES.repeat(1, 1, 4), training()
    with torch.no_grad():
        Listen().on_validation_batch_end(Trainer(), module, None, batch, 0)  # type: ignore[arg-type]
        torch.testing.assert_close(heard["coded"], module.coded(batch[:1])[0, 0].clamp(-1, 1))
    torch.testing.assert_close(heard["sound"], batch[0, 0])


def test_a_codec_of_several_vaes_is_refused() -> None:
    with pytest.raises(ModelError, match="VAEs of bass, drums train one by one"):
        training(dataclasses.replace(TINY, stems=("bass", "drums")))
