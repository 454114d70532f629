"""``stemweave evaluate compare``: two reports of separation on the same songs."""

from pathlib import Path
from typing import Annotated, Any

import typer

from stemweave.cli import measuring, options
from stemweave.errors import UsageError
from stemweave.evaluation.protocols.versus import scored, table
from stemweave.evaluation.reports import report as reports
from stemweave.evaluation.reports.kinds import read

HOW = ("model", "likelihood", "anchor", "sampling", "seeds")
"""What a report says of the separation that it measured."""


def compare(
    first: Annotated[Path, typer.Argument(help="What evaluate separation --json wrote: the one to beat.", show_default=False)],
    second: Annotated[Path, typer.Argument(help="The same of another model or setting, same songs.", show_default=False)],
    row: Annotated[str, typer.Option("--row", help="The row of both reports to compare, such as direct.")] = "masked",
    json_file: measuring.JsonFile = None,
    overwrite: options.Overwrite = False,
) -> None:
    """Compare two separations of the same songs, song by song: is the second better than the first, for which stems?"""
    if first.resolve() == second.resolve():
        raise UsageError(f"{first} is given twice, expected two reports to compare")
    reports.free(json_file, overwrite)
    names = [path.stem if first.stem != second.stem else str(path) for path in (first, second)]
    found = {name: read(path) for name, path in zip(names, (first, second), strict=True)}
    one, other = (scored(name, report, row) for name, report in found.items())
    compared = table(one, other)
    how: dict[str, Any] = {name: {key: report.get(key) for key in HOW} for name, report in found.items()}
    measuring.deliver("comparison", {"data": one.data, "row": row, "compared": how}, [compared], json_file)
