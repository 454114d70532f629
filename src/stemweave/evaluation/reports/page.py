"""One page of reports: tables, plots and players in a single HTML file that needs no network and runs no script."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stemweave.evaluation.reports.clips import Scene
from stemweave.evaluation.reports.headings import title
from stemweave.evaluation.reports.kinds import named_tables
from stemweave.evaluation.reports.markup import Html, document, element, joined
from stemweave.evaluation.reports.plots import plots
from stemweave.evaluation.reports.report import Report
from stemweave.evaluation.reports.tables import Cell, Table

POLICY = "default-src 'none'; style-src 'unsafe-inline'; media-src data:; base-uri 'none'; form-action 'none'"


def page(reports: Mapping[str, Report], sounds: Mapping[str, Sequence[Scene]]) -> str:
    """All reports by name, one section each; ``sounds`` are to be listened to, by the name of their report.

    Everything that comes from a report is escaped. Raises what `tables_of` does.
    """
    chapters = {f"r{k}": name for k, name in enumerate(reports, 1)}
    tables = {anchor: named_tables(name, reports[name]) for anchor, name in chapters.items()}
    sections = [
        _chapter(anchor, name, reports[name], tables[anchor], sounds.get(name, ())) for anchor, name in chapters.items()
    ]
    links = [_links(anchor, name, tables[anchor]) for anchor, name in chapters.items()]
    contents = element("nav", {"aria-label": "Contents"}, element("ul", {}, *links))
    heading = title(reports)
    return document(heading, POLICY, element("main", {}, element("h1", {}, heading), contents, *sections))


def facts(report: Report) -> dict[str, str]:
    """What a report says of itself in plain words and numbers, in lists of them, and in groups of such."""
    return {key: text for key, value in report.items() if (text := _group(value) if isinstance(value, dict) else _plain(value))}


def _group(values: Mapping[str, Any]) -> str:
    if any(isinstance(value, dict) for value in values.values()):
        return ""
    return ", ".join(f"{key} {text}" for key, value in values.items() if (text := _plain(value)))


def _plain(value: Any) -> str:
    items = value if isinstance(value, list) else [value]
    return ", ".join(map(str, items)) if all(isinstance(item, str | int | float) for item in items) else ""


def _links(anchor: str, name: str, tables: Sequence[Table]) -> Html:
    below = [element("li", {}, _link(f"{anchor}-{k}", table.title)) for k, table in enumerate(tables, 1)]
    return element("li", {}, _link(anchor, name), element("ul", {}, *below))


def _link(anchor: str, text: str) -> Html:
    return element("a", {"href": f"#{anchor}"}, text)


def _chapter(anchor: str, name: str, report: Report, tables: Sequence[Table], scenes: Sequence[Scene]) -> Html:
    terms = (joined(element("dt", {}, key), element("dd", {}, text)) for key, text in facts(report).items())
    command = str(report.get("command", ""))
    shown = [_table(f"{anchor}-{k}", table, command) for k, table in enumerate(tables, 1)]
    raw = element("pre", {}, json.dumps(report, indent=1, ensure_ascii=False))
    return element(
        "section",
        {"id": anchor, "aria-label": name},
        element("h2", {}, name),
        element("dl", {}, *terms),
        *shown,
        *map(_listen, scenes),
        element("details", {}, element("summary", {}, "Raw JSON"), raw),
    )


def _table(anchor: str, table: Table, command: str) -> Html:
    head = element("tr", {}, *(element("th", {"scope": "col"}, text) for text in ("", *table.columns)))
    rows = (
        element("tr", {}, element("th", {"scope": "row"}, row.name), *(_cell(table, cell) for cell in row.cells))
        for row in table.rows
    )
    whole = element(
        "table",
        {"aria-label": table.title},
        element("thead", {}, head),
        element("tbody", {}, *rows),
    )
    return element(
        "section",
        {"id": anchor, "aria-label": table.title},
        element("h3", {}, _link(anchor, table.title)),
        *_paragraph("note", table.note),
        element("div", {"class": "wide", "tabindex": 0, "role": "group", "aria-label": table.title}, whole),
        element("div", {"class": "plots"}, *plots(table)),
        *_paragraph("made", command),
    )


def _cell(table: Table, cell: Cell) -> Html:
    n = element("small", {}, f" n = {cell.n}") if cell.n is not None and cell.status == "ok" else ""
    return element("td", {}, table.text(cell), n)


def _paragraph(kind: str, text: str) -> Iterator[Html]:
    if text:
        yield element("p", {"class": kind}, text)


def _listen(scene: Scene) -> Html:
    players = (
        element(
            "figure",
            {},
            element("figcaption", {}, sound.name),
            element(
                "audio", {"controls": "", "preload": "metadata", "aria-label": f"{scene.title}: {sound.name}", "src": sound.uri}
            ),
        )
        for sound in scene.sounds
    )
    return joined(element("h3", {}, scene.title), element("div", {"class": "plots"}, *players))
