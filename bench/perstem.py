"""What a stem more costs where every stem has a network of its own: random networks of the recipe's size."""

import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median

import torch
import yaml
from torch import Tensor

from bench import machine
from stemweave.diffusion.denoiser import Denoiser
from stemweave.evaluation.reports.tables import Cell, Row, Table
from stemweave.model.config import ModelConfig, build
from stemweave.model.model import Model
from stemweave.model.precision import place
from stemweave.tasks.priors import whole
from stemweave.tasks.separate import SEGMENT_WINDOWS

RECIPE = Path(__file__).parents[1] / "recipes" / "isdm-band.yaml"
SIGMA = torch.tensor(0.1, dtype=torch.float64)


def recipe() -> ModelConfig:
    """The configuration of independent priors."""
    return build(ModelConfig, yaml.safe_load(RECIPE.read_text())["model"]["config"], RECIPE.name)


def first_stems(config: ModelConfig, count: int) -> ModelConfig:
    """The same of the first ``count`` stems alone."""
    return dataclasses.replace(config, stems=config.stems[:count], levels=config.levels[:count])


def table(device: torch.device, dtype: torch.dtype, repeats: int) -> Table:
    """One evaluation of 1, 2, … of the recipe's stems, of one window and of a segment: median seconds, taken in turns."""
    config = recipe()
    torch.manual_seed(0)
    models = [place(Model(first_stems(config, count)).eval(), device, dtype) for count in range(1, len(config.stems) + 1)]
    window, segment = config.window, SEGMENT_WINDOWS * config.window
    short = _seconds([(model.prior(), _silence(model, window)) for model in models], repeats)
    long = _seconds([(whole(model), _silence(model, segment)) for model in models], repeats)
    counts = range(1, len(models) + 1)
    rows = [_row(count, one, other) for count, one, other in zip(counts, short, long, strict=True)]
    lengths = [f"{samples / config.rate:.1f} s" for samples in (window, segment)]
    columns = tuple(f"{length}, {what}" for length in lengths for what in ("s", "s per stem"))
    weights = sum(weight.numel() for weight in models[0].parameters()) / 1e6
    how = f"{str(dtype).removeprefix('torch.')} on {device.type}, median of {repeats}"
    note = f"{config.name}: a network of {weights:.1f} million random weights for each stem; {how}."
    return Table("One evaluation by number of stems, independent priors", columns, tuple(rows), note, digits=3)


def _seconds(work: Sequence[tuple[Denoiser, Tensor]], repeats: int) -> list[float]:
    took: list[list[float]] = [[] for _ in work]
    with torch.no_grad():
        for turn in range(repeats + 1):
            for times, (denoise, x) in zip(took, work, strict=True):
                spent = machine.seconds(partial(denoise, x, SIGMA), x.device)
                times += [spent] if turn else []  # the first turn warms up
    return list(map(median, took))


def _silence(model: Model, samples: int) -> Tensor:
    return torch.zeros(1, len(model.config.stems), model.config.channels, samples, device=model.device)


def _row(count: int, short: float, long: float) -> Row:
    return Row(f"{count} stem{'s' * (count > 1)}", tuple(map(Cell, (short, short / count, long, long / count))))
