"""AdamW and the course of its learning rate, for every model that is trained here."""

from dataclasses import dataclass
from functools import partial

import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import nn


@dataclass(frozen=True)
class Rates:
    """AdamW with a learning rate that rises to `rate_peak` in `warm_up` steps, stays, and falls to 0 in the last `cool_down`.

    `decay`: weight decay of matrices; `betas`: averages of the gradient and of its square; `fade`: a factor on the rate at each
    step, besides.
    """

    rate_peak: float
    warm_up: int
    cool_down: int
    decay: float
    betas: tuple[float, float]
    fade: float = 1.0

    def optimizers(self, model: nn.Module, total: int) -> OptimizerLRSchedulerConfig:
        """For a model trained for so many steps in all."""
        matrices = [p for p in model.parameters() if p.ndim > 1]
        others = [p for p in model.parameters() if p.ndim <= 1]
        groups = [{"params": matrices, "weight_decay": self.decay}, {"params": others, "weight_decay": 0.0}]
        optimiser = torch.optim.AdamW(groups, lr=self.rate_peak, betas=self.betas)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, partial(self.factor, total=total))
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def factor(self, step: int, total: int) -> float:
        """On `rate_peak`, at one of so many steps."""
        return trapezoid(step, self.warm_up, self.cool_down, total) * self.fade**step


def trapezoid(step: int, warm_up: int, cool_down: int, total: int) -> float:
    """A factor on the learning rate: up linearly, flat, down linearly to zero at `total`."""
    return max(0.0, min(1.0, (step + 1) / max(1, warm_up), (total - step) / max(1, cool_down)))
