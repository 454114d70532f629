"""``evaluate grid --across``: means with one setting along the top, as tables, as CSV and as a heat map beside the report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stemweave.audio.files import arriving
from stemweave.cli.app import complain
from stemweave.errors import MissingExtra, UsageError
from stemweave.evaluation.protocols.across import MEAN, across
from stemweave.evaluation.reports.heat import heat_map
from stemweave.evaluation.reports.report import free
from stemweave.evaluation.reports.tables import Table, spreadsheet


@dataclass(frozen=True)
class Across:
    """A `grid.View`; ``places`` are as `factors.places` says."""

    places: Mapping[str, tuple[str, str]]
    sheet: Path
    picture: Path

    @classmethod
    def beside(cls, report: Path, places: Mapping[str, tuple[str, str]], *, overwrite: bool) -> "Across":
        """Files of the report's name; raises OutputError where one is there and may not be replaced."""
        made = cls(places, report.with_suffix(".csv"), report.with_suffix(".png"))
        for path in (made.sheet, made.picture):
            if path == report:
                raise UsageError(f"--json is {report}, which is where --across writes: give another name, such as report.json")
            free(path, overwrite)
        return made

    def __call__(self, found: Sequence[Table]) -> list[Table]:
        """The tables and, of each with means, one with the setting along the top; the heat map needs the extra ``plot``."""
        crossed = [across(table, self.places) for table in found if MEAN in table.columns]
        with arriving(self.sheet, overwrite=True) as scratch:
            scratch.write_text(spreadsheet(crossed), encoding="utf-8")
        try:
            heat_map(crossed, self.picture, overwrite=True)
        except MissingExtra as error:
            complain(f"no heat map: {error}")
        return [*found, *crossed]
