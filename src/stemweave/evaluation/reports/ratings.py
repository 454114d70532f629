"""Ratings of a blind listening test: the CSV files of its raters joined with its key, and what they say of each system."""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemweave.errors import DataError
from stemweave.evaluation.reports.kinds import read
from stemweave.evaluation.reports.listening import REAL, SHUFFLED
from stemweave.evaluation.reports.report import Report, entry, versions
from stemweave.evaluation.reports.tables import Cell, Row, Table
from stemweave.evaluation.statistics import RESAMPLES, Figure, Floats

HEADER = ("rater", "trial", "item", "label", "rating", "seconds", "order")
"""Columns of a rater's file: ``label`` is the clip's code, ``seconds`` how long it was listened to, ``order`` its place."""
SCALE = range(1, 6)


@dataclass(frozen=True)
class Rating:
    """What a rater gave an item as a system made it, 1 to 5, after so many seconds of listening."""

    rater: str
    item: str
    system: str
    rating: int
    seconds: float


def read_ratings(files: Sequence[Path], key: Path) -> list[Rating]:
    """All ratings in the raters' CSV files, with the systems that the key's JSON gives for their codes.

    Raises :class:`DataError` for a file that cannot be read or is no such table, a code the key does not hold, a rating
    that is not 1 to 5, and a clip that one rater rated twice.
    """
    systems = read(key).get("codes")
    if not isinstance(systems, dict):
        raise DataError(f"{key} holds no codes: give the key.json that was written beside the listening page")
    ratings = [_rating(row, systems, file, line) for file in files for line, row in enumerate(_rows(file), 2)]
    if not ratings:
        raise DataError(f"{', '.join(map(str, files)) or 'no file'}: no rating in it, expected at least one")
    (rater, item, system), often = Counter((one.rater, one.item, one.system) for one in ratings).most_common(1)[0]
    if often > 1:
        raise DataError(
            f"{rater} rated {system}'s {item} {often} times: give each file once, and each rater a name of their own"
        )
    return ratings


def means(ratings: Sequence[Rating], seed: int = 0, resamples: int = RESAMPLES) -> dict[str, Figure]:
    """Each system's mean rating with a 95 % interval: ``real`` first, ``shuffled`` last; ``n`` is the number of ratings.

    Raters and items are resampled together, the same for every system. With one rater or one item there is no interval.
    """
    raters, items, systems = (sorted({getattr(one, name) for one in ratings}) for name in ("rater", "item", "system"))
    total, count = np.zeros((2, len(systems), len(raters), len(items)))
    for one in ratings:
        at = systems.index(one.system), raters.index(one.rater), items.index(one.item)
        total[at] += one.rating
        count[at] += 1
    rng = np.random.default_rng(seed)
    draws = resamples if min(len(raters), len(items)) > 1 else 0
    weights = [rng.multinomial(size, np.full(size, 1 / size), draws) for size in (len(raters), len(items))]
    figures = {name: _figure(total[k], count[k], *weights) for k, name in enumerate(systems)}
    return {name: figures[name] for name in sorted(systems, key=lambda name: (name == SHUFFLED, name != REAL, name))}


def flagged(ratings: Sequence[Rating]) -> list[str]:
    """Raters whose mean rating of the shuffled anchor is above that of the real one."""
    both = {rater: _anchors(ratings, rater) for rater in sorted({one.rater for one in ratings})}
    return [rater for rater, (real, shuffled) in both.items() if shuffled > real]


def ratings_report(ratings: Sequence[Rating], about: Mapping[str, Any], seed: int = 0) -> Report:
    """The systems' means and the raters, in the layout of `tables`; ``about`` says what was rated."""
    items, raters = {one.item for one in ratings}, sorted({one.rater for one in ratings})
    return {
        "report": "listening",
        **versions(),
        **about,
        "raters": len(raters),
        "clips": len(items),
        "ratings": len(ratings),
        "bootstrap": {"unit": "rater and clip", "resamples": RESAMPLES, "seed": seed, "interval": 0.95},
        "tables": [asdict(_systems(ratings, seed)), asdict(_raters(ratings, raters))],
    }


def _systems(ratings: Sequence[Rating], seed: int) -> Table:
    rows = []
    for name, figure in means(ratings, seed).items():
        heard = float(np.mean([one.seconds for one in ratings if one.system == name]))
        rows.append(Row(name, (Cell(**entry(figure)), Cell(heard, n=figure.n))))
    note = f"{REAL} and {SHUFFLED} are hidden anchors; intervals: 95 %, by rater and clip."
    return Table("Rating, 1 to 5", ("mean rating", "listened, s per clip"), tuple(rows), note)


def _raters(ratings: Sequence[Rating], raters: Sequence[str]) -> Table:
    doubtful = flagged(ratings)
    rows = []
    for rater in raters:
        anchors = (Cell(**entry(Figure(mean, np.nan, np.nan, 0))) for mean in _anchors(ratings, rater))
        rows.append(Row(rater, (*anchors, Cell(f"flagged: {SHUFFLED} above {REAL}" if rater in doubtful else "fine"))))
    return Table("Raters' mean ratings of the anchors", (REAL, SHUFFLED, "check"), tuple(rows))


def _anchors(ratings: Sequence[Rating], rater: str) -> tuple[float, float]:
    given = {name: [one.rating for one in ratings if (one.rater, one.system) == (rater, name)] for name in (REAL, SHUFFLED)}
    real, shuffled = (float(np.mean(marks)) if marks else np.nan for marks in given.values())
    return real, shuffled


def _figure(total: Floats, count: Floats, raters: NDArray[Any], items: NDArray[Any]) -> Figure:
    """The mean of one system's ratings, (raters, items), and its interval over weights (resamples, raters or items)."""
    sums, counts = (((raters @ table) * items).sum(1) for table in (total, count))
    drawn = sums[counts > 0] / counts[counts > 0]
    low, high = np.quantile(drawn, (0.025, 0.975)) if len(drawn) else (np.nan, np.nan)
    return Figure(float(total.sum() / count.sum()), float(low), float(high), int(count.sum()))


def _rows(file: Path) -> list[dict[str, str]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            table = list(csv.reader(lines))
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror or error}; check the name") from error
    except (ValueError, csv.Error) as error:
        raise DataError(f"{file} is not a CSV file: {error}; give a file that the listening page saved") from error
    if not table or tuple(table[0]) != HEADER or any(len(row) != len(HEADER) for row in table):
        raise DataError(f"{file} is not a table of {', '.join(HEADER)}: give a file as the listening page saved it")
    return [dict(zip(HEADER, row, strict=True)) for row in table[1:]]


def _rating(row: Mapping[str, str], systems: Mapping[str, str], file: Path, line: int) -> Rating:
    if row["label"] not in systems:
        raise DataError(f"{file}, line {line}: the key does not hold {row['label']!r}; give the key of the page that was rated")
    try:
        rating, seconds = int(row["rating"]), float(row["seconds"])
    except ValueError as error:
        raise DataError(f"{file}, line {line}: {error}; expected a rating from 1 to 5 and seconds") from error
    if rating not in SCALE or not 0 <= seconds < np.inf:
        raise DataError(f"{file}, line {line}: rating {rating} after {seconds:g} s, expected 1 to 5 after 0 s or more")
    return Rating(row["rater"], row["item"], str(systems[row["label"]]), rating, seconds)
