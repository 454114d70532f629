"""Pages of ``stemweave evaluate``: ``report`` shows figures, ``listen`` asks people, ``ratings`` reads what they said."""

import json
import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from stemweave.audio.files import arriving, refuse_existing
from stemweave.audio.formats import FLAC16, OGG, Encoding
from stemweave.cli import options
from stemweave.cli.app import complain
from stemweave.cli.values import one_of
from stemweave.errors import OutputError, UsageError
from stemweave.evaluation.reports import listening, page
from stemweave.evaluation.reports.clips import Room, matched, scenes, unclipped
from stemweave.evaluation.reports.kinds import read, tables_of
from stemweave.evaluation.reports.markdown import page as markdown_page
from stemweave.evaluation.reports.ratings import flagged, ratings_report, read_ratings
from stemweave.evaluation.reports.report import Report, free, write
from stemweave.evaluation.reports.tables import markdown
from stemweave.tasks.song import checked_seed

ENCODINGS: Mapping[str, Encoding] = {"ogg": OGG, "flac": FLAC16}
KEY = "key.json"

Layout = Callable[[Mapping[str, Report], Mapping[str, Path], Room], str]
"""(reports by name, the folder each lies in, the space for sound) → the page's text."""

Page = Annotated[Path, typer.Option("-o", "--output", help="The page to write, such as report.html.")]
Format = Annotated[str, typer.Option("--format", help="How sound is packed into the page: ogg is small, flac is exact.")]
Limit = Annotated[float, typer.Option("--limit", help="The most sound that the page may hold, in MB.")]


def report(
    reports: Annotated[
        list[Path], typer.Argument(help="Reports, as --json of the other commands writes them.", show_default=False)
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The page to write: report.html, or report.md in Markdown.")],
    overwrite: options.Overwrite = False,
    file_format: Format = "ogg",
    limit: Limit = 100.0,
) -> None:
    """Show reports in one page: in HTML to open in a browser, or in Markdown.

    HTML has tables, plots, and players where a report names sounds, in a single file that needs no network, so that it can
    be sent or kept as it is. Markdown has the tables. The same reports give the same page.
    """
    layout, room = _layout(output), _room(file_format, limit)
    names = _names(_titles(reports), "reports")
    refuse_existing(output, overwrite)
    shown = dict(zip(names, map(read, reports), strict=True))
    folders = {name: path.parent for name, path in zip(names, reports, strict=True)}
    text = layout(shown, folders, room)
    with arriving(output, overwrite=overwrite) as scratch:
        scratch.write_text(text, encoding="utf-8")
    typer.echo(f"{output}: {', '.join(names)}")


def listen(
    systems: Annotated[
        list[Path],
        typer.Argument(help="A folder of clips per system; a clip has the same name in every folder.", show_default=False),
    ],
    real: Annotated[Path, typer.Option("--real", help="The same clips as musicians played them: the hidden upper anchor.")],
    shuffled: Annotated[
        Path, typer.Option("--shuffled", help="The same clips with stems of different songs: the hidden lower anchor.")
    ],
    output: Page,
    overwrite: options.Overwrite = False,
    question: Annotated[str, typer.Option("--question", help="What listeners are asked about each clip.")] = listening.QUESTION,
    keep_levels: Annotated[
        bool, typer.Option("--keep-levels", help="Play clips as loud as they are, instead of equally loud.")
    ] = False,
    file_format: Format = "flac",
    limit: Limit = 200.0,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Draws the order of clips and systems. (default: drawn, and noted)")
    ] = None,
) -> None:
    """Make a blind listening test: one page to send to listeners, who rate clips without knowing what made them.

    What is behind each clip is written to key.json beside the page: keep it from the listeners. Each of them sends
    back a CSV file; `stemweave evaluate ratings` reads them all.
    """
    room, drawn = _room(file_format, limit), checked_seed(seed)
    folders = dict(zip(_names([folder.resolve().name for folder in systems], "systems"), systems, strict=True))
    if anchors := {listening.REAL, listening.SHUFFLED} & folders.keys():
        raise UsageError(f"a system's folder is called {min(anchors)}: give it as --{min(anchors)}, or rename it")
    secret = _free_key(output, overwrite)
    made = listening.trials({**folders, listening.REAL: real, listening.SHUFFLED: shuffled}, drawn)
    text = listening.page(made, room, question, unclipped if keep_levels else matched)
    codes = json.dumps(listening.key(made, drawn), indent=1) + "\n"
    with arriving(secret, overwrite=overwrite) as key, arriving(output, overwrite=overwrite) as scratch:
        key.write_text(codes, encoding="utf-8")
        scratch.write_text(text, encoding="utf-8")
    typer.echo(f"{output}: {len(made)} trials of {len(made[0].clips)} clips, seed {drawn}; keep {secret} from the listeners")


def ratings(
    files: Annotated[list[Path], typer.Argument(help="The CSV files that listeners saved.", show_default=False)],
    key: Annotated[Path, typer.Option("--key", help="The key.json that was written beside the listening page.")],
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the report to this file.")] = None,
    overwrite: options.Overwrite = False,
    seed: Annotated[int, typer.Option("--seed", help="Draws the resamples behind the intervals.")] = 0,
) -> None:
    """Read what listeners said in a blind test: each system's mean rating, and whether the listeners can be trusted.

    The hidden anchors are rows like the systems. A listener who rates shuffled stems above real music is flagged.
    """
    drawn = checked_seed(seed)
    free(json_file, overwrite)
    given = read_ratings(files, key)
    words = ["stemweave", "evaluate", "ratings", *(file.name for file in files), "--key", key.name, "--seed", str(drawn)]
    made = ratings_report(given, {"command": shlex.join(words)}, drawn)
    write(json_file, made)
    typer.echo(markdown(tables_of(made)))
    if doubtful := flagged(given):
        complain(f"flagged, for they rate shuffled above real: {', '.join(doubtful)}")


def _free_key(output: Path, overwrite: bool) -> Path:
    """Where the key of a page goes; the key of another page is never replaced, for its ratings would be lost."""
    secret = output.with_name(KEY)
    if output == secret:
        raise UsageError(f"--output is {output}, which is the name of the key: give the page another one")
    if secret.exists() and not output.exists():
        raise OutputError(f"{secret} is the key of another page: choose another folder for {output.name}")
    refuse_existing(output, overwrite)
    refuse_existing(secret, overwrite)
    return secret


def _room(file_format: str, limit: float) -> Room:
    if not limit > 0:
        raise UsageError(f"--limit is {limit:g}, expected more than 0 MB")
    return Room(one_of(ENCODINGS, file_format, "--format"), limit)


def _titles(paths: Sequence[Path]) -> list[str]:
    """The files' names; with their folder's where two are alike."""
    often = Counter(path.stem for path in paths)
    return [path.stem if often[path.stem] == 1 else f"{path.resolve().parent.name}/{path.stem}" for path in paths]


def _names(names: Sequence[str], what: str) -> Sequence[str]:
    name, often = Counter(names).most_common(1)[0]
    if often > 1:
        raise UsageError(f"{often} {what} are called {name!r}: give each a name of its own")
    return names


def _layout(output: Path) -> Layout:
    if output.suffix not in LAYOUTS:
        raise UsageError(f"--output is {output}, expected a name that ends in {' or '.join(LAYOUTS)}")
    return LAYOUTS[output.suffix]


def _html(shown: Mapping[str, Report], folders: Mapping[str, Path], room: Room) -> str:
    heard = {name: scenes(found, folders[name], room) for name, found in shown.items() if "audio" in found}
    return page.page(shown, heard)


def _markdown(shown: Mapping[str, Report], _folders: Mapping[str, Path], _room: Room) -> str:
    return markdown_page(shown)


LAYOUTS: Mapping[str, Layout] = {".html": _html, ".md": _markdown}
