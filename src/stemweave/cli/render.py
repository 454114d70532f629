"""``stemweave render``: songs by the embedded band, stem by stem, as FLAC."""

import os
import shlex
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from stemweave.band import presets, soundfont
from stemweave.band.presets import PRESETS, Preset
from stemweave.band.render import Made, Order, render_set, write_manifest
from stemweave.band.song import Composer
from stemweave.band.soundfont import Font
from stemweave.band.styles import NAMED
from stemweave.cli.values import one_of, stem_names
from stemweave.errors import UsageError


def render(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the songs; made if missing.")],
    preset: Annotated[
        str | None, typer.Option(help=f"A published set: {', '.join(PRESETS)}. Sets split, sounds and number of songs.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Name of the set's folder; part of every song's seed.")] = None,
    songs: Annotated[int | None, typer.Option(help="How many songs (default: 10, or the preset's).")] = None,
    styles: Annotated[str, typer.Option(help=f"Only songs in these styles: {', '.join(NAMED)}. (default: all)")] = "",
    seconds: Annotated[float, typer.Option(help="Length of each song.")] = 60.0,
    seed: Annotated[int, typer.Option(help="Another seed, other songs.")] = 0,
    rate: Annotated[int, typer.Option(help="Sample rate in Hz.")] = 22050,
    workers: Annotated[int | None, typer.Option("-j", "--workers", help="Processes (default: one per core).")] = None,
    font: Annotated[
        Path | None, typer.Option("--soundfont", help="An .sf2 or .sf3 file instead of the installed ones.")
    ] = None,
    procedural: Annotated[bool, typer.Option("--procedural", help="Only built-in instruments; needs no SoundFont.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace songs that are there.")] = False,
) -> None:
    """Render songs with all their stems: bass, drums, guitar and piano.

    The same numbers give the same songs. A set that was interrupted goes on where it stopped.
    """
    if procedural and font:
        raise UsageError("--procedural needs no --soundfont; give one of the two")
    plan = _in_styles(_plan(preset, split), styles)
    fonts = () if procedural else _fonts(plan, preset, font)
    count = plan.songs if songs is None else songs
    order = Order(presets.band(plan, fonts), output, count, seconds, seed, rate)
    made = _watched(order, os.cpu_count() or 1 if workers is None else workers, overwrite)
    manifest = write_manifest(order, _command(order, preset, font, procedural, styles))
    typer.echo(f"{order.songs} songs of {seconds:g} s in {order.folder}, described in {manifest}")
    cpu = sum(one.cpu for one in made)
    if cpu:
        speed = sum(one.seconds for one in made if one.cpu) / cpu
        typer.echo(f"{speed:.1f} s of four-stem music per CPU-second")


def _plan(preset: str | None, split: str | None) -> Preset:
    if preset is None:
        return replace(PRESETS["train"], split=split or "train", songs=10)
    if split is not None:
        raise UsageError("--preset sets the split; give --preset or --split, not both")
    if preset not in PRESETS:
        raise UsageError(f"no preset {preset!r}; give one of {', '.join(PRESETS)}")
    return PRESETS[preset]


def _in_styles(plan: Preset, styles: str) -> Preset:
    """The plan with songs in some styles only."""
    names = stem_names(styles, "--styles") if styles else None
    if names is None:
        return plan
    if plan.writer is not Composer:
        raise UsageError(f"the notes of {plan.split} were written by people: leave out --styles")
    return replace(plan, writer=partial(Composer, tuple(one_of(NAMED, name, "--styles").name for name in names)))


def _fonts(plan: Preset, preset: str | None, given: Path | None) -> tuple[Font, ...]:
    """The given font; else, unless a preset says which, the environment's; else those the plan names."""
    path = given if preset else soundfont.chosen(given)
    return (soundfont.font(path),) if path else soundfont.find(plan.fonts)


def _watched(order: Order, workers: int, overwrite: bool) -> list[Made]:
    songs = render_set(order, workers, overwrite)
    return list(tqdm(songs, total=order.songs, desc=order.band.split, unit="song", file=sys.stderr, delay=1.0))


def _command(order: Order, preset: str | None, font: Path | None, procedural: bool, styles: str) -> str:
    """The command that makes this set again."""
    named = f"--preset {preset}" if preset else f"--split {order.band.split}"
    sound = f" --soundfont {font}" if font else " --procedural" if procedural else ""
    chosen = f" --styles {shlex.quote(styles)}" if styles else ""
    numbers = f"--songs {order.songs} --seconds {order.seconds:g} --seed {order.seed} --rate {order.rate}{chosen}"
    return f"stemweave render {named} {numbers}{sound} -o {order.root}"
