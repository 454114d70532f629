"""Several models of the same stems as one: the product of their priors."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from stemweave.errors import ModelError
from stemweave.model.config import ModelConfig
from stemweave.model.model import Model


class Blend(Model):
    """The mean of the denoisers: `algebra.Product` of equal weights that sum to 1. Ours; not in the paper.

    Its configuration is the first's (rate in Hz, sampling, levels, measured errors), called such as "joint*independent"; stems
    or a mixture can be given where all of the models hear them. It has no folder: keep those of its models.
    Raises ModelError for models of different stems, rates, channels, windows or levels of songs, and for models of latents.
    """

    def __init__(self, first: Model, *others: Model) -> None:
        nn.Module.__init__(self)
        self.models = nn.ModuleList([first, *others])
        self.config = common([first.config, *(model.config for model in others)])
        self.codec = first.codec

    def forward(self, x: Tensor, sigma: Tensor, mixture: Tensor, mixed: Tensor) -> Tensor:
        """The mean of what the models make of it. Shapes as `Model.forward`."""
        return torch.stack([model(x, sigma, mixture, mixed) for model in self.models]).mean(0)


def common(configs: Sequence[ModelConfig]) -> ModelConfig:
    """The first's, but at home with what all are at home with, and conditioned only where all are. Raises as `Blend` says."""
    first, name = configs[0], "*".join(config.name for config in configs)
    for config in configs:
        if config.codec:
            raise ModelError(f"{name}: {config.name} works on latents of codec {config.codec.name}; blend models of sound")
        for what, value in sound(config).items():
            if value != (other := sound(first)[what]):
                told = f"{what} ({first.name}: {other}; {config.name}: {value})"
                raise ModelError(f"{name} differ in {told}: blend models of the same {', '.join(sound(first))}")
    longest = max(configs, key=lambda config: config.shortest)
    span, joint = min(config.span for config in configs), all(config.joint for config in configs)
    return replace(first, name=name, net=longest.net, span=span, joint=joint)


def sound(config: ModelConfig) -> dict[str, str]:
    """What blended models must agree on, in words."""
    return {
        "stems": ", ".join(config.stems),
        "rate": f"{config.rate} Hz",
        "channels": f"{config.channels}",
        "window": f"{config.window} samples",
        "level of songs": f"{config.mixture_level:g} RMS" if config.mixture_level else "their own",
    }
