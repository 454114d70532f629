"""Writes docs/benchmarks.md and its plots from the reports of the benchmark, so that no number is typed by hand.

    python -m bench.page [--quick]

The reports: evaluations.json (python -m bench.evaluations), walks.json (python -m bench.walks), speed.json (stemweave evaluate
efficiency), slice.md (what python bench/solvers.py --slice prints). A part that was not measured is said to be missing.
"""

import argparse
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench import results
from bench.goals import Reports, goals
from bench.pictures import draw
from stemweave.evaluation.reports.kinds import read, tables_of
from stemweave.evaluation.reports.tables import markdown

PARTS = {
    "evaluations": ("One evaluation of a network", "Side by side, with the same weights on the same input."),
    "walks": ("Separation end to end", "Every method on the same network and the same excerpts."),
    "speed": ("By length of the song", "Separation from file to file, and making music."),
}
PLOTS = {"evaluations": "evaluations", "walks": "walks", "speed": "lengths"}
MADE = "Written by `python -m bench.page` from the reports that `make bench` makes: no number was typed by hand."
BRIEF = "**A quick run, which shows that it works: its figures say little.**"


def page(reports: Reports, plots: Sequence[Path], beside: Path, solvers: str) -> str:
    """The page as Markdown, with links from the folder ``beside``; ``solvers`` is what a slice of that study printed."""
    parts = ["# Benchmarks\n", f"{MADE}\n"]
    if any(report.get("quick") for report in reports.values()):
        parts.append(f"{BRIEF}\n")
    parts.append(markdown([goals(reports)]))
    for name, (title, about) in PARTS.items():
        parts.append(f"## {title}\n")
        parts += _part(reports, name, about, [plot for plot in plots if plot.stem == PLOTS[name]], beside)
    parts += ["## Fewer evaluations\n", *_study(beside), solvers or "No slice was measured yet.\n"]
    return "\n".join(parts)


def _part(reports: Reports, name: str, about: str, plots: Sequence[Path], beside: Path) -> Iterator[str]:
    if name not in reports:
        yield "Not measured yet.\n"
        return
    report = reports[name]
    yield f"{about}\n"
    yield f"    {report['command']}\n"
    versions = {key: report[key] for key in ("stemweave", "torch") if key in report}
    yield ", ".join(f"{key}: {value}" for key, value in {**versions, **report.get("machine", {})}.items()) + ".\n"
    yield from (f"![{plot.stem}]({os.path.relpath(plot, beside)})\n" for plot in plots)
    yield markdown(tables_of(report))


def _study(beside: Path) -> Iterator[str]:
    if (beside / "solvers.md").exists():
        yield "The whole study is in [solvers.md](solvers.md); this is a slice of it, which shows that it runs.\n"


def main() -> None:
    """Write the page of what was measured."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--quick", action="store_true", help="the page of the quick reports, beside them")
    asked.add_argument("--reports", type=Path, help="their folder")
    asked.add_argument("-o", "--output", type=Path, help="the page")
    args = asked.parse_args()
    folder = args.reports or (results.QUICK if args.quick else results.FOLDER)
    output = args.output or (folder / "benchmarks.md" if args.quick else folder.with_suffix(".md"))
    reports = {name: read(folder / f"{name}.json") for name in PARTS if (folder / f"{name}.json").exists()}
    output.parent.mkdir(parents=True, exist_ok=True)
    part = folder / "slice.md"
    solvers = part.read_text(encoding="utf-8") if part.exists() else ""
    output.write_text(page(reports, list(draw(reports, folder)), output.parent, solvers), encoding="utf-8")
    print(f"wrote {output}")


if __name__ == "__main__":
    results.run(main)
