"""How busy training keeps the machine: floating-point operations a second in its steps, beside what matrix products reach."""

import time
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities import rank_zero_info
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from stemweave.model.precision import matmul_rate

COUNTED = 2
"""The batch of a run whose operations are counted."""

TIMED = ((5, 25), (200, 400))
"""The first and last of a run's batches that are timed: early on, and again when what loaders had prepared is used up."""


class Operations(TorchDispatchMode):
    """Counts floating-point operations of all that torch does within it, as far as torch knows how many they are."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), named: Any = None) -> Any:
        """Does it, and counts."""
        named = named or {}
        found = function(*arguments, **named)
        if operations := flop_registry.get(function._overloadpacket):
            self.count += operations(*arguments, **named, out_val=found)
        return found


class Busy(Callback):
    """Prints, and logs as `train/busy`, which share of the device's own matrix products a second training reaches.

    From one batch to the next: waiting for data counts. Operations are those of matrix products, convolutions and attention,
    forward and backward. Nothing for runs of fewer steps.
    """

    def __init__(self) -> None:
        self.counter, self.batch, self.start = Operations(), -1, 0.0

    def on_train_batch_start(self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
        """Begin to count, or to time."""
        self.batch += 1  # of this run, also of one that goes on
        if self.batch == COUNTED:
            self.counter.__enter__()  # type: ignore[no-untyped-call]
        if self.batch in dict(TIMED):
            self.start = now(pl_module.device)

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,  # noqa: ARG002
        batch: Any,  # noqa: ARG002
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """End it, and say what came out."""
        if self.batch == COUNTED:
            self.counter.__exit__(None, None, None)  # type: ignore[no-untyped-call]
        for first, last in TIMED:
            if self.batch == last:
                seconds = (now(pl_module.device) - self.start) / (last - first + 1)
                kind = torch.bfloat16 if str(trainer.precision).startswith("bf16") else torch.float32
                self.say(pl_module, seconds, matmul_rate(pl_module.device, kind))

    def say(self, pl_module: L.LightningModule, seconds: float, peak: float) -> None:
        """Seconds a step, and what matrix products reach here in GFLOP/s."""
        rate = self.counter.count / seconds / 1e9
        pl_module.log("train/busy", rate / peak)
        rank_zero_info(
            f"{self.counter.count / 1e9:.0f} GFLOP and {seconds:.2f} s a step: {rate:.0f} GFLOP/s, "
            f"{rate / peak:.0%} of what matrix products reach here ({peak:.0f})"
        )


def now(device: torch.device) -> float:
    """Seconds, when the device has done all that it was asked."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
