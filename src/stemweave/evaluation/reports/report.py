"""Reports: one JSON per run."""

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from stemweave.audio.files import scratch_name
from stemweave.errors import OutputError
from stemweave.evaluation.statistics import Figure

Report = dict[str, Any]


def versions() -> dict[str, str]:
    """Of the code that measured."""
    return {"stemweave": version("stemweave"), "torch": torch.__version__}


def entry(figure: Figure) -> dict[str, Any]:
    """A figure as JSON; without a value its status is "skipped"."""
    known = math.isfinite(figure.value)
    return {**{key: plain(value) for key, value in vars(figure).items()}, "status": "ok" if known else "skipped"}


def free(path: Path | None, overwrite: bool) -> None:
    """Make sure that a report can be written to ``path``, before hours of work.

    Raises :class:`OutputError` if one is there already and may not be replaced, or the place cannot be written.
    """
    if path and path.exists() and not overwrite:
        raise OutputError(f"{path} exists already; give another name, or --overwrite")
    if path:
        with _scratch(path) as scratch:
            scratch.touch()


def write(path: Path | None, report: Report) -> None:
    """Write a report where one is wanted, whole or not at all; :class:`OutputError` where that cannot be."""
    if path:
        with _scratch(path) as scratch:
            scratch.write_text(json.dumps(report, indent=1, allow_nan=False) + "\n", encoding="utf-8")
            scratch.replace(path)


@contextmanager
def _scratch(path: Path) -> Iterator[Path]:
    scratch = path.with_name(scratch_name(path.name))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield scratch
        finally:
            scratch.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error


def plain(value: float) -> float | None:
    """A number as JSON can hold it: None where it is not finite."""
    return value if math.isfinite(value) else None
