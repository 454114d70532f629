"""How busy training is said to be: operations counted, steps timed, and the device's own rate."""

import logging
from pathlib import Path

import lightning as L
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from stemweave.training import busy
from stemweave.training.busy import TIMED, Busy

FIRST, LAST = TIMED[0]
QUIET = {"enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False, "logger": False}


class Products(L.LightningModule):
    """One matrix of 8 by 16, and one of 16 by 4, for batches of 5."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = torch.nn.Linear(8, 16), torch.nn.Linear(16, 4)

    def training_step(self, batch: Tensor, index: int) -> Tensor:
        return self.other(self.one(batch)).square().sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 1e-6)


def trained(steps: int, monkeypatch: pytest.MonkeyPatch) -> Busy:
    """With a clock that goes on by a second at each look, and 1000 matrix products of a million operations a second."""
    clock = iter(range(100))
    monkeypatch.setattr(busy, "now", lambda device: float(next(clock)) + 1)
    monkeypatch.setattr(busy, "matmul_rate", lambda device, kind: 1e-5 if kind is torch.float32 else 0)
    callback = Busy()
    trainer = L.Trainer(max_steps=steps, callbacks=[callback], accelerator="cpu", **QUIET)  # type: ignore[arg-type]
    trainer.fit(Products(), DataLoader(list(torch.randn(1000, 8)), 5))
    return callback


@pytest.mark.filterwarnings("ignore")
def test_operations_over_time_beside_the_devices_rate(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forward, and backward to weights and to what came in, but not to the data."""
    caplog.set_level(logging.INFO)
    assert trained(LAST + 1, monkeypatch).counter.count == 2 * 5 * (2 * 8 * 16 + 3 * 16 * 4)
    rate = 2 * 5 * (2 * 8 * 16 + 3 * 16 * 4) * (LAST - FIRST + 1) / 1e9
    assert f"{rate / 1e-5:.0%} of what matrix products reach here" in caplog.text


@pytest.mark.filterwarnings("ignore")
def test_short_runs_say_nothing(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    caplog.set_level(logging.INFO)
    trained(LAST, monkeypatch)
    assert "matrix products" not in caplog.text


@pytest.mark.filterwarnings("ignore")
def test_it_is_said_again_later_and_by_a_run_that_goes_on(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(busy, "TIMED", ((5, 25), (30, 39)))
    monkeypatch.setattr(busy, "matmul_rate", lambda device, kind: 1.0)
    trainer = L.Trainer(max_steps=40, callbacks=[Busy()], accelerator="cpu", **QUIET)  # type: ignore[arg-type]
    trainer.fit(Products(), DataLoader(list(torch.randn(1000, 8)), 5))
    assert caplog.text.count("of what matrix products reach here") == 2
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    again = L.Trainer(max_steps=70, callbacks=[Busy()], accelerator="cpu", **QUIET)  # type: ignore[arg-type]
    again.fit(Products(), DataLoader(list(torch.randn(1000, 8)), 5), ckpt_path=tmp_path / "last.ckpt", weights_only=False)
    assert caplog.text.count("of what matrix products reach here") == 3
