"""``stemweave evaluate accompaniment``: every choice of given stems, every song."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from stemweave.audio.formats import FLAC24
from stemweave.audio.stems import Stems
from stemweave.cli import measuring, options
from stemweave.cli.choices import BeatNames, GridWidth, available, timings
from stemweave.cli.generation import RATE
from stemweave.cli.prompts import of_quality
from stemweave.cli.sampling import changed, settings_of, told_method
from stemweave.cli.values import checked_takes, known_stems, stem_names
from stemweave.errors import UsageError
from stemweave.evaluation.embeddings.logmel import LogMelStatistics
from stemweave.evaluation.protocols.accompaniment import tables
from stemweave.evaluation.protocols.excerpts import Excerpt, excerpts
from stemweave.evaluation.protocols.fit import choices
from stemweave.evaluation.protocols.played import Played, sounding
from stemweave.evaluation.reports import report as reports
from stemweave.evaluation.reports.journal import Journal
from stemweave.model.checkpoint import DEFAULT
from stemweave.tasks.accompany import Conditioning, own_conditioning
from stemweave.tasks.sampler import Sampler
from stemweave.tasks.studio import Studio, load, loudest


def accompaniment(
    data: measuring.Data,
    made: Annotated[Path, typer.Option("--made", help="Where accompaniments go; those that are there are not made again.")],
    model: options.Model = DEFAULT,
    split: measuring.Split = "",
    songs: measuring.Songs = None,
    given: Annotated[
        list[str] | None,
        typer.Option("--given", help="Stems that are given, such as drums,bass; again for more. (default: every choice)"),
    ] = None,
    seconds: Annotated[float, typer.Option("--seconds", help="Length of the excerpt of each song.")] = 6.0,
    takes: Annotated[
        int, typer.Option("--takes", help="Accompaniments to make of each song; the loudest is kept, as the papers' baseline.")
    ] = 1,
    beats: BeatNames = "pulse",
    grid: GridWidth = 0.15,
    seed: measuring.Seed = 0,
    device: options.Device = "auto",
    quality: options.Qualities = options.Quality.DEFAULT,
    method: options.Hearing = None,
    steps: options.Steps = None,
    solver: options.Solver = None,
    churn: options.Churn = None,
    resamples: options.Resamples = None,
    json_file: measuring.JsonFile = None,
    overwrite: options.Overwrite = False,
) -> None:
    """Accompany songs with every choice of their stems given, and measure how the result sounds, fits and keeps time.

    A run that was stopped goes on where it was.
    """
    measuring.above_zero("--seconds", seconds)
    measuring.above_zero("--grid", grid)
    (first,) = measuring.seeds(seed, 1)
    checked_takes(takes)
    reports.free(json_file, overwrite)
    tellers, skipped = available(timings(grid), stem_names(beats, "--beats") or (), "--beats")
    studio = of_quality(load(model, device=device), quality)
    settings = told_method(settings_of(studio.config, quality), method)
    conditioning = own_conditioning(settings)
    used = changed(settings.accompany, steps=steps, solver=solver, churn=churn, resamples=resamples)
    wanted = list(dict.fromkeys(_choice(text, studio.stems) for text in given)) if given else choices(studio.stems)
    corpus = measuring.corpus(data, split, songs, studio.stems)
    about = measuring.about(studio, corpus, studio.stems) | {
        "seconds": seconds, "method": settings.conditioning, "sampling": dataclasses.asdict(used), "seed": first,
        **({"takes": takes} if takes > 1 else {}),
    }  # fmt: skip
    Journal(made / "made.journal", about)
    real = list(excerpts(list(corpus), studio.stems, seconds, RATE, 1))
    plan = [(names, sounding(real, names)) for names in wanted]
    player = Player(studio, conditioning, Sampler.of(used), made, first, takes)
    played = list(measuring.watched(player.play(plan), sum(len(kept) for _, kept in plan), "accompaniment"))
    groups = _grouped(plan, played)
    work = tables(groups, LogMelStatistics(), tellers, grid, first)
    found = list(measuring.watched(work, 5 + 2 * len(tellers), "table"))
    heard = {"grid": grid, "beats": [teller.name for teller in tellers], "skipped": skipped}
    measuring.deliver("accompaniment", about | heard, found, json_file)


@dataclasses.dataclass(frozen=True)
class Player:
    """Plays along, and keeps what it played in ``place``/<given>/<song>: of each song the loudest of ``takes``.

    Their seeds count up from ``seed``, song by song.
    """

    studio: Studio
    conditioning: Conditioning
    sampler: Sampler
    place: Path
    seed: int
    takes: int = 1

    def play(self, plan: Sequence[tuple[tuple[str, ...], Sequence[Excerpt]]]) -> Iterator[Stems]:
        """All songs of all choices, one after another."""
        for names, kept in plan:
            for number, one in enumerate(kept):
                folder = self.place / "+".join(names) / one.song.replace("/", "_")
                if not (folder / "mix.flac").is_file():
                    self._made(one, names, self.seed + number * self.takes).write(folder, FLAC24, overwrite=True)
                yield Stems.read(folder)

    def _made(self, one: Excerpt, names: Sequence[str], seed: int) -> Stems:
        context = {name: one.stems[name] for name in names}
        played = [
            self.studio.accompany(
                context, rate=one.stems.rate, seed=seed + take, conditioning=self.conditioning, sampler=self.sampler
            )
            for take in range(self.takes)
        ]
        return loudest(played)


def _choice(text: str, known: Sequence[str]) -> tuple[str, ...]:
    names = known_stems(text, known, "--given")
    if len(names) == len(known):
        raise UsageError(f"--given {text} leaves nothing to make: leave out at least one of {', '.join(known)}")
    return names


def _grouped(plan: Sequence[tuple[tuple[str, ...], Sequence[Excerpt]]], played: Sequence[Stems]) -> list[Played]:
    all_played, groups = iter(played), []
    for names, kept in plan:
        groups.append(Played(names, tuple(kept), tuple(next(all_played) for _ in kept)))
    return groups
