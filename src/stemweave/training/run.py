"""`stemweave train`: LightningCLI over our module and data, with the callbacks every run has."""

from collections.abc import Sequence
from typing import Any

import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from stemweave.training.callbacks import ExportAverage, Listen
from stemweave.training.datamodule import StemCrops
from stemweave.training.module import StemTraining
from stemweave.training.text_data import TextedMixtures
from stemweave.training.text_module import TextTraining


class StemCLI(LightningCLI):
    """Adds the sections `average` and `checkpoint` to the YAML."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Sections without class paths: their classes never change."""
        parser.add_lightning_class_args(ExportAverage, "average")
        parser.add_lightning_class_args(ModelCheckpoint, "checkpoint")
        parser.set_defaults({"checkpoint.save_last": True, "checkpoint.every_n_train_steps": 500})


def train(arguments: Sequence[str]) -> None:
    """Run LightningCLI with these arguments (`fit --config recipe.yaml …`; before them, `text` for models of text)."""
    torch.set_float32_matmul_precision("high")
    common: dict[str, Any] = {"seed_everything_default": 0, "save_config_kwargs": {"overwrite": True}}
    if arguments[:1] == ["text"]:
        StemCLI(TextTraining, TextedMixtures, subclass_mode_data=True, args=list(arguments[1:]), **common)
    else:
        StemCLI(StemTraining, StemCrops, args=list(arguments), trainer_defaults={"callbacks": [Listen()]}, **common)
