import pytest

from stemweave.evaluation.reports.headings import subject

SONGS = {"folder": "band", "splits": ["test-a", "test-c"], "songs": 50, "sha256": "0f"}


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (
            {"report": "separation", "model": {"name": "band"}, "data": SONGS, "seeds": [0, 1], "device": "cpu", "songs": 50},
            "separation, model band, data band (test-a, test-c), 50 songs, seeds 0, 1, cpu",
        ),
        (
            {"report": "grid", "models": {"one": {"sha256": "1"}, "two": {}}, "data": SONGS | {"splits": [""]}, "seeds": [3]},
            "grid, model one and two, data band, 50 songs, seed 3",
        ),
        (
            {"report": "generation", "made": {"folder": "bands", "songs": 8}, "data": {"folder": "real"}, "seed": 7},
            "generation, made bands, 8 songs, data real, seed 7",
        ),
        ({"report": "efficiency", "machine": {"threads": 2}}, "efficiency"),
        ({"report": "x", "model": None, "models": ["a", "b"], "data": "elsewhere", "seeds": {}}, "x, model a and b"),
        ({}, "report"),
    ],
)
def test_what_a_report_says_of_its_subject_is_its_heading(report, expected):
    assert subject(report) == expected
