"""`stemweave train`: LightningCLI over what a recipe describes and its data, with the callbacks every run has."""

import warnings
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import torch
import yaml
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from stemweave.model.codec import CodecConfig
from stemweave.model.config import fits
from stemweave.model.precision import pick_device, pick_precision
from stemweave.training.busy import Busy
from stemweave.training.callbacks import ExportAverage, Listen
from stemweave.training.codec_module import CodecTraining
from stemweave.training.datamodule import StemCrops
from stemweave.training.module import StemTraining
from stemweave.training.text_module import TextTraining


class StemCLI(LightningCLI):
    """Trains by recipes, and adds the sections `average` and `checkpoint` to them.

    What trains follows from the configuration in a recipe's `model`; `data` are those of its class path, or `StemCrops`.
    """

    def __init__(self, arguments: Sequence[str], **settings: Any) -> None:
        recipes = read(arguments)
        named = said(recipes, "data", "class_path") is not None
        data = L.LightningDataModule if named else StemCrops
        model = kind(said(recipes, "model", "config"))
        super().__init__(model, data, subclass_mode_data=named, args=list(arguments), **settings)

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """What its modules and data can do."""
        return {name: LightningCLI.subcommands()[name] for name in ("fit", "validate")}

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Sections without class paths: their classes never change."""
        parser.add_lightning_class_args(ExportAverage, "average")
        parser.add_lightning_class_args(ModelCheckpoint, "checkpoint")
        kept = {"save_last": True, "every_n_train_steps": 500, "enable_version_counter": False}  # last.ckpt is the last
        parser.set_defaults({f"checkpoint.{name}": value for name, value in kept.items()})


def train(arguments: Sequence[str]) -> None:
    """Run LightningCLI with these arguments (`fit --config recipe.yaml …`)."""
    torch.set_float32_matmul_precision("high")
    usual = {"callbacks": [Listen(), Busy()], "precision": precision(pick_device())}
    warnings.filterwarnings("ignore", "LightningCLI's args parameter is intended to run from within Python")
    StemCLI(
        arguments,
        seed_everything_default=0,
        save_config_kwargs={"overwrite": True},
        trainer_defaults=usual,
        parser_kwargs={"prog": "stemweave train"},
    )


def precision(device: torch.device) -> str:
    """What recipes that name no precision train in there, as Lightning calls it: mixed where bfloat16 is fast."""
    return "bf16-mixed" if pick_precision(device) is torch.bfloat16 else "32-true"


def kind(config: object) -> type[L.LightningModule]:
    """What trains a model or a codec of this configuration, as it stands in a recipe."""
    if not isinstance(config, Mapping):
        return StemTraining
    if config.get("text"):
        return TextTraining
    return CodecTraining if fits(CodecConfig, config) else StemTraining


def read(arguments: Sequence[str]) -> list[object]:
    """The recipes among these arguments; without those that cannot be read, of which LightningCLI then speaks."""
    parser, recipes = ArgumentParser(add_help=False, allow_abbrev=False), []
    parser.add_argument("--config", "-c", type=Path, action="append", default=[])
    for path in parser.parse_known_args(arguments)[0].config:
        try:
            recipes.append(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, yaml.YAMLError):
            continue
    return recipes


def said(recipes: Sequence[object], *keys: str) -> object:
    """What the last recipe that says anything there says under these keys; else None."""
    for recipe in reversed(recipes):
        found = recipe
        for key in keys:
            found = found.get(key) if isinstance(found, Mapping) else None
        if found is not None:
            return found
    return None
