"""``stemweave convert``: model folders from the files that the papers' authors published."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import torch
import typer
from tqdm import tqdm

from stemweave.adapters import msdm as waves
from stemweave.adapters import msldm as latents
from stemweave.adapters.containers import Watch, work
from stemweave.cli.app import complain
from stemweave.errors import OutputError, UsageError
from stemweave.model.checkpoint import CONFIG, save
from stemweave.model.codec import Codec
from stemweave.model.model import Model

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
    config = replace(waves.MSDM, name=_name(output))
    _write(lambda watch: waves.convert(config, [file], watch), [file], output, overwrite)


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
    config = replace(waves.ISDM, name=_name(output))
    paths = by_stem(files, config.stems)
    _write(lambda watch: waves.convert(config, paths, watch), paths, output, overwrite)


@app.command()
def msldm(
    file: Annotated[Path, typer.Argument(help="msldm.ckpt or msldm_large.ckpt.", show_default=False)],
    codec: Annotated[Path, typer.Argument(help="sourcevae_ckpt, or the folder it was converted to.", show_default=False)],
    output: Output,
    overwrite: Overwrite = False,
) -> None:
    """A model of 2409.06190 with its codec: bass, drums, guitar and piano, generated and accompanied as latents."""
    if file.is_dir() and codec.is_file():
        raise UsageError(f"{file} is a folder: expected the network's file first, then the codec")
    sizes = [replace(size, name=_name(output)) for size in (latents.MSLDM, latents.MSLDM_LARGE)]

    def make(watch: Watch) -> Model:
        return latents.convert(file, latents.codec_of(codec, latents.SOURCE_VAE, watch), sizes, watch)

    _write(make, [file, codec], output, overwrite)


@app.command()
def sourcevae(
    file: Annotated[Path, typer.Argument(help="sourcevae_ckpt.", show_default=False)],
    output: Output,
    overwrite: Overwrite = False,
) -> None:
    """The codec of 2409.06190 alone, to be used by models and measured by `evaluate codec`."""
    config = replace(latents.SOURCE_VAE, name=_name(output))
    _write(lambda watch: latents.convert_codec(file, config, watch), [file], output, overwrite)


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


def _name(output: Path) -> str:
    return output.absolute().name


def _write(make: Callable[[Watch], Model | Codec], sources: Sequence[Path], output: Path, overwrite: bool) -> None:
    """Make a model or codec from files, or from folders made of them, and write it."""
    _free(output, overwrite, sources)
    sizes = sum(work(path) for path in sources if not (path / CONFIG).is_file())
    with tqdm(desc="reading", total=sizes, unit="B", unit_scale=True, file=sys.stderr, delay=1.0) as bar:
        made = make(bar.update)
        bar.update(sizes - bar.n)  # archives hold a little that is not read
    complain(f"writing {output}")
    save(made, output, overwrite=overwrite, precision=torch.float32)
    parameters = sum(parameter.numel() for parameter in made.parameters())
    typer.echo(f"{output}: {_contents(made)} at {made.config.rate} Hz, {parameters} parameters")


def _contents(made: Model | Codec) -> str:
    if isinstance(made, Codec):
        return f"{made.channels} latents for every {made.hop} samples"
    return ", ".join(made.config.stems)
