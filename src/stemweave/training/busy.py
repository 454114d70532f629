"""How busy training keeps the machine: floating-point operations a second in its steps, beside what matrix products reach."""

import time
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities import rank_zero_info
from torch.utils.flop_counter import FlopCounterMode

from stemweave.model.precision import matmul_rate

COUNTED = 2
"""The step whose operations are counted."""

FIRST, LAST = 5, 25
"""The steps that are timed."""


class Busy(Callback):
    """Prints, and logs as `train/busy`, which share of the device's own matrix products a second training reaches.

    Early on, from one batch to the next: waiting for data counts. Operations are those of matrix products, convolutions and
    attention, forward and backward. Nothing for runs of fewer steps.
    """

    def __init__(self) -> None:
        self.counter, self.flops, self.start = FlopCounterMode(display=False), 0, 0.0

    def on_train_batch_start(self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
        """Begin to count, or to time."""
        if batch_idx == COUNTED:
            self.counter.__enter__()
        if batch_idx == FIRST:
            self.start = now(pl_module.device)

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,  # noqa: ARG002
        batch: Any,  # noqa: ARG002
        batch_idx: int,
    ) -> None:
        """End it, and say what came out."""
        if batch_idx == COUNTED:
            self.counter.__exit__(None, None, None)
            self.flops = self.counter.get_total_flops()
        if batch_idx == LAST and self.start:
            seconds = (now(pl_module.device) - self.start) / (LAST - FIRST + 1)
            kind = torch.bfloat16 if str(trainer.precision).startswith("bf16") else torch.float32
            self.say(pl_module, seconds, matmul_rate(pl_module.device, kind))

    def say(self, pl_module: L.LightningModule, seconds: float, peak: float) -> None:
        """Seconds a step, and what matrix products reach here in GFLOP/s."""
        rate = self.flops / seconds / 1e9
        pl_module.log("train/busy", rate / peak)
        rank_zero_info(
            f"{self.flops / 1e9:.0f} GFLOP and {seconds:.2f} s a step: {rate:.0f} GFLOP/s, "
            f"{rate / peak:.0%} of what matrix products reach here ({peak:.0f})"
        )


def now(device: torch.device) -> float:
    """Seconds, when the device has done all that it was asked."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
