"""`stemweave train`: fit a model by a recipe."""

import typer

from stemweave.errors import MissingExtra

SETTINGS = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def train(context: typer.Context) -> None:
    """Train a model or a codec: stemweave train fit --config recipes/band.yaml (LightningCLI).

    `train fit --config RECIPE --help` lists every setting of what a recipe trains.
    """
    try:
        from stemweave.training.run import train as run
    except ImportError as error:
        raise MissingExtra(f"training needs the extra 'train' (pip install 'stemweave[train]'): {error}") from error
    run(context.args or ["--help"])
