"""Training: which conditions are drawn, what the loss counts, that it learns, and what it exports."""

import dataclasses
from pathlib import Path

import lightning as L
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from stemweave.diffusion.loss import LogNormal, LogUniform, denoising_loss
from stemweave.model import checkpoint
from stemweave.model.checkpoint import load
from stemweave.model.config import ModelConfig
from stemweave.model.model import Model
from stemweave.training.callbacks import ExportAverage, picture
from stemweave.training.conditions import Conditions, Shares, draw_conditions, some_but_not_all
from stemweave.training.module import StemTraining, improvement, si_sdr


def test_shares_are_kept() -> None:
    torch.manual_seed(0)
    known = torch.ones(8000, 4, dtype=torch.bool)
    drawn = draw_conditions(Shares(nothing=0.1, given=0.2, mixture=0.3, both=0.4), known)
    some = drawn.given.any(1)
    for share, rows in (
        (0.1, ~some & ~drawn.mixed),
        (0.2, some & ~drawn.mixed),
        (0.3, ~some & drawn.mixed),
        (0.4, some & drawn.mixed),
    ):
        assert rows.float().mean().item() == pytest.approx(share, abs=0.02)
    assert not drawn.given.all(1).any()
    sizes = drawn.given.sum(1)[some]
    assert set(sizes.tolist()) == {1, 2, 3}


def test_unknown_stems_are_neither_given_nor_mixed() -> None:
    known = torch.tensor([[True, False, True, True]]).expand(2000, 4)
    drawn = draw_conditions(Shares(nothing=0, given=0.5, mixture=0.5, both=0), known)
    assert not drawn.mixed.any()
    assert not drawn.given[:, 1].any()
    assert drawn.given[:, 0].any()


def test_one_stem_is_never_given() -> None:
    assert not some_but_not_all(torch.ones(50, 1, dtype=torch.bool)).any()


def test_shares_must_make_sense() -> None:
    for bad in ((0, 0, 0, 0), (-1, 1, 1, 1)):
        with pytest.raises(ValueError, match="shares must be"):
            Shares(*bad)


def test_noise_levels_lie_where_they_are_sampled() -> None:
    uniform = torch.rand(20000, generator=torch.Generator().manual_seed(0))
    normal = LogNormal(-3.0, 1.0, 1e-3, 2.0)(uniform)
    assert normal.log().mean().item() == pytest.approx(-3, abs=0.03)
    assert normal.log().std().item() == pytest.approx(1, abs=0.03)
    assert normal.min() >= 1e-3
    assert LogNormal(5.0, 1.0, 1e-3, 2.0)(uniform).max() <= 2.0
    flat = LogUniform(0.5, 2.0)(uniform)
    assert flat.log().mean().item() == pytest.approx(0, abs=0.02)
    assert flat.min() >= 0.5
    assert flat.max() <= 2.0


def test_loss_counts_only_what_has_weight() -> None:
    denoised, clean = torch.randn(2, 3, 1, 50), torch.randn(2, 3, 1, 50)
    weight = torch.tensor([[0.0, 2.0, 0.0], [1.0, 0.0, 0.0]])
    errors = (denoised - clean).square().mean((2, 3))
    assert denoising_loss(denoised, clean, weight).item() == pytest.approx(((2 * errors[0, 1] + errors[1, 0]) / 2).item())
    assert denoising_loss(denoised, clean, torch.zeros(2, 3)).item() == 0


def make_training(config: ModelConfig, **settings: object) -> StemTraining:
    torch.manual_seed(0)
    return StemTraining(config, **settings)  # type: ignore[arg-type]


def test_unknown_and_given_stems_get_no_gradient(tiny_model: Model) -> None:
    """Changing the truth of an unknown stem, or the estimate of a given one, does not change the loss."""
    module = make_training(tiny_model.config)
    clean, noise = 0.05 * torch.randn(2, 4, 1, 512), torch.randn(2, 4, 1, 512)
    known = torch.tensor([[True, True, True, False]] * 2)
    conditions = Conditions(torch.tensor([[True, False, False, False]] * 2), torch.zeros(2, dtype=torch.bool))
    sigma = torch.full((2,), 0.1)
    before = module.loss(clean, known, conditions, sigma, noise)
    other_noise = noise.clone()
    other_noise[:, 0] = 7
    torch.testing.assert_close(module.loss(clean, known, conditions, sigma, other_noise), before)
    moved = noise.clone()
    moved[:, 1] = 0
    assert not torch.allclose(module.loss(clean, known, conditions, sigma, moved), before)


def test_quiet_mixtures_count_like_loud_ones_where_noise_is_high(tiny_model: Model) -> None:
    module = make_training(tiny_model.config)
    config, high, low = tiny_model.config, torch.full((2,), 50.0), torch.full((2,), 1e-4)
    mixture = config.mixture_level * torch.tensor([2.0, 0.5])[:, None, None] * torch.ones(2, 1, 64)
    every, none = torch.ones(2, dtype=torch.bool), torch.zeros(2, dtype=torch.bool)
    loud, quiet = module.weight(high, mixture, every)
    assert (loud * 2.0**2).item() == pytest.approx((quiet * 0.5**2).item(), rel=1e-3)
    torch.testing.assert_close(module.weight(low, mixture, every), torch.full((2,), 1e8), rtol=1e-3, atol=0)
    torch.testing.assert_close(module.weight(high, mixture, none), module.model.precondition.weight(high))


def test_progress_figure_agrees_with_its_definition() -> None:
    torch.manual_seed(0)
    clean = torch.randn(3, 2, 1, 4000)
    noise = 0.1 * torch.randn_like(clean)
    numpy_clean, numpy_estimate = clean[0, 0, 0].double().numpy(), (clean + noise)[0, 0, 0].double().numpy()
    scale = numpy_clean @ numpy_estimate / (numpy_clean @ numpy_clean)
    expected = 10 * np.log10(((scale * numpy_clean) ** 2).sum() / ((scale * numpy_clean - numpy_estimate) ** 2).sum())
    assert si_sdr(clean + noise, clean)[0, 0].item() == pytest.approx(expected, abs=1e-3)
    gains = improvement(clean + noise, clean)
    assert gains[0].item() == pytest.approx(20, abs=1.5)


class Tones(torch.utils.data.Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Each stem is a tone of its own pitch and random phase: quickly learned."""

    def __len__(self) -> int:
        return 512

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        phase = torch.rand(4, generator=torch.Generator().manual_seed(index)) * 6.28
        pitch = torch.tensor([0.02, 0.11, 0.3, 0.7])
        return 0.07 * torch.sin(pitch[:, None] * torch.arange(2048) + phase[:, None]).unsqueeze(1), torch.ones(
            4, dtype=torch.bool
        )


@pytest.mark.filterwarnings("ignore")
def test_the_export_counts_the_steps_before_this_run_too(tiny_model: Model, tmp_path: Path) -> None:
    """Those of the weights it started from, also where it goes on from a checkpoint of such a run."""
    checkpoint.save(tiny_model, tmp_path / "before", steps_trained=40)

    def train(steps: int, start_from: Path | None = None, ckpt_path: Path | None = None) -> L.Trainer:
        trainer = L.Trainer(
            max_steps=steps, val_check_interval=1, check_val_every_n_epoch=None, accelerator="cpu", num_sanity_val_steps=0,
            callbacks=[ExportAverage(tmp_path / "model")], enable_checkpointing=False, enable_progress_bar=False,
            enable_model_summary=False, logger=False, limit_val_batches=1,
        )  # fmt: skip
        data = DataLoader(torch.utils.data.Subset(Tones(), range(16)), 4)
        trainer.fit(
            make_training(tiny_model.config, start_from=start_from), data, data, ckpt_path=ckpt_path, weights_only=False
        )
        return trainer

    train(2, start_from=tmp_path / "before").save_checkpoint(tmp_path / "two.ckpt")
    assert load(tmp_path / "model").config.steps_trained == 42
    train(3, ckpt_path=tmp_path / "two.ckpt")
    assert load(tmp_path / "model").config.steps_trained == 43


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_it_learns_and_exports_the_average(tiny_model: Model, tmp_path: Path) -> None:
    module = make_training(tiny_model.config, warm_up=5, cool_down=10, rate_peak=3e-3)
    quiet = {"enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False, "logger": False}
    trainer = L.Trainer(
        max_steps=60,
        val_check_interval=60,
        check_val_every_n_epoch=None,
        accelerator="cpu",
        num_sanity_val_steps=0,
        gradient_clip_val=1.0,
        callbacks=[ExportAverage(tmp_path / "model", decay=0.9)],
        **quiet,
    )
    trainer.fit(module, DataLoader(Tones(), 8), DataLoader(torch.utils.data.Subset(Tones(), range(8)), 8))
    assert float(trainer.callback_metrics["valid/mixture-0.5"]) < 0.5, "one would be no better than silence"
    assert float(trainer.callback_metrics["valid/sisdri-piano"]) > 5
    back = load(tmp_path / "model")
    assert back.config == dataclasses.replace(tiny_model.config, steps_trained=60)
    again = make_training(tiny_model.config, start_from=tmp_path / "model")
    for name, value in again.model.state_dict().items():
        torch.testing.assert_close(value, back.state_dict()[name])


def test_a_spectrogram_shows_a_tone_where_it_is() -> None:
    image = picture(torch.sin(2 * torch.pi * 0.125 * torch.arange(8000)))
    assert image.shape[0] == 1
    rows = image[0].mean(1)
    assert abs(rows.argmax().item() - (len(rows) - 1 - 128)) <= 1
    assert image.min() >= 0
    assert image.max() <= 1
