"""Seconds of one evaluation: the official package's network beside ours with the same weights, and the embedded one.

    python -m bench.evaluations [--quick] [--device cpu] [--repeats 15] [--json docs/benchmarks/evaluations.json]

A result that is there is kept; remove it, or --overwrite, to measure again.
"""

import argparse
import copy
from collections.abc import Iterator
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from bench import machine, official, results
from bench.sidebyside import Contest, Way, contest
from stemweave.adapters import names
from stemweave.diffusion.denoiser import Denoiser
from stemweave.evaluation.protocols.efficiency import bursts_and_tones
from stemweave.model.config import ModelConfig
from stemweave.model.model import Bound, Model
from stemweave.model.precision import pick_device, place
from stemweave.nets.unet1d import MSDM, UNet1d
from stemweave.tasks.studio import load

STEMS, RATE, SHORT = ("bass", "drums", "guitar", "piano"), 22050, 2**15
"""The stems and rate (Hz) of 2302.02257; samples of a quick run."""
SIGMAS = (1e-4, 0.1, 1.0, 20.0)
"""Noise levels at which answers are compared: both ends of the official ranges, and two between."""
WINDOWS = 8
"""Of the embedded network, evaluated together."""
COMPILED = {"compiled": "default", "compiled, CUDA graphs": "reduce-overhead"}
NO_PRODUCTS = "not on this processor: it has no bfloat16 products"


def msdm(device: torch.device) -> tuple[Denoiser | None, Model]:
    """Both full-size networks with the same random weights, which they share: the official one where it is installed, ours."""
    torch.manual_seed(0)
    config = ModelConfig("msdm", STEMS, RATE, official.WINDOW, MSDM, official.SIGMA_DATA)
    if not official.installed():
        return None, Model(config).to(device).eval().requires_grad_(False)
    net = official.unet(MSDM).to(device).eval().requires_grad_(False)
    return official.Preconditioned(net), sharing(config, net)


def sharing(config: ModelConfig, net: nn.Module) -> Model:
    """Our model of a ``UNet1d`` whose weights are the official network's own tensors."""
    with torch.device("meta"):
        model = Model(config)
    (own,) = (part for part in model.modules() if isinstance(part, UNet1d))
    own.load_state_dict(names.ours(own, names.unet1d, net.state_dict(), "the official network"), assign=True)
    return model.eval().requires_grad_(False)


def music(batch: int, stems: int, samples: int, device: torch.device) -> Tensor:
    """Different bursts and tones for every stem. Shape: (batch, stems, 1, samples)."""
    made = [bursts_and_tones(0, samples, RATE, np.random.default_rng(seed))[:1] for seed in range(batch * stems)]
    return torch.from_numpy(np.stack(made)).float().view(batch, stems, 1, samples).to(device)


def ways(model: Model, name: str = "ours") -> Iterator[Way]:
    """A model in float32; in bfloat16 where this device multiplies it; on a GPU also compiled."""
    yield Way(f"{name}, float32", model.prior())
    if not machine.multiplies(model.device, torch.bfloat16):
        yield Way(f"{name}, bfloat16", None, torch.bfloat16, NO_PRODUCTS)
        return
    low = place(copy.deepcopy(model), model.device, torch.bfloat16)
    yield Way(f"{name}, bfloat16", low.prior(), torch.bfloat16)
    if model.device.type == "cuda":
        for how, mode in COMPILED.items():
            fast = cast(Model, torch.compile(low, mode=mode))
            yield Way(f"{name}, bfloat16, {how}", Bound(fast), torch.bfloat16)


def full_size(device: torch.device, samples: int) -> Contest:
    """The network of 2302.02257."""
    theirs, model = msdm(device)
    clean = music(1, len(STEMS), samples, device)
    first = Way("official package, float32", theirs, why_not=official.MISSING)
    note = f"405 million random weights, the same in every row; {len(STEMS)} × {samples} samples; noise levels {SIGMAS}."
    return Contest("One evaluation: MSDM at full size", note, [first, *ways(model)], clean, SIGMAS)


def embedded(model: Model) -> Iterator[Contest]:
    """The network inside the package: one window, and several."""
    config, prior = model.config, model.prior()
    generate = config.settings.generate
    sigmas = (generate.sigma_min, 0.1, 1.0, generate.sigma_max)
    clean = music(WINDOWS, len(config.stems), config.window, model.device)

    def in_turn(x: Tensor, sigma: Tensor, /) -> Tensor:
        return torch.cat([prior(window, sigma) for window in x.split(1)])

    note = f"{len(config.stems)} × {config.window} samples; noise levels {sigmas}."
    title = f"One evaluation: {config.name}"
    yield Contest(f"{title}, one window", note, list(ways(model, "one window")), clean[:1], sigmas)
    several = [Way("one after another, float32", in_turn), *ways(model, "one batch")]
    yield Contest(f"{title}, {WINDOWS} windows", f"{WINDOWS} × {note}", several, clean, sigmas)


def main() -> None:
    """Measure and write."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--device", default="auto", help="cpu, cuda, …")
    asked.add_argument("--repeats", type=int, default=15, help="evaluations of each")
    results.add_options(asked, "evaluations")
    args = asked.parse_args()
    if results.kept(args):
        return
    device = pick_device(args.device)
    contests = [full_size(device, SHORT if args.quick else official.WINDOW)]
    contests += embedded(load(device=str(device), precision="float32").model)
    results.write(args, "evaluations", {"machine": machine.facts(device)}, [contest(what, args.repeats) for what in contests])


if __name__ == "__main__":
    results.run(main)
