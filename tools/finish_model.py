"""From an exported training run to a model that ships: measures its uncertainty and sets its defaults.

    python tools/finish_model.py .work/models/band --valid .work/cache/validation -o src/stemweave/model/pretrained/band

Its card is then written by tools/model_card.py, once before its evaluation and once after.
"""

import argparse
import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from stemweave.data.crops import FixedCrops
from stemweave.data.shards import Cache
from stemweave.model.checkpoint import load, save
from stemweave.model.config import Sampling, Settings
from stemweave.model.model import Model

CHEAP, BEST = ("cheapest", "affordable"), ("best", "best")
"""Kinds of choices of the study, in the order in which they are taken; generation takes the nearest set, not the cheapest."""
LEVELS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 2.0)


def errors(model: Model, crops: FixedCrops, level: float) -> tuple[float, ...]:
    """Mean squared error of each stem at one noise level, by the unconditional prior."""
    total, prior = torch.zeros(len(model.config.stems), dtype=torch.float64), model.prior()
    for index in range(len(crops)):
        clean = crops[index][0].unsqueeze(0)
        noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(index))
        denoised = prior(clean + level * noise, torch.tensor(level))
        total += (denoised - clean).square().mean((0, 2, 3)).double()
    return tuple(float(f"{value:.4g}") for value in total / len(crops))


def studied(settings: Settings, chosen: Mapping[str, Any], kinds: Sequence[str]) -> Settings:
    """The settings with what the study of solvers chose (docs/solvers/chosen.json): of each job, the first kind there is."""
    found = {name.replace("-", "_"): first(choices, kinds) for name, choices in chosen["separation"].items()}
    found |= {job: first(chosen["generation"], kinds[1:]) for job in ("generate", "accompany")}
    return dataclasses.replace(settings, **{name: one for name, one in found.items() if one})


def first(choices: Mapping[str, Any], kinds: Sequence[str]) -> Sampling | None:
    """The sampling of the first of these kinds that was found."""
    return next((Sampling(**choices[kind]["sampling"]) for kind in kinds if choices.get(kind)), None)


def main() -> None:
    """Finish one model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--valid", type=Path, help="cache to measure the uncertainty on")
    parser.add_argument("--trained-on", default="")
    parser.add_argument("--chosen", type=Path, help="what the study of solvers chose: docs/solvers/chosen.json")
    asked = parser.parse_args()
    torch.set_grad_enabled(False)
    model = load(asked.folder)
    changes: dict[str, object] = {}
    if asked.valid:
        crops = FixedCrops(Cache.open(asked.valid), model.config.window, 48)
        changes |= {"error_sigmas": LEVELS, "errors": tuple(errors(model, crops, level) for level in tqdm(LEVELS))}
    if asked.trained_on:
        changes["trained_on"] = asked.trained_on
    if asked.chosen:
        chosen, own = json.loads(asked.chosen.read_text()), model.config.settings
        changes |= {"settings": studied(own, chosen, CHEAP), "best": studied(own, chosen, BEST)}
    model.config = dataclasses.replace(model.config, **changes)  # type: ignore[arg-type]
    save(model, asked.output, overwrite=True)


if __name__ == "__main__":
    main()
