"""``stemweave models``: which models there are, and what each one is."""

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from stemweave.model.checkpoint import WEIGHTS, digest, embedded, find, read_any
from stemweave.model.config import ModelConfig

app = typer.Typer(help="Show the models that are installed.", no_args_is_help=False)

MANY = 24
"""How many values are shown one by one; --json has all of them."""

Json = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]


@app.command("list")
def list_models(as_json: Json = False) -> None:
    """List the models inside stemweave, the default first."""
    found = [_summary(folder) for folder in embedded().values()]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for one in found:
        typer.echo(f"{one['name']:12} {', '.join(one['stems'])}  {one['rate']} Hz  {one['megabytes']} MB  {one['licence']}")


@app.command()
def info(
    name: Annotated[str, typer.Argument(help="A model by name, folder or hub id (which is fetched).")] = "band",
    as_json: Json = False,
) -> None:
    """Show what one model, or codec alone, is: stems, rate, settings, training data, licence."""
    folder = find(name)
    facts = {**_summary(folder), "sha256": digest(folder), **dataclasses.asdict(read_any(folder))}
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    for key, value in facts.items():
        typer.echo(f"{key:16} {_plain(value)}")


def _summary(folder: Path) -> dict[str, Any]:
    config = read_any(folder)
    what = (
        {"stems": list(config.stems), "rate": config.rate, "channels": config.channels}
        if isinstance(config, ModelConfig)
        else {"latents": config.net.latent, "hop": config.net.hop, "rate": config.rate, "channels": config.net.channels}
    )
    return {
        "name": config.name,
        "folder": str(folder),
        **what,
        "megabytes": round((folder / WEIGHTS).stat().st_size / 1e6, 1),
        "trained_on": config.trained_on,
        "licence": config.licence,
    }


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(inner)}" for key, inner in value.items() if inner not in ("", (), []))
    if isinstance(value, list | tuple) and len(value) > MANY:
        return f"({len(value)} numbers)"
    if isinstance(value, list | tuple):
        return ", ".join(_plain(inner) for inner in value)
    return str(value)
