"""The pages in a real browser, opened from disk without a network, and clicked through by a script of the test's own."""

import json
import shutil
import subprocess
from html import unescape

import numpy as np
import pytest
import soundfile

from stemweave.audio.formats import FLAC16, OGG
from stemweave.evaluation.reports.clips import Room
from stemweave.evaluation.reports.kinds import read
from stemweave.evaluation.reports.listening import key, page, trials
from stemweave.evaluation.reports.page import page as report_page
from stemweave.evaluation.reports.ratings import flagged, means, read_ratings

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SYSTEMS = ("ours", "real", "shuffled")
ITEMS = ("first", "second, and last", "third")

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")]

CLICK_THROUGH = """
URL.createObjectURL = (blob) => {
  blob.text().then((csv) => document.body.append(make("pre", { id: "csv" }, csv)));
  return "#csv";
};
const problems = [];
const expect = (what, is) => is || problems.push(what);
document.querySelector("form button").click();
expect("a name is asked for", document.getElementById("rater"));
document.getElementById("rater").value = ' Anna "A", B ';
document.querySelector("form button").click();
for (let k = 0; k < 3; k += 1) {
  const heading = document.querySelector("h1").textContent;
  expect(`heading ${heading}`, heading === `Trial ${k + 1} of 3` && document.activeElement.tagName === "H1");
  expect("progress", document.querySelector("progress").value === k);
  const players = [...document.querySelectorAll("audio")];
  const paused = [];
  players.forEach((audio, index) => (audio.pause = () => paused.push(index)));
  players[1].dispatchEvent(new Event("play"));
  expect(`only the others pause: ${paused}`, paused.join() === "0,2");
  const go = document.getElementById("next");
  [...document.querySelectorAll("fieldset")].forEach((scale, index) => {
    const audio = players[index];
    let at = 0;
    Object.defineProperty(audio, "currentTime", { get: () => at });
    const move = (to, what) => ((at = to), audio.dispatchEvent(new Event(what)));
    move(2.5, "timeupdate"), move(1, "seeking"), move(1, "timeupdate"), move(2, "timeupdate");
    expect("waits for all ratings", go.disabled);
    go.click();
    expect("stays", document.querySelector("h1").textContent === heading);
    scale.querySelectorAll("input")[1].click();
    scale.querySelectorAll("input")[(k + index) % 5].click();
  });
  expect("goes on", !go.disabled && document.getElementById("hint").textContent === "All clips are rated.");
  go.click();
}
expect("ends", document.querySelector("h1").textContent === "Thank you");
expect("saves before another begins", document.getElementById("another").disabled);
document.getElementById("save").click();
document.getElementById("another").click();
expect("begins again", document.getElementById("rater").value === "" && !state.rater);
expect("forgets", !Object.keys(state.ratings).length);
document.body.append(make("pre", { id: "problems" }, problems.join("; ")));
"""

RELOAD = """
if (!state.rater) {
  document.getElementById("rater").value = "Ben";
  document.querySelector("form button").click();
  document.querySelectorAll("fieldset").forEach((scale) => scale.querySelectorAll("input")[2].click());
  document.getElementById("next").click();
  document.querySelector("fieldset input").click();
  location.reload();
} else {
  document.body.append(make("pre", { id: "checked" }, String(document.querySelector("fieldset input").checked)));
}
"""

LENGTHS = """
document.getElementById("rater").value = "Ben";
document.querySelector("form button").click();
document.querySelectorAll("audio").forEach((audio) => {
  const told = make("pre", { className: "length" }, "?");
  document.body.append(told);
  audio.addEventListener("loadedmetadata", () => (told.textContent = audio.duration.toFixed(2)));
  audio.addEventListener("error", () => (told.textContent = audio.error.message));
});
"""

FORGETFUL = 'Object.defineProperty(window, "localStorage", { get() { throw new Error("denied"); } });'


@pytest.fixture
def opened(tmp_path):
    """The page as the browser shows it, after ``before`` has run ahead of its own scripts and ``after`` behind them."""

    def call(text, after="", before=""):
        place = tmp_path / "page.html"
        place.write_text(
            text.replace("<body>", f"<body><script>{before}</script>").replace("</body>", f"<script>{after}</script></body>")
        )
        offline = [
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--virtual-time-budget=5000",
            f"--user-data-dir={tmp_path / 'user'}",
        ]
        command = [CHROMIUM, "--headless", "--disable-gpu", "--no-sandbox", *offline, "--dump-dom", place.as_uri()]
        return subprocess.run(command, capture_output=True, timeout=120, check=True).stdout.decode()

    return call


@pytest.fixture
def folders(tmp_path):
    made = {system: tmp_path / system for system in SYSTEMS}
    for number, folder in enumerate(made.values()):
        folder.mkdir()
        for k, item in enumerate(ITEMS):
            soundfile.write(folder / f"{item}.wav", np.random.default_rng((number, k)).standard_normal(12000) * 0.1, 8000)
    return made


def told(dom, name):
    """The text of the element that a driver wrote."""
    return unescape(dom.split(f'<pre id="{name}">')[1].split("</pre>")[0])


def test_a_test_is_taken_from_the_first_name_to_the_csv(opened, folders, tmp_path):
    made = trials(folders, 2)
    dom = opened(page(made, Room(OGG, 5)), CLICK_THROUGH)
    assert told(dom, "problems") == ""
    (tmp_path / "anna.csv").write_bytes(told(dom, "csv").encode())
    (tmp_path / "key.json").write_text(json.dumps(key(made, 2)))
    ratings = read_ratings([tmp_path / "anna.csv"], tmp_path / "key.json")
    expected = [
        (trial.item, clip.system, (k + at) % 5 + 1) for k, trial in enumerate(made) for at, clip in enumerate(trial.clips)
    ]
    assert [(one.item, one.system, one.rating) for one in ratings] == expected
    assert {(one.rater, one.seconds) for one in ratings} == {('Anna "A", B', 3.5)}
    assert set(means(ratings)) == set(SYSTEMS)
    assert flagged(ratings) in ([], ['Anna "A", B'])
    rows = told(dom, "csv").splitlines()
    assert [row.rsplit(",", 1)[1] for row in rows] == ["order", *"123" * 3]


def test_a_browser_that_remembers_nothing_can_take_the_test(opened, folders):
    dom = opened(page(trials(folders, 2), Room(OGG, 5)), CLICK_THROUGH, before=FORGETFUL)
    assert told(dom, "problems") == ""
    assert len(told(dom, "csv").splitlines()) == 10


def test_a_closed_page_goes_on_where_it_stopped(opened, folders):
    dom = opened(page(trials(folders, 2), Room(OGG, 5)), RELOAD)
    assert ">Trial 2 of 3</h1>" in dom
    assert "2 of 3 clips are not rated yet." in dom
    assert told(dom, "checked") == "true"


@pytest.mark.parametrize("encoding", [OGG, FLAC16], ids=lambda encoding: encoding.name)
def test_the_browser_plays_what_is_embedded(opened, folders, encoding):
    dom = opened(page(trials(folders, 2), Room(encoding, 5)), LENGTHS)
    lengths = [float(part.split("<")[0]) for part in dom.split('<pre class="length">')[1:]]
    assert lengths == pytest.approx([1.5] * 3, abs=0.05)


def test_a_question_is_asked_as_text(opened, folders):
    evil = "</script><script>document.title = 'hacked'</script>"
    start = 'document.getElementById("rater").value = "Ben"; document.querySelector("form button").click();'
    dom = opened(page(trials(folders, 2), Room(OGG, 5), question=evil), start)
    assert "<title>Listening test</title>" in dom
    assert "<legend>Clip A: &lt;/script&gt;&lt;script&gt;document.title = 'hacked'&lt;/script&gt;</legend>" in dom


def test_a_report_is_shown_and_runs_no_script(opened, pytestconfig):
    results = sorted((pytestconfig.rootpath / "docs" / "results").glob("*.json"))
    evil = '<script>document.title = "hacked"</script>'
    odd = {"report": evil, "tables": [{"title": evil, "columns": ["a"], "rows": [{"name": evil, "cells": [{"value": 1}]}]}]}
    made = report_page({path.stem: read(path) for path in results} | {evil: odd}, {})
    dom = opened(made, after='document.title = "hacked"')
    assert "<title>hacked</title>" not in dom
    assert dom.count("<h2>") == len(results) + 1
    assert dom.count("<svg") > 20
