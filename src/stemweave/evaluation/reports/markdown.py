"""Reports as one Markdown page: the tables that the HTML page shows, to keep beside the code or to paste."""

from collections.abc import Mapping

from stemweave.evaluation.reports.headings import subject, title
from stemweave.evaluation.reports.kinds import named_tables
from stemweave.evaluation.reports.report import Report
from stemweave.evaluation.reports.tables import markdown

MADE = "Written by `stemweave evaluate report` from the JSON of each run: no number was typed by hand."


def page(reports: Mapping[str, Report]) -> str:
    """All reports by name, one section each, in their order. Raises what `tables_of` does."""
    sections = [_section(name, report) for name, report in reports.items()]
    return "\n".join([f"# {title(reports)}\n", f"{MADE}\n", *sections])


def _section(name: str, report: Report) -> str:
    parts = [f"## {' '.join(f'{name}: {subject(report)}'.split())}\n"]
    if command := str(report.get("command", "")):
        parts.append("\n".join(f"    {line}" for line in command.splitlines()) + "\n")
    return "\n".join([*parts, markdown(named_tables(name, report)) or "Nothing could be measured.\n"])
