import json

import numpy as np
import pytest
import soundfile

from stemweave.cli.measuring import begun, corpus
from stemweave.errors import DataError, UsageError

STEMS = ("bass", "drums")


def song(folder, number):
    folder.mkdir(parents=True)
    for stem in STEMS:
        soundfile.write(folder / f"{stem}.wav", np.full(100 + number, 0.1), 8000)


@pytest.fixture
def songs(tmp_path):
    """Two splits, each with a song called one, and a song of its own."""
    for number, place in enumerate(("test-a/one", "test-a/two", "test-b/one", "test-b/three")):
        song(tmp_path / "songs" / place, number)
    return tmp_path / "songs"


def test_songs_of_one_name_in_several_splits_are_told_apart(songs):
    found = list(corpus(songs, "", None, STEMS))
    assert [(track.id, track.split, track.frames) for track in found] == [
        ("test-a/one", "test-a", 100),
        ("two", "test-a", 101),
        ("test-b/one", "test-b", 102),
        ("three", "test-b", 103),
    ]
    assert found[2].read(STEMS).shape == (2, 1, 102)
    assert [track.id for track in corpus(songs, "test-b", None, STEMS)] == ["one", "three"]
    assert [track.id for track in corpus(songs, "", 2, STEMS)] == ["one", "two"]


def test_songs_of_one_name_in_one_split_are_refused(songs):
    for stem in STEMS:
        soundfile.write(songs / "test-a" / f"two_{stem}.wav", np.full(100, 0.1), 8000)
    with pytest.raises(DataError, match="songs holds several songs called 'two': give each a name of its own"):
        corpus(songs, "", None, STEMS)


def test_begun_work_is_kept_beside_the_report_and_never_in_its_place(tmp_path):
    journal = begun(tmp_path / "grid.json", {"songs": 3})
    assert journal.path == tmp_path / "grid.journal"
    assert json.loads(journal.path.read_text()) == {"songs": 3}
    with pytest.raises(UsageError, match=r"--json is .*grid\.journal, which is where begun work is kept: give another name"):
        begun(tmp_path / "grid.journal", {})
    assert json.loads(journal.path.read_text()) == {"songs": 3}
