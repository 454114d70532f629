import json
from html import unescape
from html.parser import HTMLParser

import pytest

from stemweave.errors import DataError
from stemweave.evaluation.reports.clips import Scene, Sound
from stemweave.evaluation.reports.markup import Html, element, joined
from stemweave.evaluation.reports.page import facts, page

EVIL = "<script>alert(1)</script>\"'&"
REPORT = {
    "report": EVIL,
    "model": {"name": EVIL, "nothing": None},
    "seeds": [0, 1],
    "command": f"stemweave evaluate {EVIL}",
    "tables": [
        {
            "title": EVIL,
            "note": EVIL,
            "columns": [EVIL, "bass"],
            "rows": [
                {"name": EVIL, "cells": [{"value": 6.3886, "low": 5.759, "high": 7.001, "n": 50}, {"value": EVIL}]},
                {"name": "other", "cells": [{"value": None, "status": "skipped"}, {"value": 2}]},
            ],
        }
    ],
}


class Outline(HTMLParser):
    """The elements of a page, checked to be closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.words = [], [], {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open:
            self.words.setdefault(self.open[-1], []).append(data)

    def named(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def made():
    sounds = (Sound(EVIL, "data:audio/ogg;base64,AAAA"), Sound("other", "data:audio/ogg;base64,BBBB"))
    return page({"first": REPORT, EVIL: REPORT}, {"first": [Scene(EVIL, sounds)]})


def test_nothing_comes_from_outside_and_nothing_runs(made):
    outline = Outline(made)
    assert "://" not in made
    assert "url(" not in made
    assert "@import" not in made
    assert not {"script", "link", "iframe", "img", "object", "base"} & {tag for tag, _ in outline.elements}
    for _, attributes in outline.elements:
        assert not [name for name in attributes if name.startswith("on")]
        assert attributes.get("src", "data:").startswith("data:")
        assert attributes.get("href", "#").startswith("#")
    (policy,) = [meta["content"] for meta in outline.named("meta") if "http-equiv" in meta]
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy


def test_what_a_report_says_is_text_wherever_it_is_shown(made):
    assert "<script" not in made
    outline = Outline(made)
    for tag in ("h2", "a", "dd", "p", "th", "td", "figcaption", "text", "pre"):
        assert any("<script>" in words for words in outline.words[tag]), tag
    assert outline.named("section")[0]["aria-label"] == "first"
    assert outline.named("audio")[0]["aria-label"] == f"{EVIL}: {EVIL}"


def test_tables_hold_the_figures_with_their_intervals_and_commands(made):
    outline = Outline(made)
    assert outline.words["td"] == ["6.39 [5.76, 7.00]", EVIL, "–", "2.00"] * 2
    assert outline.words["small"] == [" n = 50"] * 2
    assert outline.words["p"] == [EVIL, f"stemweave evaluate {EVIL}"] * 2
    labels = [svg["aria-label"] for svg in outline.named("svg")]
    assert labels == [f"{EVIL}, {EVIL}: {EVIL} 6.39 [5.76, 7.00]", f"{EVIL}, bass: other 2.00"] * 2


def test_every_link_leads_somewhere(made):
    outline = Outline(made)
    places = [attributes["id"] for _, attributes in outline.elements if "id" in attributes]
    assert sorted(places) == ["r1", "r1-1", "r2", "r2-1"]
    assert {link["href"][1:] for link in outline.named("a")} == set(places)


def test_every_report_is_headed_by_its_name_and_listed(made):
    outline = Outline(made)
    assert outline.words["h2"] == ["first", EVIL]
    contents = made[made.index("<nav") : made.index("</nav>")]
    assert [contents.count(f'href="#{place}"') for place in ("r1", "r1-1", "r2", "r2-1")] == [1] * 4


def test_players_are_in_the_section_of_their_report(made):
    first, second = made.index('<section id="r1"'), made.index('<section id="r2"')
    assert [audio["src"] for audio in Outline(made).named("audio")] == [
        "data:audio/ogg;base64,AAAA",
        "data:audio/ogg;base64,BBBB",
    ]
    assert first < made.index("<audio") < made.rindex("<audio") < second


def test_the_raw_json_is_all_there(made):
    (first, _) = made.split("<pre>")[1:]
    assert json.loads(unescape(first.split("</pre>")[0])) == REPORT


def test_facts_are_words_numbers_and_groups_of_them():
    report = {"device": "cpu", "songs": 3, "seeds": [0, 1], "model": {"name": "band", "splits": ["a"], "anchor": None}}
    nested = {"rows": {"direct": {"value": 1}}, "pairs": [{"song": "x"}], "anchor": None, "verdicts": {"own": {"n": 1}, "p": 1}}
    expected = {"device": "cpu", "songs": "3", "seeds": "0, 1", "model": "name band, splits a"}
    assert facts(report | nested) == expected


def test_a_report_that_cannot_be_shown_is_named():
    with pytest.raises(DataError, match="sky: a report of kind 'horoscope'"):
        page({"first": REPORT, "sky": {"report": "horoscope"}}, {})


def test_text_is_escaped_once_and_html_not_at_all():
    inner = element("b", {"title": '"'}, "<&>")
    assert inner == '<b title="&quot;">&lt;&amp;&gt;</b>'
    assert joined(inner, "<", Html("<i></i>")) == f"{inner}&lt;<i></i>"
