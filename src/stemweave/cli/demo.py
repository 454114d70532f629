"""``stemweave demo``: every job once, on the song that comes with the repository."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import torch
import typer

from stemweave.audio.files import write
from stemweave.audio.pictures import picture
from stemweave.audio.stems import Stems
from stemweave.cli import options
from stemweave.cli.accompany import accompany
from stemweave.cli.generate import generate
from stemweave.cli.separate import separate
from stemweave.errors import UsageError
from stemweave.evaluation.measures.separation import active_scores
from stemweave.model.checkpoint import DEFAULT, find, read_config

GIVEN = "drums"


def demo(
    example: options.Example = Path("examples/song"),
    model: options.Model = DEFAULT,
    seconds: options.Seconds = 12.0,
    output: options.Output = Path("demo"),
    overwrite: options.Overwrite = False,
    device: options.Device = "auto",
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same sound.")] = 7,
) -> None:
    """Separate the example song, invent a band, and play along to the example's drums.

    Writes everything below OUTPUT, with a picture of each job,
    and prints how near the separation came to the true stems.
    """
    truth, given = _stems(example)
    song = output / "song.wav"
    write(song, truth.mixture, truth.rate, overwrite=overwrite)
    separate([str(song)], model=model, output=output, overwrite=overwrite, device=device, seed=seed)
    generate(seconds, model=model, output=output, overwrite=overwrite, device=device, seed=seed)
    accompany([f"{GIVEN}={given}"], model=model, output=output, overwrite=overwrite, device=device, seed=seed)
    results = output / read_config(find(model)).name
    for job in (results / "song", results / f"piece-{seed}", results / f"with-{GIVEN}-{seed}"):
        picture(Stems.read(job), job / "picture.png", job.name, overwrite=True)
    typer.echo("\n".join(_table(Stems.read(results / "song"), truth)))


def _stems(example: Path) -> tuple[Stems, Path]:
    """The example's true stems, and the file of the stem that is played along to."""
    if not example.is_dir():
        raise UsageError(f"{example} is not there: run this in a clone of the repository, or give a folder of stems")
    given = sorted(example.glob(f"{GIVEN}.*"))
    if not given:
        raise UsageError(f"{example} holds no {GIVEN}: give a folder of stems that does")
    return Stems.read(example), given[0]


def _table(found: Stems, truth: Stems) -> Iterator[str]:
    """SI-SDR of each stem where it sounds beside others, and how far that is above the song itself."""
    names = [name for name in found if name in truth]
    estimates, references = (torch.stack([stems[name] for name in names]) for stems in (found, truth))
    scores = active_scores(estimates, references, truth.rate)
    yield f"{'stem':12} {'SI-SDR':>8} {'SI-SDRi':>8}   in dB, against the true stems"
    for name, sdr, gain in zip(names, scores.sdr.nanmean(0), scores.improvement.nanmean(0), strict=True):
        yield f"{name:12} {float(sdr):8.1f} {float(gain):8.1f}"
    yield f"{'mean':12} {float(scores.sdr.nanmean(0).nanmean()):8.1f} {float(scores.improvement.nanmean(0).nanmean()):8.1f}"
