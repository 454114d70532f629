"""``stemweave preprocess``: folders of stems into the caches that training reads."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from stemweave.cli.app import complain
from stemweave.cli.latents import latents
from stemweave.cli.values import part
from stemweave.data.indexed import Shard, only
from stemweave.data.layouts import Corpus, open_corpus
from stemweave.data.shards import KIND, Cache, Map, Recipe, plan, write
from stemweave.data.tracks import Track
from stemweave.errors import UsageError

app = typer.Typer(help="Prepare recordings for training.", no_args_is_help=True)
app.command()(latents)


@app.callback()
def preprocess() -> None:
    """Prepare recordings for training."""


@app.command()
def audio(
    source: Annotated[Path, typer.Argument(help="A folder of songs as stems: Slakh2100, MUSDB18-HQ, MoisesDB, yours.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Where the cache goes, one folder per split.")],
    rate: Annotated[int, typer.Option(help="Sample rate of the cache in Hz.")] = 22050,
    stems: Annotated[str, typer.Option(help="Stems to keep, in order.")] = "bass,drums,guitar,piano",
    channels: Annotated[int, typer.Option(help="1 mixes down to mono, 2 keeps stereo.")] = 1,
    split: Annotated[str, typer.Option(help="Only this split, e.g. train. (default: all)")] = "",
    shard: Annotated[str, typer.Option(help="Do part I of N (from 0), e.g. 0/4, to share the work.")] = "0/1",
    workers: Annotated[int, typer.Option("-j", "--workers", help="Processes that decode.")] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what was understood.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a cache made of other songs.")] = False,
) -> None:
    """Turn folders of stems into the cache that training reads; what is done already is left alone."""
    recipe, mine = _recipe(stems, rate, channels), part(shard, "--shard")
    if workers < 1:
        raise UsageError(f"--workers is {workers}, expected 1 or more")
    corpus = open_corpus(source, recipe.stems)
    corpora = {name: corpus.split(name) for name in ([split] if split else corpus.splits)}
    if dry_run:
        for name, part_of_corpus in corpora.items():
            _describe(name, part_of_corpus, recipe)
        return
    with _mapping(workers) as mapping:
        for name, part_of_corpus in corpora.items():
            shards = plan(part_of_corpus, output / name)
            only(shards, output / name, KIND, overwrite)
            _write(shards[mine], recipe, mapping, overwrite)
            _report(output / name)


def _recipe(stems: str, rate: int, channels: int) -> Recipe:
    names = tuple(name.strip() for name in stems.split(","))
    if not all(names) or len(set(names)) != len(names):
        raise UsageError(f"--stems is {stems!r}, expected different names with commas between, e.g. bass,drums")
    if not 8000 <= rate <= 192000:
        raise UsageError(f"--rate is {rate}, expected 8000 to 192000 Hz")
    if channels not in (1, 2):
        raise UsageError(f"--channels is {channels}, expected 1 or 2")
    return Recipe(names, rate, channels)


def _write(shards: list[Shard[Track]], recipe: Recipe, mapping: Map, overwrite: bool) -> None:
    with tqdm(total=sum(len(shard.tracks) for shard in shards), unit="song") as bar:
        for shard in shards:
            for _ in write(shard, recipe, mapping, overwrite):
                bar.update()


def _report(folder: Path) -> None:
    if not any(folder.glob("shard-*.json")):
        return
    cache = Cache.open(folder)
    if absent := [name for stem, name in enumerate(cache.stems) if not any(entry.present[stem] for entry in cache.tracks)]:
        complain(f"{folder}: no song has a file of {', '.join(absent)}: silent or unknown in all of them")
    levels = ", ".join(f"{name} {level:.4f}" for name, level in cache.levels().items())
    typer.echo(f"{folder}: {len(cache.tracks)} songs, {cache.hours:.2f} h, RMS where it sounds: {levels}")


def _describe(split: str, corpus: Corpus, recipe: Recipe) -> None:
    typer.echo(f"{split or 'no split'}: {len(corpus)} songs")
    seconds = 0.0
    for track in tqdm(corpus, unit="song"):
        seconds += track.seconds
        stems = ", ".join(f"{name} {_files(track.stems.get(name))}" for name in recipe.stems)
        typer.echo(f"  {track.id}: {track.seconds:.1f} s, {track.rate} Hz, {track.channels} channels; {stems}")
    size = seconds * recipe.rate * len(recipe.stems) * recipe.channels * 2 / 1e9
    typer.echo(f"  together {seconds / 3600:.2f} h, a cache of {size:.2f} GB")


def _files(paths: tuple[Path, ...] | None) -> str:
    if paths is None:
        return "unknown"
    return " + ".join(path.name for path in paths) or "silent"


@contextmanager
def _mapping(workers: int) -> Iterator[Map]:
    """``map``, or a process pool's; its workers leave Ctrl-C to the parent."""
    if workers == 1:
        yield map
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    pool = ProcessPoolExecutor(workers, get_context("spawn"), signal.signal, (signal.SIGINT, signal.SIG_IGN))
    try:
        yield pool.map
    finally:
        pool.shutdown(cancel_futures=True)
