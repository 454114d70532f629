"""How a report is headed wherever it is shown: what was measured, and on what."""

from collections.abc import Collection, Iterator
from typing import Any

from stemweave.evaluation.reports.report import Report


def title(names: Collection[str]) -> str:
    """Of a page of several reports."""
    return f"Evaluation: {', '.join(names)}" if len(names) < 4 else f"Evaluation: {len(names)} reports"


def subject(report: Report) -> str:
    """Kind, models, folders of songs with their splits, number of songs, seeds and device, in one line.

    What a report does not say is left out.
    """
    facts = (*_models(report), *_songs(report), *_seeds(report), *_words(report.get("device")))
    return ", ".join((str(report.get("report", "report")), *facts))


def _models(report: Report) -> Iterator[str]:
    named, several = report.get("model"), report.get("models")
    names = [*_words(named.get("name") if isinstance(named, dict) else named)]
    if names := names or [*_words(list(several) if isinstance(several, dict) else several)]:
        yield f"model {' and '.join(names)}"


def _songs(report: Report) -> Iterator[str]:
    for kind in ("made", "data"):
        found = report.get(kind)
        if isinstance(found, dict):
            splits = [split for split in _words(found.get("splits")) if split]
            of = f" ({', '.join(splits)})" if splits else ""
            yield from (f"{kind} {folder}{of}" for folder in _words(found.get("folder")))
            yield from (f"{count} songs" for count in _words(found.get("songs")))


def _seeds(report: Report) -> Iterator[str]:
    if seeds := [*_words(report.get("seeds", report.get("seed")))]:
        yield f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(seeds)}"


def _words(value: Any) -> Iterator[str]:
    """A word or number, or each of a list; nothing of anything else."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str | int | float):
            yield str(item)
