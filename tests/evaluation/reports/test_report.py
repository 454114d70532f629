import json
import math
import re

import pytest

from stemweave.errors import OutputError
from stemweave.evaluation.protocols.estimators import trivial
from stemweave.evaluation.protocols.separation import run
from stemweave.evaluation.protocols.summary import findings
from stemweave.evaluation.reports.kinds import tables_of
from stemweave.evaluation.reports.report import entry, free, write
from stemweave.evaluation.reports.tables import markdown
from stemweave.evaluation.statistics import Figure

NAMES = ("bass", "drums", "piano")


@pytest.fixture
def report(songs):
    results = [result for song in run(songs, NAMES, [trivial]) for result in song]
    by_row = {row: [r for r in results if r.row == row] for row in ("silence", "mixture")}
    return {"report": "separation", **findings(NAMES, by_row)}


def test_a_report_says_what_was_measured_how_and_on_how_much(report):
    assert (report["songs"], report["seconds"]) == (3, 28.0)
    assert report["windows"] == {"active": 3 + 5 + 7, "msdm": 5}
    assert report["bootstrap"] == {"unit": "song", "resamples": 10000, "seed": 0, "interval": 0.95}
    cell = report["rows"]["silence"]["metrics"]["si_sdr"]["bass"]
    assert cell == {"value": -30.0, "low": -30.0, "high": -30.0, "n": 3, "status": "ok"}
    assert report["rows"]["mixture"]["si_sdri_by_song"]["song1"][2] is None
    assert set(report["rows"]["mixture"]["metrics"]["si_sdri"]) == {*NAMES, "all"}


def test_what_could_not_be_measured_is_skipped_never_zero(report):
    cell = report["rows"]["silence"]["metrics"]["ghost_rate"]["bass"]
    assert cell == {"value": None, "low": None, "high": None, "n": 0, "status": "skipped"}
    assert entry(Figure(math.nan, math.nan, math.nan, 0))["status"] == "skipped"


def test_markdown_is_printed_from_the_json(report):
    text = markdown(tables_of(json.loads(json.dumps(report))))
    assert "3 songs, 0.5 minutes" in text
    songs = "3 songs, 0.5 minutes; intervals: 95 %, by song."
    head = "| row | bass | drums | piano | all |\n|---|---|---|---|---|"
    assert f"### Active-only SI-SDRi, dB\n\n{songs}\n\n{head}\n| silence | " in text
    assert "| silence | -30.00 [-30.00, -30.00] (n = 3 too small) | -30.00" in text
    text = re.sub(r" \(n = \d+ too small\)", "", text)
    assert "| silence | -30.00 [-30.00, -30.00] | -30.00 [-30.00, -30.00]" in text
    assert "| mixture | 0.00 | 0.00 | 0.00 | 0.00 |" in text.replace("-0.00", "0.00")
    assert "| silence | – | – | 0.00 [0.00, 0.00] | 0.00 [0.00, 0.00] |" in text
    assert text.count("| silence |") == 10


def test_a_metric_nothing_was_measured_for_has_no_table(songs):
    results = [result for song in run(songs, NAMES, [trivial], msdm=False) for result in song if result.row == "silence"]
    assert "2302.02257" not in markdown(tables_of({"report": "separation", **findings(NAMES, {"silence": results})}))


def test_files_are_whole_or_not_there(report, tmp_path):
    place = tmp_path / "new" / "report.json"
    free(place, False)
    write(place, report)
    assert json.loads(place.read_text()) == json.loads(json.dumps(report))
    with pytest.raises(OutputError, match="--overwrite"):
        free(place, False)
    free(place, True)
    with pytest.raises(ValueError, match="Out of range"):
        write(place, {"nan": math.nan})
    assert [path.name for path in place.parent.iterdir()] == ["report.json"]
    assert json.loads(place.read_text())["report"] == "separation"
    with pytest.raises(OutputError, match="cannot be written"):
        write(place / "below.json", report)
    with pytest.raises(OutputError, match="cannot be written"):
        free(place / "below.json", False)
    write(None, report)
    free(None, False)
