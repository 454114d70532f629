"""Several jobs one after another or side by side, each allowed to fail without the others."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
import typer

from stemweave.cli.app import complain
from stemweave.cli.manifest import Facts
from stemweave.cli.progress import Meter
from stemweave.errors import StemweaveError, UsageError
from stemweave.tasks.sampler import Progress


@dataclass(frozen=True)
class Task:
    """A job by name; ``work`` reports progress and returns its manifest."""

    name: str
    work: Callable[[Progress], Facts]


def run(tasks: Sequence[Task], jobs: int, *, as_json: bool) -> None:
    """Do the tasks, ``jobs`` at a time, and print what was made, one folder per line or all as JSON.

    A task that is alone raises its own error. Of several, those that fail are listed on stderr and the exit status is 1.
    """
    if not 1 <= jobs <= 256:
        raise UsageError(f"--jobs is {jobs}, expected 1 to 256")
    with Meter(len(tasks)) as meter:
        outcomes = _side_by_side(tasks, jobs, meter) if jobs > 1 else [_attempt(task, meter) for task in tasks]
    made = [outcome for outcome in outcomes if isinstance(outcome, dict)]
    failed = [(task, outcome) for task, outcome in zip(tasks, outcomes, strict=True) if not isinstance(outcome, dict)]
    if failed and len(tasks) == 1:
        raise failed[0][1]
    typer.echo(json.dumps(made, indent=2) if as_json else "\n".join(map(summary, made)), nl=bool(made) or as_json)
    for _, error in failed:
        complain(str(error))
    if failed:
        complain(f"{len(failed)} of {len(tasks)} failed: {', '.join(task.name for task, _ in failed)}")
        raise typer.Exit(1)


def _attempt(task: Task, meter: Meter) -> Facts | StemweaveError:
    try:
        made = task.work(meter.watch(task.name))
    except StemweaveError as error:
        return error
    meter.finish(task.name)
    return made


def _side_by_side(tasks: Sequence[Task], jobs: int, meter: Meter) -> list[Facts | StemweaveError]:
    threads = torch.get_num_threads()
    torch.set_num_threads(max(1, threads // jobs))
    pool = ThreadPoolExecutor(jobs)
    try:
        return list(pool.map(lambda task: _attempt(task, meter), tasks))
    except BaseException:
        meter.stop()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)


def summary(facts: Facts) -> str:
    """One line for people: where, what, how long it took."""
    parts = ", ".join(facts["files"])
    seconds, speed = facts["samples"] / facts["rate"], facts["timings"]["times_real_time"]
    line = f"{facts['folder']}: {parts}; {seconds:.1f} s at {facts['rate']} Hz, seed {facts['seed']}, {speed:.1f} x real time"
    if facts["gain"] != 1:
        line += f", gain {facts['gain']:.3f} on all to stay below full scale"
    return line
