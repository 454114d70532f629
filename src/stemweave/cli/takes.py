"""Several takes of one piece: each in a folder of its own, or only the loudest."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from stemweave.audio.stems import Stems
from stemweave.cli.batch import Task, run
from stemweave.cli.manifest import Facts, Job
from stemweave.cli.options import Pick
from stemweave.cli.output import Shelf, deliver, piece_of
from stemweave.cli.values import checked_takes
from stemweave.tasks.sampler import Event, Progress
from stemweave.tasks.studio import loudest


@dataclass(frozen=True)
class Takes:
    """``count`` takes from ``job.seed`` on, made by ``make(seed, progress)`` and put on ``place`` as <slug>-<seed>."""

    make: Callable[[int, Progress], Stems]
    job: Job
    count: int
    place: Shelf
    slug: str
    names: tuple[str, ...]

    def run(self, pick: Pick, jobs: int, *, as_json: bool) -> None:
        """Make and write them; raises what `batch.run` and `Shelf.wants` do."""
        seeds = range(self.job.seed, self.job.seed + checked_takes(self.count))
        run(_TASKS[pick](self, seeds), jobs, as_json=as_json)

    def track(self, seed: int) -> Path:
        """The folder of the take with this seed."""
        return Path(f"{self.slug}-{seed}")

    def each(self, seeds: Sequence[int]) -> list[Task]:
        """One task per take that is wanted."""
        return [Task(f"seed {seed}", partial(self._one, seed)) for seed in seeds if self.place.wants(self.track(seed))]

    def best(self, seeds: Sequence[int]) -> list[Task]:
        """One task that makes all takes and keeps the loudest; none where one was kept before and is to stay."""
        return (
            [Task("takes", partial(self._loudest, seeds))] if all(self.place.wants(self.track(seed)) for seed in seeds) else []
        )

    def _one(self, seed: int, progress: Progress) -> Facts:
        return self._write(seed, time.perf_counter(), lambda: self.make(seed, progress))

    def _loudest(self, seeds: Sequence[int], progress: Progress) -> Facts:
        began = time.perf_counter()
        made = [self.make(seed, _counted(progress, item, len(seeds))) for item, seed in enumerate(seeds)]
        best = loudest(made)
        return self._write(seeds[made.index(best)], began, lambda: best)

    def _write(self, seed: int, began: float, make: Callable[[], Stems]) -> Facts:
        job = replace(self.job, seed=seed, take=seed - self.job.seed)
        return deliver(self.place, self.track(seed), job, began, lambda: piece_of(make(), self.names))


_TASKS: Mapping[Pick, Callable[[Takes, Sequence[int]], list[Task]]] = {Pick.ALL: Takes.each, Pick.LOUDEST: Takes.best}


def _counted(progress: Progress, item: int, items: int) -> Progress:
    """Progress of one take as a share of all."""

    def show(event: Event) -> None:
        progress(Event(event.stage, event.step, event.total, item, items))

    return show
