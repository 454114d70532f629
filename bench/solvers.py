"""How few evaluations of the network are enough? Measures it, and writes docs/solvers.md and docs/solvers/.

    python -m bench.solvers [--threads 1] [--only churn,cross] [--page]

Each figure is a row of a CSV file, written at once: a run that was stopped goes on where it was, and a second run only does
what is missing. `--page` writes the page from the rows there are. The songs are our own band's:
`stemweave render --preset test-a --songs 50 --seconds 60 -o .work/figures/songs/test-a-60`.
"""

import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import torch
import typer
from tqdm import tqdm

from bench import machine, results
from bench.study import making, separating
from bench.study.making import Making, Real
from bench.study.page import ABOUT, write_page
from bench.study.plan import LIKELIHOODS, bases
from bench.study.plan import reference as reference_of
from bench.study.rows import Rows
from bench.study.scored import scored
from bench.study.separating import places
from bench.study.setting import Setting
from bench.study.songs import fullest
from bench.study.tables import fixed_table
from bench.study.work import LONG, OFFICIAL, Stage, Study, seconds_per_window, stages
from stemweave.cli import measuring
from stemweave.cli.values import one_of, stem_names
from stemweave.diffusion.mixing import loudest
from stemweave.errors import UsageError
from stemweave.evaluation.measures.separation import SHORTEST
from stemweave.evaluation.protocols.excerpts import excerpts
from stemweave.evaluation.reports import report as reports
from stemweave.evaluation.reports.kinds import read
from stemweave.evaluation.reports.tables import markdown
from stemweave.model.checkpoint import DEFAULT, digest
from stemweave.tasks.priors import levels
from stemweave.tasks.studio import Studio, load

ROOT = Path(__file__).parents[1]
SONGS = ROOT / ".work" / "figures" / "songs" / "test-a-60"
RESULTS = ROOT / "docs" / "solvers"
SLICED = 3
"""Songs of a slice."""
CLIP = 1.5
"""Length of a generated band in windows of the model: two of them overlap."""
EACH = 2
"""Excerpts of each real song."""


def solvers(
    data: Annotated[Path, typer.Option(help="A folder of songs as stems.")] = SONGS,
    songs: Annotated[int, typer.Option(help="How many of them to separate, the first ones.")] = 20,
    seconds: Annotated[float | None, typer.Option(help="Length of each excerpt. (default: one window of the model)")] = None,
    bands: Annotated[int, typer.Option(help="How many bands to generate in each setting.")] = 12,
    reference: Annotated[Path | None, typer.Option(help="Songs that bands are compared with. (default: all of --data)")] = None,
    only: Annotated[str | None, typer.Option(help="Only these stages, such as churn,cross. (default: all but long)")] = None,
    model: Annotated[str, typer.Option("--model", "-n", help="The model: a name, folder or hub id.")] = DEFAULT,
    device: Annotated[str, typer.Option(help="Where to compute.")] = "cpu",
    precision: Annotated[str, typer.Option(help="float32, bfloat16, or auto.")] = "auto",
    threads: Annotated[int | None, typer.Option(help="Threads of torch. (default: its own)")] = None,
    folder: Annotated[
        Path, typer.Option("--results", help="Where rows, plots and the choice are kept; the page lies beside.")
    ] = RESULTS,
    part: Annotated[bool, typer.Option("--slice", help="Three songs in a few settings, measured anew and printed.")] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Measure nothing: say how long what is missing will take.")] = False,
    page: Annotated[bool, typer.Option("--page", help="Measure nothing: write the page from the rows there are.")] = False,
) -> None:
    """Measure separation and generation by solver, evaluations and likelihood, stage by stage."""
    if page:
        typer.echo(f"wrote {write_page(folder)}")
        return
    songs = SLICED if part else songs
    for option, number in (("--songs", songs), ("--bands", bands), ("--threads", 1 if threads is None else threads)):
        measuring.above_zero(option, number)
    torch.set_num_threads(threads or torch.get_num_threads())
    studio = load(model, device=device, precision=precision)
    if part:
        with TemporaryDirectory() as place:
            bench = Bench(studio, data, songs, seconds, bands, data, Path(place))
            typer.echo(bench.slice())
        return
    bench = Bench(studio, data, songs, seconds, bands, reference or data, folder)
    asked = bench.asked(only)
    rate = seconds_per_window(studio.model)
    bench.announce(asked, rate)
    if plan:
        return
    bench.write_about(rate)
    bench.run(asked)
    typer.echo(f"wrote {write_page(folder)}")


@dataclass(frozen=True)
class Bench:
    """What was asked for."""

    studio: Studio
    data: Path
    songs: int
    seconds: float | None
    bands: int
    reference: Path
    folder: Path

    @property
    def digest(self) -> str:
        """Of the weights, with the precision that they are used in."""
        return f"{digest(self.studio.folder)[:12]} {str(self.studio.precision).removeprefix('torch.')}"

    @property
    def anchor(self) -> str:
        """The stem expected loudest."""
        return self.studio.stems[loudest(levels(self.studio.config))]

    @cached_property
    def study(self) -> Study:
        """The separations. Raises UsageError for excerpts that are too short to score."""
        config = self.studio.config
        samples = config.window if self.seconds is None else round(self.seconds * config.rate)
        if samples < SHORTEST * config.rate:
            raise UsageError(f"excerpts have {samples / config.rate:.2f} s, expected at least {SHORTEST:g}: give --seconds")
        corpus = measuring.corpus(self.data, "", self.songs, self.studio.stems)
        cut = tuple(measuring.watched(fullest(corpus, self.studio.stems, samples, config.rate), len(corpus)))
        rows = Rows(self.folder / "separation.csv", separating.KEYS, separating.values(self.studio.stems))
        return Study(self.studio.model, self.digest, cut, rows)

    @cached_property
    def making(self) -> Making:
        """The bands, and the real songs beside them."""
        config = self.studio.config
        seconds = max(CLIP * config.window / config.rate, making.SHORTEST)
        corpus = measuring.corpus(self.reference, "", None, self.studio.stems)
        cut = excerpts(corpus, self.studio.stems, seconds, config.rate, EACH)
        real = Real.of(corpus.root.name, list(measuring.watched(cut, EACH * len(corpus), "excerpt")))
        rows = Rows(self.folder / "generation.csv", making.KEYS, making.values(self.studio.stems))
        return Making(self.studio.model, self.digest, self.bands, seconds, real, rows)

    @cached_property
    def stages(self) -> dict[str, Stage]:
        """Of separation, by name."""
        return stages(self.studio.stems, self.anchor)

    def asked(self, only: str | None) -> list[str]:
        """The stages to do, in order: the cheap and telling ones first. Raises UsageError for a name there is not."""
        late = (making.STAGE, OFFICIAL, LONG)
        order = {name: name for name in (*self.stages, *late) if name not in late} | {name: name for name in late}
        names = stem_names(only, "--only")
        wanted = [one_of(order, name, "--only") for name in names] if names else [name for name in order if name != LONG]
        return [name for name in order if name in wanted]

    def slice(self) -> str:
        """A base for each likelihood and the paper's Dirac, as a table."""
        settings = {f"{base.likelihood}, {base.name}": base for name in LIKELIHOODS for base in bases(name, self.anchor)}
        settings["dirac, official"] = reference_of("dirac", self.anchor)
        work = list(settings.values())
        with tqdm(total=self.study.cost(work), unit="window", file=sys.stderr) as bar:
            for heard in self.study.run(work):
                bar.update(heard)
        table = fixed_table("Solvers, a slice", settings, scored(self.study.rows, self.studio.stems, self.study.songs))
        return markdown([table])

    def costs(self, asked: list[str]) -> dict[str, int]:
        """By stage, the windows that the network must hear for what is missing in it and in no stage before."""
        costs, seen = dict[str, int](), set[Setting]()
        for name in asked:
            settings = [] if name == making.STAGE else self.stages[name](self.study)
            new = [setting for setting in settings if setting not in seen]
            costs[name] = self.making.cost if name == making.STAGE else self.study.cost(new)
            seen.update(new)
        return costs

    def announce(self, asked: list[str], rate: float) -> None:
        """Say what is missing, and how long it will take."""
        costs = self.costs(asked)
        for name, cost in costs.items():
            typer.echo(f"{name:16} {cost:8} windows {cost * rate / 60:7.1f} min", err=True)
        total = sum(costs.values()) * rate / 60
        typer.echo(f"{total:.0f} min in all at {rate:.3f} s for each window, before the best settings are crossed", err=True)

    def run(self, asked: list[str]) -> None:
        """Measure what is missing."""
        with tqdm(unit="window", file=sys.stderr, smoothing=0.05) as bar:
            for number, name in enumerate(asked):
                bar.set_description(name)
                bar.total = bar.n + sum(self.costs(asked[number:]).values())
                for heard in self._work(name):
                    bar.update(heard)

    def _work(self, name: str) -> Iterator[int]:
        return self.making.run() if name == making.STAGE else self.study.run(self.stages[name](self.study))

    def write_about(self, rate: float) -> None:
        """Keep beside the rows what was measured, on what and where; commands of the same study add up."""
        made = {"making": self.making.about()} if "making" in vars(self) else {}
        facts = {
            **measuring.about_studio(self.studio), "digest": self.digest, "stems": list(self.studio.stems),
            "anchor": self.anchor, "data": self.data.name, "excerpts": places(self.study.excerpts),
            "machine": machine.facts(self.studio.model.device), "seconds_per_window": rate,
        }  # fmt: skip
        path = self.folder / ABOUT
        before = read(path) if path.is_file() else {}
        same = all(before.get(name) == facts[name] for name in ("digest", "excerpts"))
        command = shlex.join(["python", "-m", "bench.solvers", *sys.argv[1:]])
        commands = dict.fromkeys([*(before["commands"] if same else []), command])
        reports.write(path, (before if same else {}) | facts | made | {"commands": list(commands)})


if __name__ == "__main__":
    results.run(partial(typer.run, solvers))
