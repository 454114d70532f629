"""``stemweave preprocess latents``: a cache of audio into a cache of latents, by a codec."""

from itertools import chain
from pathlib import Path
from typing import Annotated

import typer
from torch import Tensor
from tqdm import tqdm

from stemweave.cli import options
from stemweave.cli.values import part
from stemweave.data.indexed import Shard, only
from stemweave.data.latents import KIND as LATENTS
from stemweave.data.latents import Coding, Latents, Song, copies, mixed, plan, songs, write
from stemweave.data.shards import KIND as AUDIO
from stemweave.data.shards import Cache
from stemweave.data.tracks import BAND
from stemweave.errors import DataError, UsageError
from stemweave.model.checkpoint import load_codec
from stemweave.model.codec import Codec
from stemweave.model.precision import pick_device


def latents(
    source: Annotated[Path, typer.Argument(help="What `stemweave preprocess audio` wrote: one split, or a folder of splits.")],
    codec: Annotated[str, typer.Option("-n", "--codec", help="The codec, or a model that has one, by folder or hub id.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Where the latents go, one folder per split.")],
    mixture: Annotated[bool, typer.Option("--mixture", help="Only the sum of all stems, as the one stem band.")] = False,
    shifts: Annotated[int, typer.Option(help="Copies of each song, each 1/N hop later than the one before.")] = 1,
    shard: Annotated[str, typer.Option(help="Do part I of N (from 0), e.g. 0/4, to share the work.")] = "0/1",
    device: options.Device = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace latents of other songs or another codec.")] = False,
) -> None:
    """Encode a cache of audio once, for models of latents to train on; what is done already is left alone."""
    mine, splits = part(shard, "--shard"), _splits(source)
    coder = load_codec(codec, pick_device(device))
    if not 1 <= shifts <= coder.hop:
        raise UsageError(f"--shifts is {shifts}, expected 1 to {coder.hop}, the samples of a frame of {coder.config.name}")
    caches = {name: Cache.open(folder) for name, folder in splits.items()}
    for cache in caches.values():
        coder.config.check((BAND,) if mixture else cache.stems, cache.rate, cache.channels)
    for name, cache in caches.items():
        stems, whole = ((BAND,), [mixed(song) for song in songs(cache)]) if mixture else (cache.stems, songs(cache))
        tracks = [copy for song in whole for copy in copies(song, shifts, coder.hop)]
        shards = plan(tracks, output / name)
        only(shards, output / name, LATENTS, overwrite)
        _write(shards[mine], coder, stems, overwrite)
        _report(output / name)


def _splits(source: Path) -> dict[str, Path]:
    """The caches in a folder, by the folders they are in: the cache itself, or one per split."""
    if any(source.glob(f"{AUDIO.name}-*.json")):
        return {"": source}
    found = {path.parent.name: path.parent for path in sorted(source.glob(f"*/{AUDIO.name}-*.json"))}
    if not found:
        raise DataError(f"{source} holds no cache of audio, nor folders that do; make one with `{AUDIO.command}`")
    return found


def _write(shards: list[Shard[Song]], codec: Codec, stems: tuple[str, ...], overwrite: bool) -> None:
    device, silence = next(codec.parameters()).device, tuple(codec.silence(len(stems)).flatten().tolist())
    coding = Coding(codec.config.name, codec.digest(), stems, codec.config.rate, codec.hop, codec.channels, silence)

    def encode(audio: Tensor) -> Tensor:
        return codec.encode(audio[None].to(device))[0]

    done = chain.from_iterable(write(shard, coding, encode, overwrite) for shard in shards)
    for _ in tqdm(done, total=sum(len(shard.tracks) for shard in shards), unit="song"):
        pass


def _report(folder: Path) -> None:
    """Says what is there, once all of it was read again and found as it was written."""
    if not any(folder.glob(f"{LATENTS.name}-*.json")):
        return
    made = Latents.open(folder)
    made.verify()
    typer.echo(
        f"{folder}: {len(made.tracks)} songs, {made.hours:.2f} h of {', '.join(made.stems)}: {made.coding.latents} latents, "
        f"{made.coding.rate / made.coding.hop:.4g} times a second, by codec {made.coding.codec}; verified"
    )
