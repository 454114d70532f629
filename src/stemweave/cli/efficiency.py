"""``stemweave evaluate efficiency``: time and memory of a model's jobs, beside this machine's own rate."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, TypeVar

import numpy as np
import torch
import typer
from torch import Tensor

from stemweave.audio.stems import Stems
from stemweave.cli import measuring, options
from stemweave.cli.env import environment
from stemweave.errors import UsageError
from stemweave.evaluation.protocols import efficiency as costs
from stemweave.evaluation.protocols.efficiency import Spent
from stemweave.evaluation.reports import report as reports
from stemweave.model.checkpoint import DEFAULT
from stemweave.model.lineup import Lineup
from stemweave.model.precision import matmul_rate
from stemweave.nets.prompts import label
from stemweave.tasks.likelihoods import own_likelihood, own_sampling
from stemweave.tasks.sampler import Sampler
from stemweave.tasks.separate import Separation, additive
from stemweave.tasks.song import checked_seconds
from stemweave.tasks.studio import Studio, load

LONGEST, MOST_STEPS = 1440.0, 10_000
"""Minutes of a song; steps."""
MACHINE = ("processor", "threads", "cuda")

N = TypeVar("N", int, float)


def efficiency(
    model: options.Model = DEFAULT,
    minutes: Annotated[str, typer.Option("--minutes", help="Lengths of songs to separate, such as 3,30.")] = "3,30",
    steps: Annotated[str, typer.Option("--steps", help="Numbers of steps for the shortest of them, such as 1,4.")] = "1,4",
    seconds: Annotated[float, typer.Option("--seconds", help="Length of what generate and accompany make.")] = 12.0,
    device: options.Device = "auto",
    json_file: measuring.JsonFile = None,
    overwrite: options.Overwrite = False,
) -> None:
    """Measure time and memory of separating, generating, accompanying and, where the model is told in words, extracting.

    Songs of noise bursts and tones are separated by `stemweave separate` in a process of its own, from file to file, with
    the model's own settings, then the shortest with other numbers of steps. Needs about 0.1 GB of disk for each minute.
    What a model cannot do is skipped.
    """
    lengths = _numbers(minutes, float, LONGEST, "--minutes")
    counts, music = _numbers(steps, int, MOST_STEPS, "--steps"), checked_seconds(seconds)
    reports.free(json_file, overwrite)
    studio = load(model, device=device)
    plan = [*_by_length(studio, model, lengths), *_by_steps(studio, model, lengths[0], counts), *_making(studio, music)]
    spent = [work() for work in measuring.watched(plan, len(plan), "measurement")]
    first, rest = spent[: len(lengths)], spent[len(lengths) :]
    about = {
        **measuring.about_studio(studio),
        "machine": {name: environment()[name] for name in MACHINE},
        "matmul_gflops_float32": matmul_rate(studio.model.device),
        "minutes": lengths,
        "steps": counts,
        "seconds": music,
        "memory_ratio_longest_to_shortest": costs.memory_ratio(first),
    }
    measuring.deliver("efficiency", about, costs.tables(first, rest[: len(counts)], rest[len(counts) :]), json_file)


def _by_length(studio: Studio, name: str, minutes: Sequence[float]) -> Iterator[Callable[[], Spent]]:
    for length in minutes:
        yield _separated(studio, f"{length:g} min", 60 * length, _command(studio, name), _own(studio))


def _by_steps(studio: Studio, name: str, minutes: float, counts: Sequence[int]) -> Iterator[Callable[[], Spent]]:
    for count in counts:
        command, how = _command(studio, name, "--steps", str(count)), _own(studio, steps=count)
        yield _separated(studio, f"steps {count}", 60 * minutes, command, how)


def _own(studio: Studio, steps: int | None = None) -> Separation:
    """As the model does by itself, but perhaps for the number of steps."""
    rule = own_likelihood(studio.config.settings)
    sampling = own_sampling(studio.config.settings, rule)
    return Separation(rule, Sampler.of(replace(sampling, steps=steps or sampling.steps)))


def _separated(studio: Studio, title: str, seconds: float, command: costs.Command, how: Separation) -> Callable[[], Spent]:
    if not additive(studio.model):
        return partial(Spent, title, seconds)
    return partial(costs.separated, title, seconds, command, studio.model, how)


def _making(studio: Studio, seconds: float) -> Iterator[Callable[[], Spent]]:
    yield partial(costs.made, "generate", seconds, partial(studio.generate, seed=0), studio.model.device)
    given, rate = studio.stems[0], studio.config.rate
    title = f"accompany {given}"

    def song(length: float) -> Tensor:
        return torch.from_numpy(costs.bursts_and_tones(0, max(round(length * rate), 1), rate, np.random.default_rng(0))).mean(0)

    def accompany(length: float) -> Stems:
        return studio.accompany({given: song(length)}, rate=rate, seed=0)

    def extract(length: float) -> Stems:
        return studio.extract(song(length), label(given), rate=rate, seed=0)

    worded = isinstance(studio.model, Lineup)
    if len(studio.stems) < 2 or not (studio.config.joint or worded):
        yield partial(Spent, title, seconds)
    else:
        yield partial(costs.made, title, seconds, accompany, studio.model.device)
    if worded and additive(studio.model):
        yield partial(costs.made, f"extract {given}", seconds, extract, studio.model.device)


def _command(studio: Studio, name: str, *more: str) -> costs.Command:
    own = ["-n", name, "-d", str(studio.model.device), "--seed", "0", "--int24", *more]
    return lambda song, folder: [sys.executable, "-m", "stemweave", "separate", str(song), "-o", str(folder), *own]


def _numbers(text: str, parse: Callable[[str], N], most: N, option: str) -> list[N]:
    """Different numbers in order; raises UsageError for anything else, and for those not above 0 and at most ``most``."""
    try:
        found = sorted({parse(word) for word in text.split(",")})
    except ValueError as error:
        raise UsageError(f"{option} is {text!r}, expected numbers with commas between, such as 1,4") from error
    for number in found:
        if not 0 < number <= most:
            raise UsageError(f"{option} names {number:g}, expected more than 0 and at most {most:g}")
    return found
