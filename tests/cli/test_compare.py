import json

import pytest
from typer.testing import CliRunner

from stemweave.cli.app import main
from stemweave.cli.evaluate import app
from stemweave.errors import DataError, OutputError, UsageError

STEMS = ["bass", "drums"]


@pytest.fixture
def report(tmp_path):
    """A separation report in which every song of ``row`` has this SI-SDRi, plus its number in dB."""

    def make(name, level, songs=8, sha256="abc", row="masked"):
        by_song = {f"song{k}": [level + k, level - k] for k in range(songs)}
        content = {
            "report": "separation",
            "model": {"name": name, "sha256": "def"},
            "seeds": [0],
            "data": {"folder": "songs", "songs": songs, "sha256": sha256},
            "stems": STEMS,
            "rows": {row: {"si_sdri_by_song": by_song}},
        }
        path = tmp_path / name / "figures.json" if "/" in name else tmp_path / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
        return path

    return make


def run(*arguments):
    return CliRunner().invoke(app, ["compare", *map(str, arguments)], catch_exceptions=False)


def test_the_second_is_held_against_the_first(report, tmp_path, monkeypatch):
    place = tmp_path / "new" / "verdict.json"
    monkeypatch.setattr("sys.argv", ["/bin/stemweave", "evaluate", "compare", "my songs.json"])
    result = run(report("old", 5.0), report("better", 6.5), "--json", place)
    assert result.exit_code == 0
    found = json.loads(place.read_text())
    assert (found["report"], found["row"], found["data"]["sha256"]) == ("comparison", "masked", "abc")
    assert {name: how["model"]["name"] for name, how in found["compared"].items()} == {"old": "old", "better": "better"}
    assert found["command"] == "stemweave evaluate compare 'my songs.json'"
    (table,) = found["tables"]
    assert table["columns"] == ["old", "better", "better over old", "p", "better is"]
    assert [row["name"] for row in table["rows"]] == [*STEMS, "mean"]
    assert [row["cells"][2]["value"] for row in table["rows"]] == pytest.approx([1.5] * 3)
    assert "| mean | 5.00 [5.00, 5.00] (n = 8 too small) | 6.50 [6.50, 6.50] (n = 8 too small) | 1.50 " in result.stdout
    assert "| better |\n" in result.stdout


def test_any_row_of_both_can_be_compared(report):
    result = run(report("old", 5.0, row="direct"), report("new", 5.0, row="direct"), "--row", "direct")
    assert "### Active-only SI-SDRi, direct, dB" in result.stdout
    assert result.stdout.count("| 1 | undecided |") == 3


def test_files_of_one_name_are_told_apart_by_their_folders(report):
    one, other = report("runs/a", 5.0), report("runs/b", 6.0)
    assert f"| row | {one} | {other} | {other} over {one} |" in run(one, other).stdout


def test_mistakes_are_named(report, tmp_path):
    one = report("one", 5.0)
    grid = tmp_path / "grid.json"
    grid.write_text('{"report": "grid", "tables": []}')
    for arguments, error, message in (
        ((one, one), UsageError, "one.json is given twice, expected two reports"),
        ((one, report("other", 5.0, sha256="other")), DataError, "one .* and other .* are on different songs or stems"),
        ((one, report("few", 5.0, row="direct")), DataError, "few has no row 'masked': give one of direct"),
        ((one, report("two", 6.0), "--row", "oracle"), DataError, "one has no row 'oracle': give one of masked"),
        ((one, grid), DataError, "grid is a report of kind 'grid'"),
        ((one, tmp_path / "gone.json"), DataError, r"gone\.json cannot be read"),
        ((report("a", 5.0, songs=3), report("b", 6.0, songs=3)), DataError, "3 songs, expected at least 6"),
    ):
        with pytest.raises(error, match=message):
            run(*arguments)


def test_one_file_only_is_a_mistake_in_one_line(report, capsys):
    assert main(["evaluate", "compare", str(report("one", 5.0))]) == 2
    told = capsys.readouterr().err
    assert told.startswith("stemweave: Missing argument 'second'")
    assert told.count("\n") == 1


def test_a_report_is_not_overwritten_unasked(report, tmp_path):
    one, other, place = report("one", 5.0), report("two", 6.0), tmp_path / "verdict.json"
    place.write_text("mine")
    with pytest.raises(OutputError, match="--overwrite"):
        run(one, other, "--json", place)
    assert place.read_text() == "mine"
    run(one, other, "--json", place, "--overwrite")
    assert json.loads(place.read_text())["report"] == "comparison"
