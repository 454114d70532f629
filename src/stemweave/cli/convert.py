"""``stemweave convert``: model folders from the files that the papers' authors published."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import torch
import typer
from tqdm import tqdm

from stemweave.adapters import msdm as published
from stemweave.adapters.containers import work
from stemweave.cli.app import complain
from stemweave.errors import OutputError, UsageError
from stemweave.model.checkpoint import CONFIG, save
from stemweave.model.config import ModelConfig

app = typer.Typer(help="Make models from the papers' published files.", no_args_is_help=True)

Output = Annotated[Path, typer.Option("-o", "--output", help="Folder of the model; its name is the model's name.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the model that is there.")]


@app.callback()
def convert() -> None:
    """Make models from the papers' published files. Nothing that such a file holds is executed."""


@app.command()
def msdm(
    file: Annotated[Path, typer.Argument(help="The .ckpt file of msdm.tar to convert.", show_default=False)],
    output: Output,
    overwrite: Overwrite = False,
) -> None:
    """The joint model of 2302.02257: bass, drums, guitar and piano."""
    _write(published.MSDM, [file], output, overwrite)


@app.command()
def isdm(
    files: Annotated[
        list[str],
        typer.Argument(
            help="The four .ckpt files of weakly-msdm.tar: bass, drums, guitar, piano in this order, or NAME=FILE each.",
            show_default=False,
        ),
    ],
    output: Output,
    overwrite: Overwrite = False,
) -> None:
    """The one-stem models of 2302.02257, as one model that hears each stem alone."""
    _write(published.ISDM, by_stem(files, published.ISDM.stems), output, overwrite)


def by_stem(texts: Sequence[str], stems: Sequence[str]) -> list[Path]:
    """One file for each stem, in the stems' order, from files in that order or ``bass=FILE``.

    Raises UsageError where there are too few or too many, or it is not plain which is which.
    """
    named = {stem: path for stem, _, path in (text.partition("=") for text in texts) if stem in stems}
    for text in texts:
        if (stem := text.partition("=")[0]) in stems and Path(text).exists():
            raise UsageError(f"{text} may be a file of that name or a file for {stem}: write ./{text} or {stem}=./FILE")
    if len(texts) == len(stems) and not named:
        return [Path(text) for text in texts]
    if len(texts) == len(stems) == len(named) and all(named.values()):
        return [Path(named[stem]) for stem in stems]
    asked = f"expected one file for each of {', '.join(stems)}, in this order or each as NAME=FILE"
    raise UsageError(f"got {' '.join(texts)}; {asked}, such as {stems[0]}={stems[0]}.ckpt")


def _free(output: Path, overwrite: bool, files: Sequence[Path]) -> None:
    """Raises OutputError unless `output` is free, or holds a model that may be replaced, and none of the files lies in it."""
    if inside := next((path for path in files if path.resolve().is_relative_to(output.resolve())), None):
        raise OutputError(f"{output} is where {inside.name} lies: use another --output")
    if output.exists() and not overwrite:
        raise OutputError(f"{output} exists already: use --overwrite or another --output")
    if output.exists() and not (output / CONFIG).is_file():
        raise OutputError(f"{output} exists and is no model: use another --output")


def _write(config: ModelConfig, files: Sequence[Path], output: Path, overwrite: bool) -> None:
    _free(output, overwrite, files)
    config = replace(config, name=output.absolute().name)
    sizes = sum(map(work, files))
    with tqdm(desc="reading", total=sizes, unit="B", unit_scale=True, file=sys.stderr, delay=1.0) as bar:
        model = published.convert(config, files, bar.update)
        bar.update(sizes - bar.n)  # archives hold a little that is not read
    complain(f"writing {output}")
    save(model, output, overwrite=overwrite, precision=torch.float32)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    typer.echo(f"{output}: {', '.join(config.stems)} at {config.rate} Hz, {parameters} parameters")
