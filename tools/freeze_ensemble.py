"""Freezes what a model of text is separated by: chosen from a grid on validation songs, written into its config.json.

    python tools/freeze_ensemble.py docs/results/gmsdi-band-grid.json -n gmsdi-band -o .work/models/gmsdi-band-chosen

The grid varies likelihood=dirac,extractor and, where these are to be chosen too, anchor and guidance (runs/gmsdi_grid.sh). The
separator and the extractor with the best means are taken, without guidance where that gives less than 0.05 dB, for it doubles
the cost; the ensemble has from the extractor the stems that it does better (2403.11706 §5.4). The model is copied to the
output; where that is the model's own folder only its config.json changes.
"""

import argparse
import json
import math
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stemweave.cli.factors import Point, points
from stemweave.errors import DataError, ModelError, OutputError, StemweaveError
from stemweave.model.checkpoint import CARD, CONFIG, WEIGHTS, digest, find, read_config
from stemweave.model.config import ModelConfig, Prompting, Settings

SEPARATOR, EXTRACTOR = "dirac", "extractor"
WITHIN = 0.05
"""dB."""


@dataclass(frozen=True)
class Best:
    """A setting of the grid with its means over songs: dB of each stem, and of all."""

    name: str
    point: Point
    stems: tuple[float, ...]
    mean: float


@dataclass(frozen=True)
class Choice:
    """The best separator and extractor, and which stems the ensemble has from the latter."""

    separator: Best
    extractor: Best
    stems: tuple[str, ...]

    @property
    def extracted(self) -> tuple[str, ...]:
        """The stems that the extractor does better."""
        better = zip(self.stems, self.separator.stems, self.extractor.stems, strict=True)
        return tuple(stem for stem, separated, extracted in better if extracted > separated)

    def text(self) -> str:
        """For people."""
        levels = zip(self.stems, self.separator.stems, self.extractor.stems, strict=True)
        lines = [f"{stem}: separator {one:.2f} dB, extractor {other:.2f} dB" for stem, one, other in levels]
        names = ", ".join(self.extracted) or "none"
        return "\n".join([f"separator: {self.separator.name}; extractor: {self.extractor.name}", *lines, f"extracted: {names}"])


def choose(report: Mapping[str, Any], way: str = "direct") -> Choice:
    """From a grid's report. Raises DataError for one on test songs, and for one without a measured separator or extractor."""
    try:
        title, splits, named = f"Separation, {way}", report["data"]["splits"], points(report["vary"])
        table = next(table for table in report["tables"] if table["title"] == title)
        stems = table["columns"][: table["columns"].index("mean")]
        found = [_best(row, named[row["name"]], len(stems)) for row in table["rows"]]
    except (KeyError, TypeError, ValueError, StopIteration) as error:
        raise DataError(f"no report of a grid with rows {way!r} ({error!r}): give what runs/gmsdi_grid.sh wrote") from error
    if test := [split for split in splits if split.startswith("test")]:
        raise DataError(f"the grid was measured on {', '.join(test)}: choose on validation songs, and report on test songs")
    return Choice(_highest(found, SEPARATOR), _highest(found, EXTRACTOR), tuple(stems))


def _best(row: Mapping[str, Any], point: Point, stems: int) -> Best:
    values = [math.nan if cell["value"] is None else float(cell["value"]) for cell in row["cells"][: stems + 1]]
    return Best(row["name"], point, tuple(values[:-1]), values[-1])


def _highest(found: Sequence[Best], likelihood: str) -> Best:
    """Without guidance, which doubles the cost, where that is no worse than by `WITHIN`."""
    measured = [one for one in found if one.point.get("likelihood") == likelihood and math.isfinite(one.mean)]
    if not measured:
        raise DataError(f"the grid has no row of likelihood {likelihood}: measure {SEPARATOR} and {EXTRACTOR}")
    best = max(measured, key=lambda one: one.mean)
    plain = [one for one in measured if one.point.get("guidance") == 1 and one.mean >= best.mean - WITHIN]
    return max(plain, key=lambda one: one.mean, default=best)


def frozen(config: ModelConfig, choice: Choice) -> ModelConfig:
    """The configuration with the choice in it. Raises ModelError for a model that is not told in words, or of other stems."""
    if config.text is None:
        raise ModelError(f"{config.name} is not told in words: it has neither guidance nor an extractor to freeze")
    if config.stems != choice.stems:
        raise ModelError(f"{config.name} knows {', '.join(config.stems)}, the grid has {', '.join(choice.stems)}")

    def told(settings: Settings) -> Settings:
        anchor = choice.separator.point.get("anchor", settings.anchor)
        return replace(settings, anchor="" if anchor == "loudest" else anchor, extracted=choice.extracted)

    text = replace(
        config.text,
        separate=_weighted(config.text.separate, choice.separator.point),
        extract=_weighted(config.text.extract, choice.extractor.point),
    )
    return replace(config, settings=told(config.settings), best=told(config.best), text=text)


def _weighted(job: Prompting, point: Point) -> Prompting:
    """As the grid has guidance: at every noise level, nothing rescaled."""
    return replace(job, weight=point["guidance"], low=0.0, high=0.0, rescale=0.0) if "guidance" in point else job


def keep(folder: Path, place: Path, config: ModelConfig) -> None:
    """The model at another place, or at its own, with this configuration. Raises OutputError where another model is."""
    if place.resolve() != folder.resolve():
        if place.exists() and digest(place) != digest(folder):
            raise OutputError(f"{place} is there already, and not {config.name}: choose another place")
        place.mkdir(parents=True, exist_ok=True)
        for name in (WEIGHTS, CARD):
            shutil.copyfile(folder / name, place / name)
    with tempfile.TemporaryDirectory(dir=place.parent) as draft:
        (Path(draft) / CONFIG).write_text(config.to_json())
        (Path(draft) / CONFIG).replace(place / CONFIG)


def main() -> int:
    """Choose, say what was chosen, and freeze it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("grid", type=Path, help="the report of the grid")
    parser.add_argument("-n", "--model", required=True, help="the model by name, folder or hub id")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the folder of the model with the choice")
    parser.add_argument("--row", default="direct", help="which row of the grid decides: direct or masked")
    asked = parser.parse_args()
    try:
        folder, report = find(asked.model), json.loads(asked.grid.read_text())
        choice = choose(report, asked.row)
        keep(folder, asked.output, frozen(read_config(folder), choice))
    except (StemweaveError, OSError, ValueError) as error:
        print(f"freeze_ensemble: {error}", file=sys.stderr)
        return 2
    print(choice.text())
    if not choice.extracted:
        print("the ensemble is the separator alone", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
