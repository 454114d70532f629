import json

import pytest

from stemweave.errors import DataError, OutputError
from stemweave.evaluation.reports.journal import Journal

ABOUT = {"songs": 2, "split": "test"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new" / "grid.journal"


def test_records_are_on_disk_at_once_and_found_again(path):
    journal = Journal(path, ABOUT)
    journal.add("a | one", {"si_sdri": [1.5, None]})
    assert "a | one" in journal
    assert "a | two" not in journal
    again = Journal(path, dict(reversed(ABOUT.items())))
    assert again["a | one"] == {"si_sdri": [1.5, None]}
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        ABOUT,
        {"key": "a | one", "value": {"si_sdri": [1.5, None]}},
    ]
    assert [one.name for one in path.parent.iterdir()] == ["grid.journal"]


def test_a_line_that_was_cut_off_is_forgotten_and_the_rest_kept(path):
    Journal(path, ABOUT).add("one", {"value": 1})
    whole = path.read_text()
    path.write_text(whole + '{"key": "two", "val')
    again = Journal(path, ABOUT)
    assert list(again.records) == ["one"]
    assert path.read_text() == whole


def test_the_later_of_two_records_counts(path):
    journal = Journal(path, ABOUT)
    journal.add("one", {"value": 1})
    journal.add("one", {"value": 2})
    assert Journal(path, ABOUT)["one"] == {"value": 2}


@pytest.mark.parametrize("other", [{"songs": 2, "split": "train"}, {"songs": 3, "split": "test"}, {}])
def test_another_runs_records_are_never_mixed_in(path, other):
    Journal(path, ABOUT).add("one", {"value": 1})
    before = path.read_text()
    with pytest.raises(DataError, match=r"grid\.journal holds another run's results; finish that one, or remove the file"):
        Journal(path, other)
    assert path.read_text() == before


@pytest.mark.parametrize("line", [b"no json", b"[1]", b'{"key": "one"}', b'{"key": ["one"], "value": 1}', b"\xff\xfe", b"null"])
def test_a_damaged_journal_is_named(path, line):
    Journal(path, ABOUT).add("one", {"value": 1})
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(DataError, match=r"grid\.journal is damaged .*: remove the file to start again"):
        Journal(path, ABOUT)


def test_what_is_no_journal_at_all_is_left_alone(path):
    path.parent.mkdir()
    path.write_bytes(b"\x00\xff\xfe\n")
    with pytest.raises(DataError, match="holds another run's results"):
        Journal(path, ABOUT)
    assert path.read_bytes() == b"\x00\xff\xfe\n"


def test_a_place_that_cannot_be_written_is_named(path):
    journal = Journal(path, ABOUT)
    with pytest.raises(OutputError, match=r"below\.journal cannot be written"):
        Journal(path / "below.journal", ABOUT)
    journal.close()
    assert not path.exists()
    path.mkdir()
    with pytest.raises(OutputError, match=r"grid\.journal cannot be written: Is a directory"):
        journal.add("one", {})
    path.rmdir()
    journal.close()
