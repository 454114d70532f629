"""``stemweave evaluate drift``: how long pieces keep themselves."""

from pathlib import Path
from typing import Annotated

import typer

from stemweave.cli import measuring, options
from stemweave.cli.values import stem_names
from stemweave.evaluation.protocols.drift import courses, tables
from stemweave.evaluation.reports import report as reports


def drift(
    made: Annotated[Path, typer.Option("--made", help="A folder of long pieces as stems, generated or real.")],
    split: measuring.Split = "",
    songs: measuring.Songs = None,
    stems: Annotated[str, typer.Option("--stems", help="The stems to hear.")] = "bass,drums,guitar,piano",
    seconds: Annotated[float, typer.Option("--seconds", help="Length of the blocks that are compared with the first.")] = 60.0,
    seam: Annotated[
        float | None,
        typer.Option("--seam", help="Seconds from one seam of the model's windows to the next. (default: not looked at)"),
    ] = None,
    json_file: measuring.JsonFile = None,
    overwrite: options.Overwrite = False,
) -> None:
    """Follow long pieces: do they keep their key, tempo and level, and are the seams of their windows heard?"""
    names = stem_names(stems, "--stems") or ()
    measuring.above_zero("--seconds", seconds)
    if seam is not None:
        measuring.above_zero("--seam", seam)
    reports.free(json_file, overwrite)
    pieces = measuring.corpus(made, split, songs, names)
    about = {"made": measuring.about_songs(pieces, names), "stems": list(names), "seconds": seconds, "seam": seam}
    found = list(measuring.watched(courses(pieces, names, seconds, seam), len(pieces)))
    measuring.deliver("drift", about, tables(found, names, seconds, seam), json_file)
