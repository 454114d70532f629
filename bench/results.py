"""What every part of the benchmark does with its figures: one report per part, kept until it is removed."""

import argparse
import dataclasses
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stemweave.cli.app import complain
from stemweave.errors import StemweaveError
from stemweave.evaluation.reports import report as reports
from stemweave.evaluation.reports.tables import Table, markdown

FOLDER = Path("docs/benchmarks")
QUICK = Path(".work/benchmarks-quick")


def add_options(parser: argparse.ArgumentParser, name: str) -> None:
    """Where the part ``name`` writes its report, and how much is measured."""
    parser.add_argument("--quick", action="store_true", help="show that it runs, on little; the report says so")
    parser.add_argument("--json", type=Path, help=f"default: {FOLDER}/{name}.json, with --quick {QUICK}/{name}.json")
    parser.add_argument("--overwrite", action="store_true", help="measure again")
    parser.set_defaults(part=name)


def run(main: Callable[[], None]) -> None:
    """Run a part, and say in one line what went wrong."""
    try:
        main()
    except StemweaveError as error:
        sys.exit(complain(str(error), 2))


def place(args: argparse.Namespace) -> Path:
    """The report's file."""
    chosen: Path = args.json or (QUICK if args.quick else FOLDER) / f"{args.part}.json"
    return chosen


def kept(args: argparse.Namespace) -> bool:
    """Whether the report is there already and stays."""
    there = place(args).exists() and not args.overwrite
    if there:
        print(f"kept: {place(args)}")
    return there


def write(args: argparse.Namespace, kind: str, about: Mapping[str, Any], tables: Sequence[Table]) -> None:
    """Keep a report and print it."""
    command = shlex.join(["python", "-m", f"bench.{args.part}", *sys.argv[1:]])
    said = {"report": kind, **reports.versions(), **about, "quick": args.quick, "command": command}
    reports.write(place(args), {**said, "tables": [dataclasses.asdict(table) for table in tables]})
    print(markdown(tables))
