"""From an exported training run to a model that ships: measures its uncertainty, sets its defaults, writes its card.

    python tools/finish_model.py .work/models/band --valid .work/cache/validation -o src/stemweave/model/pretrained/band

The card's figures come from docs/results/separation-test-a.json where that is of this model; run again with --card-only
when it is new.
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
from stemweave.model.checkpoint import CARD, load, read_config, save
from stemweave.model.config import Sampling, Settings
from stemweave.model.model import Model
from stemweave.tasks.likelihoods import own_likelihood, own_sampling

ROOT = Path(__file__).parents[1]
CHEAP, BEST = ("cheapest", "affordable"), ("best", "best")
"""Kinds of choices of the study, in the order in which they are taken; generation takes the nearest set, not the cheapest."""
LEVELS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 2.0)

CARD_TEXT = """---
library_name: stemweave
license: {licence}
pipeline_tag: audio-to-audio
tags: [music, source-separation, diffusion, stems]
---

# {name}

One diffusion model over {stems} at {rate} Hz, mono (arXiv 2302.02257, with learned conditioning). It separates songs into these
stems, plays along to any of them, and invents all of them. {millions:.1f} million parameters, bfloat16 on disk.

- **Trained on** {trained_on}.
- **Recipe**: `recipes/{name}.yaml`, {steps} steps. {hardware}
- **Licence**: {licence}. The songs were rendered with the FluidR3 fonts (MIT) and our own synthesis; no recordings.
- **Defaults**: separation {separate}; generation {generate}.

## Figures

{figures}

Songs of our own rendered band; not comparable with results on Slakh2100 or MUSDB18.

## What it cannot do

It knows no vocals, strings, winds or other instruments: they end up in one of its stems. Real recordings sound unlike its
training songs. What it invents and plays along is texture more than music yet: each stem's colour and pulses, no tunes.
"""


def errors(model: Model, crops: FixedCrops, level: float) -> tuple[float, ...]:
    """Mean squared error of each stem at one noise level, by the unconditional prior."""
    total, prior = torch.zeros(len(model.config.stems), dtype=torch.float64), model.prior()
    for index in range(len(crops)):
        clean = crops[index][0].unsqueeze(0)
        noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(index))
        denoised = prior(clean + level * noise, torch.tensor(level))
        total += (denoised - clean).square().mean((0, 2, 3)).double()
    return tuple(float(f"{value:.4g}") for value in total / len(crops))


def figures(name: str) -> str:
    """The separation table of the card."""
    path = ROOT / "docs" / "results" / "separation-test-a.json"
    found = json.loads(path.read_text()) if path.exists() else {"model": {"name": ""}}
    if found["model"]["name"] != name:
        return "Not measured yet."
    lines = [
        f"| active-only SI-SDRi, dB, test-a | {' | '.join(found['stems'])} | mean |",
        "|---" * (len(found["stems"]) + 2) + "|",
    ]
    for row in ("direct", "masked", "oracle"):
        cells = found["rows"][row]["metrics"]["si_sdri"].values()
        lines.append(f"| {row} | " + " | ".join(f"{c['value']:.1f} [{c['low']:.1f}, {c['high']:.1f}]" for c in cells) + " |")
    return "\n".join([*lines, "", f"{found['songs']} songs, {found['seconds'] / 60:.0f} minutes, 95 % intervals by song."])


def card(model: Model, hardware: str) -> str:
    """README.md of the model folder."""
    config = model.config
    settings = {
        "separate": own_sampling(config.settings, own_likelihood(config.settings)),
        "generate": config.settings.generate,
    }
    shown = {kind: f"{s.steps} × {s.solver}, σ {s.sigma_max:g} → {s.sigma_min:g}" for kind, s in settings.items()}
    return CARD_TEXT.format(
        name=config.name, stems=", ".join(config.stems), rate=config.rate, licence=config.licence, trained_on=config.trained_on,
        steps=config.steps_trained, hardware=hardware, figures=figures(config.name), **shown,
        millions=sum(p.numel() for p in model.parameters()) / 1e6,
    )  # fmt: skip


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
    parser.add_argument("--hardware", default="")
    parser.add_argument("--chosen", type=Path, help="what the study of solvers chose: docs/solvers/chosen.json")
    parser.add_argument("--card-only", action="store_true")
    asked = parser.parse_args()
    torch.set_grad_enabled(False)
    if asked.card_only:
        (asked.output / CARD).write_text(card(Model(read_config(asked.output)), asked.hardware))
        return
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
    save(model, asked.output, card(model, asked.hardware), overwrite=True)


if __name__ == "__main__":
    main()
