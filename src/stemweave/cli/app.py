"""The command ``stemweave``: finds the verb, runs it, and says in one line what went wrong.

Exit status: 0 done, 1 some files failed (listed), 2 a mistake in what was asked, 130 stopped with Ctrl-C.
"""

import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any

import typer

from stemweave import __version__
from stemweave.errors import StemweaveError

VERBS = {
    "generate": "Invent a whole band: all stems of a new piece, playing together.",
    "accompany": "Play along: new stems in time with the stems you have.",
    "separate": "Take songs apart into their stems.",
    "extract": "Take one sound out of songs by its name.",
    "models": "Show the models that are installed.",
    "convert": "Make models from the papers' published files.",
    "env": "Show versions, devices and settings, for bug reports.",
    "render": "Render songs by the built-in band, to train or test on.",
    "preprocess": "Prepare recordings for training.",
    "train": "Train a model by a recipe.",
    "evaluate": "Measure a model.",
    "demo": "Try everything on the song that ships with stemweave.",
}

_MISTAKE: type[Any] = typer.BadParameter.__mro__[1]  # Typer's own usage error, wherever this version keeps it


def build(verb: str | None = None) -> typer.Typer:
    """The command with ``verb`` ready to run and the others as names only, so that only what is used is imported."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.callback()(_stemweave)
    for name, summary in VERBS.items():
        if name == verb:
            _add(app, name, summary)
        else:
            app.command(name, help=summary)(_nothing)
    return app


def _add(app: typer.Typer, name: str, summary: str) -> None:
    """A verb's module holds a Typer ``app`` of several commands, or a function of the verb's name."""
    module = import_module(f"stemweave.cli.{name}")
    if hasattr(module, "app"):
        app.add_typer(module.app, name=name, help=summary)
    else:
        app.command(name, context_settings=getattr(module, "SETTINGS", None))(getattr(module, name))


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"stemweave {__version__}")
        raise typer.Exit


def _stemweave(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    """Make music stem by stem, and take it apart again."""


def _nothing() -> None:
    """A verb that was not asked for."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``stemweave`` with ``arguments`` (the shell's by default); the exit status."""
    arguments = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    verb = next((word for word in arguments if word in VERBS), None)
    try:
        command = typer.main.get_command(build(verb))
        status = command.main(arguments, prog_name="stemweave", standalone_mode=False)
    except StemweaveError as error:
        return complain(str(error), 2)
    except _MISTAKE as error:
        told = error.format_message().rstrip(". ") or "no command was given"
        place = error.ctx.command_path if error.ctx else f"stemweave {verb or ''}".rstrip()
        return complain(f"{told}. See {place} --help", 2)
    except (KeyboardInterrupt, typer.Abort):
        status = 130
    if status == 130:
        return complain("stopped; nothing was left half done", 130)
    return status if isinstance(status, int) else 0


def complain(message: str, status: int = 0) -> int:
    """Say it on stderr, in one line; hands back ``status``."""
    print(f"stemweave: {' '.join(message.split())}", file=sys.stderr)  # noqa: T201
    return status
