"""The page from made reports: what was asked is answered from the figures, and what is missing is said."""

import json
import sys
from dataclasses import asdict

import pytest

from bench import page, results
from bench.goals import goals
from stemweave.errors import UsageError
from stemweave.evaluation.reports.tables import Cell, Row, Table

MACHINE = {"processor": "a processor", "threads": 2, "device": "cpu", "gpu": "no"}
SKIPPED = Cell(None, status="skipped")


def report(*tables, **about):
    made = {"report": "made", "command": "python -m bench.made", "machine": MACHINE, **about}
    return {**made, "tables": [asdict(table) for table in tables]}


def ways(*rows):
    columns = ("time, s", "× as fast", "worst relative error of D", "share of the matrix rate")
    return Table("One evaluation: MSDM at full size", columns, tuple(rows))


def evaluations(times=1.2, low=None, device="cpu"):
    first = Row("official package, float32", (Cell(2.4), Cell(1.0), Cell("0.0e+00"), Cell(0.6)))
    ours = Row("ours, float32", (Cell(2.4 / times), Cell(times), Cell("1.0e-06"), Cell(0.7)))
    absent = (Cell("not on this processor"), SKIPPED, SKIPPED, SKIPPED)
    return report(ways(first, ours, Row("ours, bfloat16", low or absent)), machine={**MACHINE, "device": device})


def walks(times=25.0, worse=(-0.05, -0.15, 0.05), last=0.02):
    cost = Table(
        "Separation end to end",
        ("calls of the network", "seconds for a minute of music", "× as fast as the official loop"),
        (
            Row("official loop", (Cell(300), Cell(600.0), Cell(1.0))),
            Row("ours, dirac", (Cell(12), Cell(600 / times), Cell(times))),
        ),
    )
    difference = Cell(*worse, n=6) if worse else SKIPPED
    scores = Table(
        "Separation, direct",
        ("mean", "over official loop"),
        (Row("official loop", (Cell(5.0, 4.0, 6.0), SKIPPED)), Row("ours, dirac", (Cell(5.0, 4.0, 6.0), difference))),
    )
    columns = ("3.0 s, s", "3.0 s, s per stem", "11.9 s, s", "11.9 s, s per stem")
    stems = [Row(f"{count} stems", (Cell(0.1), Cell(each), Cell(0.1), Cell(each))) for count, each in ((1, 0.03), (4, last))]
    return report(cost, scores, Table("One evaluation by number of stems, independent priors", columns, tuple(stems)))


def speed(longest=15.0, peak=700.0):
    columns = ("time, s", "× real time", "peak memory, MB", "peak memory of the device, MB")
    rows = [("1 min", 4.0, 15.0, 650.0), ("10 min", 40.0, longest, peak)]
    return report(Table("Separation by length of the song", columns, tuple(Row(n, (*map(Cell, v), SKIPPED)) for n, *v in rows)))


def answer(goal, **reports):
    (cells,) = (row.cells for row in goals(reports).rows if row.name.startswith(goal))
    return cells[1].value, cells[2].value


def test_without_reports_nothing_is_answered():
    assert {(row.cells[1].value, row.cells[2].value) for row in goals({}).rows} == {("not measured yet", "–")}


@pytest.mark.parametrize(("times", "said"), [(1.2, ("1.20 ×", "yes")), (0.9, ("0.90 ×", "no"))])
def test_float32(times, said):
    assert answer("one evaluation, float32", evaluations=evaluations(times)) == said


def test_without_the_official_package_nothing_can_be_said():
    alone = report(ways(Row("official package, float32", (Cell("not installed"), SKIPPED, SKIPPED, SKIPPED))))
    assert answer("one evaluation, float32", evaluations=alone) == ("the official package was not there to compare with", "–")


@pytest.mark.parametrize(
    ("low", "said"),
    [
        (None, ("this processor has no bfloat16 products", "–")),
        ((4.5, "1.0e-02"), ("4.50 ×, error 1.0e-02", "yes")),
        ((4.5, "3.0e-02"), ("4.50 ×, error 3.0e-02", "no")),
        ((3.5, "1.0e-02"), ("3.50 ×, error 1.0e-02", "no")),
    ],
)
def test_bfloat16(low, said):
    cells = low and (Cell(0.5), Cell(low[0]), Cell(low[1]), Cell(0.5))
    assert answer("one evaluation, bfloat16", evaluations=evaluations(low=cells)) == said


def test_on_a_gpu_the_fastest_way_counts():
    assert answer("one evaluation on a GPU", evaluations=evaluations()) == ("no GPU in this run", "–")
    found = answer("one evaluation on a GPU", evaluations=evaluations(3.5, device="cuda"))
    assert found == ("3.50 × (ours, float32)", "yes")


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({}, ("25.0 ×, -0.05 dB [-0.15, +0.05]", "yes")),
        ({"times": 19.0}, ("19.0 ×, -0.05 dB [-0.15, +0.05]", "no")),
        ({"worse": (-0.05, -0.25, 0.15)}, ("25.0 ×, -0.05 dB [-0.25, +0.15]", "no")),
        ({"worse": None}, ("25.0 ×; too few songs to compare scores", "–")),
    ],
)
def test_the_same_likelihood(made, said):
    assert answer("`separate`", walks=walks(**made)) == said


def test_length_and_memory():
    assert answer("a song ten", speed=speed()) == ("15.0 to 15.0 × real time, peak memory × 1.08", "yes")
    assert answer("a song ten", speed=speed(longest=10.0))[1] == "no"
    assert answer("a song ten", speed=speed(peak=900.0))[1] == "no"


def test_stems_of_independent_priors():
    assert answer("a stem more", walks=walks()) == ("0.030 to 0.020 s; 0.030 to 0.020 s", "yes")
    assert answer("a stem more", walks=walks(last=0.04))[1] == "no"


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes the page of reports by part: its text."""

    def call(*words, **reports):
        folder = tmp_path / "docs" / "benchmarks"
        folder.mkdir(parents=True, exist_ok=True)
        for name, made in reports.items():
            (folder / f"{name}.json").write_text(json.dumps(made))
        monkeypatch.setattr(sys, "argv", ["page", "--reports", str(folder), *words])
        page.main()
        return (tmp_path / "docs" / "benchmarks.md").read_text()

    return call


def test_the_page_holds_tables_machine_commands_and_plots(write, tmp_path):
    (tmp_path / "docs" / "benchmarks").mkdir(parents=True)
    (tmp_path / "docs" / "benchmarks" / "slice.md").write_text("a slice\n")
    text = write(evaluations=evaluations(), walks=walks(), speed=speed())
    assert text.endswith("## Fewer evaluations\n\na slice\n")
    assert "| ours, float32 | 2.00 | 1.20 | 1.0e-06 | 0.70 |" in text
    assert "    python -m bench.made\n" in text
    assert "processor: a processor, threads: 2" in text
    for name in ("evaluations", "walks", "lengths"):
        assert f"![{name}](benchmarks/{name}.png)" in text
        assert (tmp_path / "docs" / "benchmarks" / f"{name}.png").stat().st_size < 100_000
    assert "quick" not in text
    assert "solvers.md" not in text


def test_what_is_missing_or_quick_is_said(write, tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "solvers.md").write_text("")
    text = write(speed=speed() | {"quick": True})
    assert text.count("Not measured yet.") == 2
    assert text.endswith("No slice was measured yet.\n")
    assert page.BRIEF in text
    assert "(solvers.md)" in text


def test_what_went_wrong_is_said_in_one_line(capsys):
    def part():
        raise UsageError("two\nlines")

    with pytest.raises(SystemExit) as stopped:
        results.run(part)
    assert (stopped.value.code, capsys.readouterr().err) == (2, "stemweave: two lines\n")


def test_the_quick_page_lies_beside_its_reports(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(results, "QUICK", tmp_path / "quick")
    monkeypatch.setattr(sys, "argv", ["page", "--quick"])
    page.main()
    assert (tmp_path / "quick" / "benchmarks.md").exists()
    assert f"wrote {tmp_path / 'quick' / 'benchmarks.md'}" in capsys.readouterr().out
