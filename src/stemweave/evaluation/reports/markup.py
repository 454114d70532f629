"""HTML by construction: every text is escaped where it is put into an element, unless it is HTML already."""

from collections.abc import Mapping
from functools import cache
from html import escape
from importlib import resources


class Html(str):
    """Text that is HTML; any other text is escaped on its way into a page."""

    __slots__ = ()


def element(name: str, attributes: Mapping[str, object], *children: str) -> Html:
    """An element with what it holds, one after the other."""
    opened = "".join(f' {key}="{escape(str(value))}"' for key, value in attributes.items())
    return Html(f"<{name}{opened}>{joined(*children)}</{name}>")


def joined(*children: str) -> Html:
    """Several pieces of HTML or text, one after the other."""
    return Html("".join(child if isinstance(child, Html) else escape(child) for child in children))


def document(title: str, policy: str, *body: str) -> Html:
    """A whole page that needs nothing from outside; ``policy`` is the content security policy that enforces it."""
    head = joined(
        Html('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">'),
        element("title", {}, title),
        element("style", {}, Html(asset("page.css"))),
    )
    page = element("html", {"lang": "en"}, element("head", {}, head), element("body", {}, *body))
    return joined(Html("<!DOCTYPE html>\n"), page, "\n")


@cache
def asset(name: str) -> str:
    """A style sheet or script that ships with stemweave."""
    return (resources.files("stemweave.evaluation.reports") / name).read_text(encoding="utf-8")
