"""What to compare with: the U-Net of audio-diffusion-pytorch 0.0.43, and the separation loop of 2302.02257.

The U-Net is that package's own; it is there for tests and benchmarks alone, and where it is missing its rows are left out. The
loop is written anew from its description, with its costs: noise levels in a tensor on the device, `math.sqrt` of them at every
step, one window at a time.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from stemweave.diffusion.denoiser import Denoiser
from stemweave.model.model import Model
from stemweave.nets.unet1d import UNet1dConfig
from stemweave.tasks.separate import loudness_gain
from stemweave.tasks.song import Clip

WINDOW, SIGMA_DATA = 2**18, 0.2
"""Samples that the official code separates at a time; what its networks take for the stems' standard deviation."""
MISSING = "audio-diffusion-pytorch 0.0.43 is not installed"


def installed() -> bool:
    """Whether the official package is here."""
    try:
        import audio_diffusion_pytorch  # noqa: F401
    except ImportError:
        return False
    return True


def unet(config: UNet1dConfig) -> nn.Module:
    """The official U-Net of this shape, with random weights. Raises ImportError where the package is missing."""
    from audio_diffusion_pytorch import UNet1d

    net: nn.Module = UNet1d(
        in_channels=config.inputs,
        channels=config.width,
        patch_blocks=1,
        patch_factor=config.patch,
        multipliers=list(config.multipliers),
        factors=list(config.factors),
        num_blocks=list(config.blocks),
        attentions=list(config.attention),
        attention_heads=config.heads,
        attention_features=config.head_width,
        attention_multiplier=2,
        resnet_groups=config.groups,
        kernel_multiplier_downsample=2,
        kernel_sizes_init=[1, 3, 7],
        use_nearest_upsample=False,
        use_skip_scale=True,
        use_attention_bottleneck=True,
        use_context_time=True,
    )
    return net


@dataclass(frozen=True)
class Preconditioned:
    """D of an official U-Net by its formulas (2206.00364 eq. 7), stems stacked as channels; without its clamp."""

    net: nn.Module
    sigma_data: float = SIGMA_DATA

    def __call__(self, x: Tensor, sigma: Tensor, /) -> Tensor:
        """Shape: (batch, stems, channels, samples) → the same."""
        sigmas = torch.full(x.shape[:1], float(sigma), device=x.device)
        each = sigmas[:, None, None]
        total = each**2 + self.sigma_data**2
        stacked = x.flatten(1, 2)
        answer: Tensor = self.net(total**-0.5 * stacked, torch.log(sigmas) * 0.25)
        return (self.sigma_data**2 / total * stacked + each * self.sigma_data * total**-0.5 * answer).view_as(x)


@dataclass(frozen=True)
class Settings:
    """How the release separates with its Dirac likelihood."""

    steps: int = 150
    sigma_max: float = 1.0
    sigma_min: float = 1e-4
    rho: float = 7.0
    churn: float = 20.0
    resamples: int = 2
    anchor: str = "bass"

    @property
    def evaluations(self) -> int:
        """Of the network, for one window."""
        return self.steps * self.resamples

    def sigmas(self, device: torch.device) -> Tensor:
        """Noise levels, then 0, on the device. Shape: (steps + 1,)."""
        ramp = torch.arange(self.steps, device=device, dtype=torch.float32) / (self.steps - 1)
        high, low = self.sigma_max ** (1 / self.rho), self.sigma_min ** (1 / self.rho)
        return nn.functional.pad((high + ramp * (low - high)) ** self.rho, (0, 1))


RELEASE = Settings()


def dirac_loop(
    denoise: Denoiser, mixture: Tensor, start: Tensor, sigmas: Tensor, anchor: int, churn: float, resamples: int,
    draw: Callable[[Tensor], Tensor] = torch.randn_like,
) -> Tensor:  # fmt: skip
    """The official loop: the anchor's sound is put back before each evaluation, and is left one step behind at the end.

    `draw` gives noise like a tensor. Shapes: mixture (batch, 1, channels, samples), start (batch, stems, channels, samples),
    sigmas (steps + 1,) → (batch, stems, channels, samples).
    """
    steps, x = len(sigmas) - 1, sigmas[0] * start
    gamma = min(churn / steps, math.sqrt(2) - 1)
    for i in range(steps):
        sigma, target = sigmas[i], sigmas[i + 1]
        for again in reversed(range(resamples)):
            hot = sigma * (gamma + 1)
            x = x + math.sqrt(hot**2 - sigma**2) * draw(x)
            slope = _dirac_slope(denoise, x, hot, mixture, anchor)
            x = x + (target - hot) * slope
            if again:
                x = x + math.sqrt(sigma**2 - target**2) * draw(x)
    return x


def _dirac_slope(denoise: Denoiser, x: Tensor, sigma: Tensor, mixture: Tensor, anchor: int) -> Tensor:
    """The prior's slopes less the anchor's, whose sound in `x` is first made what the others leave of the mixture."""
    x[:, [anchor]] = mixture - (x.sum(1, keepdim=True) - x[:, [anchor]])
    slopes = (x - denoise(x, sigma)) / sigma
    return slopes - slopes[:, [anchor]]


def estimator(model: Model, settings: Settings) -> Callable[[Tensor, int, int], Mapping[str, Tensor]]:
    """The official separation with a model's unconditional prior in place of the official network, as an `Estimator`.

    References must be at the model's rate; windows of `WINDOW` samples one after another, what is left at the end being
    separated as a shorter one (the official code drops it). The level is the one that the model wants.
    """
    prior, anchor = model.prior(), model.config.stems.index(settings.anchor)

    def denoise(x: Tensor, sigma: Tensor, /) -> Tensor:
        return prior(x, sigma).clamp(-1.0, 1.0)

    loop = partial(
        dirac_loop, denoise, sigmas=settings.sigmas(model.device), anchor=anchor, churn=settings.churn,
        resamples=settings.resamples,
    )  # fmt: skip

    def separate(references: Tensor, rate: int, seed: int) -> dict[str, Tensor]:
        assert rate == model.config.rate, (rate, model.config.rate)
        torch.manual_seed(seed)
        song = references.sum(0)
        gain = loudness_gain(model, Clip(song, rate))
        cut = (gain * song).to(model.device).split(WINDOW, -1)
        with torch.no_grad():
            parts = [loop(part[None, None], start=_noise(model, part)) for part in cut]
        return {"direct": torch.cat(parts, -1)[0].cpu() / gain}

    return separate


def _noise(model: Model, part: Tensor) -> Tensor:
    return torch.randn((1, len(model.config.stems), *part.shape), device=model.device)
