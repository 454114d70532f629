"""``stemweave evaluate sources``: takes by the number of stems that were asked for."""

import json
from pathlib import Path
from typing import Annotated

import typer

from stemweave.audio.stems import Stems
from stemweave.cli import measuring, options
from stemweave.cli.manifest import MANIFEST
from stemweave.cli.values import stem_names
from stemweave.errors import DataError, UsageError
from stemweave.evaluation.protocols.sources import Take, scaling
from stemweave.evaluation.reports import report as reports


def sources(
    folders: Annotated[
        list[Path],
        typer.Argument(help="Folders of takes, as generate writes them: one for each choice of stems.", show_default=False),
    ],
    unpitched: Annotated[
        str, typer.Option("--unpitched", help="Stems without harmony, such as drums,brushed-drums.")
    ] = "drums",
    seed: measuring.Seed = 0,
    json_file: measuring.JsonFile = None,
    overwrite: options.Overwrite = False,
) -> None:
    """Compare takes of different numbers of stems: time, silence, whether the stems belong together, and the mix's level."""
    (first,) = measuring.seeds(seed, 1)
    noisy = stem_names(unpitched, "--unpitched") or ()
    names = [folder.resolve().name for folder in folders]
    if repeated := [name for name in names if names.count(name) > 1]:
        raise UsageError(f"several folders are called {repeated[0]!r}: give each a name of its own")
    reports.free(json_file, overwrite)
    groups = {name: takes(folder) for name, folder in zip(names, folders, strict=True)}
    found = scaling(groups, noisy, first)
    told = {"takes": {name: len(group) for name, group in groups.items()}, "unpitched": list(noisy), "seed": first}
    measuring.deliver("sources", told, [found], json_file)


def takes(folder: Path) -> list[Take]:
    """All takes below a folder, in the order of their names; raises DataError where there are none, or one is damaged."""
    manifests = sorted(folder.rglob(MANIFEST))
    if not manifests:
        raise DataError(f"{folder} holds no takes, expected what `stemweave generate -o` writes")
    return [Take(Stems.read(path.parent), _took(path)) for path in manifests]


def _took(manifest: Path) -> float:
    try:
        return float(json.loads(manifest.read_text(encoding="utf-8"))["timings"]["seconds"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{manifest} does not say how long the take took ({error!r}): make it again") from error
