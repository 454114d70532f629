"""Progress on stderr: one bar over all jobs of a run, moving with every step of every job."""

import sys
from threading import Lock
from types import TracebackType

from tqdm import tqdm

from stemweave.tasks.sampler import Event, Progress

_LAYOUT = "{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}"


class Meter:
    """A bar over ``jobs`` jobs of different names; use as a context manager."""

    def __init__(self, jobs: int) -> None:
        self._bar = tqdm(total=max(jobs, 1), file=sys.stderr, bar_format=_LAYOUT)
        self._shares: dict[str, float] = {}
        self._stopped = False
        self._lock = Lock()

    def watch(self, name: str) -> Progress:
        """What to hand to a job as its progress; raises KeyboardInterrupt there once the run is stopped."""

        def show(event: Event) -> None:
            if self._stopped:
                raise KeyboardInterrupt
            self._move(name, (event.item + event.step / event.total) / event.items)

        return show

    def finish(self, name: str) -> None:
        """Count a job as done; one that fails stays where it came to."""
        self._move(name, 1.0)

    def stop(self) -> None:
        """Have every job stop at its next step."""
        self._stopped = True

    def _move(self, name: str, share: float) -> None:
        with self._lock:
            self._shares[name] = share
            self._bar.set_description_str(name, refresh=False)
            self._bar.update(sum(self._shares.values()) - self._bar.n)

    def __enter__(self) -> "Meter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.close()
