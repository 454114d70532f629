"""Reports, and single figures of them."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from stemweave.model.checkpoint import digest, embedded

Report = dict[str, Any]

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "results"


def report(name: str) -> Report | None:
    """A report, where it was made."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def dated(what: str, found: Report) -> str:
    """What a report is about, and whether that was an embedded model with other weights than it has now."""
    models = [found.get("model") or {}, *(maker["model"] for maker in found.get("made_by", []))]
    earlier = any(one.get("name") in weights() and weights()[one["name"]] != one["sha256"] for one in models)
    return f"{what} (earlier weights)" if earlier else what


@cache
def weights() -> dict[str, str]:
    """SHA-256 of the weights of each embedded model."""
    return {name: digest(place) for name, place in embedded().items()}


def table(found: Report, title: str) -> Report:
    """One of a report's tables."""
    named: Report = next(one for one in found["tables"] if one["title"] == title)
    return named


def of(found: Report, title: str, name: str, column: str) -> Report:
    """A cell of one of a report's tables; an empty one where there is no such table, row or column."""
    for one in found["tables"]:
        for row in one["rows"]:
            if one["title"] == title and row["name"] == name and column in one["columns"]:
                cell: Report = row["cells"][one["columns"].index(column)]
                return cell
    return {"value": None, "status": "skipped"}


def first(found: Report, title: str, name: str) -> str:
    """What stands first in a row of one of a report's tables."""
    return short(of(found, title, name, table(found, title)["columns"][0]))


def cell(entry: Report, digits: int = 1) -> str:
    """value [low, high], or the value alone where it has no interval."""
    if entry["status"] != "ok":
        return "–"
    value, low, high = (
        entry[name] if entry[name] is None else f"{entry[name]:.{digits}f}" for name in ("value", "low", "high")
    )
    return f"{value}" if low is None else f"{value} [{low}, {high}]"


def spread(entry: Report) -> str:
    """A value and its interval, of however few."""
    return "–" if entry["value"] is None else cell({**entry, "status": "ok"})


def short(entry: Report) -> str:
    """A value with two digits."""
    return "–" if entry["value"] is None else f"{entry['value']:.2f}"


def share(entry: Report) -> str:
    """In percent."""
    return "–" if entry["value"] is None else f"{100 * entry['value']:.0f} %"
