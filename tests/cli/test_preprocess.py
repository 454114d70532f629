import re
import shutil

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from stemweave.cli.preprocess import app
from stemweave.data import shards
from stemweave.data.shards import Cache
from stemweave.errors import DataError, OutputError, UsageError


@pytest.fixture
def corpus(tmp_path):
    rng = np.random.default_rng(0)
    for place in ("train/Track00001", "train/Track00002", "valid/Track00003"):
        folder = tmp_path / "songs" / place
        folder.mkdir(parents=True)
        for stem in ("bass", "drums"):
            soundfile.write(folder / f"{stem}.flac", rng.standard_normal(11025) * 0.1, 22050)
    return tmp_path / "songs"


def run(*arguments):
    return CliRunner().invoke(app, ["audio", *map(str, arguments)], catch_exceptions=False)


def test_writes_a_cache_per_split_and_reports_it(corpus, tmp_path):
    result = run(corpus, "-o", tmp_path / "cache")
    assert result.exit_code == 0
    train, valid = Cache.open(tmp_path / "cache" / "train"), Cache.open(tmp_path / "cache" / "valid")
    assert [entry.id for entry in train.tracks] == ["Track00001", "Track00002"]
    assert [entry.id for entry in valid.tracks] == ["Track00003"]
    assert train.stems == ("bass", "drums", "guitar", "piano")
    assert re.search(r"train: 2 songs, 0\.00 h, RMS where it sounds: bass 0\.1\d+", result.stdout)
    assert "3/3" not in result.stdout
    assert "2/2" in result.stderr


def test_options(corpus, tmp_path):
    run(corpus, "-o", tmp_path, "--split", "valid", "--stems", "drums, bass", "--rate", 16000, "--channels", 2)
    cache = Cache.open(tmp_path / "valid")
    assert (cache.stems, cache.rate, cache.channels) == (("drums", "bass"), 16000, 2)
    assert not (tmp_path / "train").exists()


def test_dry_run_says_what_it_understood_and_writes_nothing(corpus, tmp_path):
    result = run(corpus, "-o", tmp_path / "cache", "--dry-run", "--stems", "bass,piano,vocals")
    assert "train: 2 songs" in result.stdout
    assert "Track00001: 0.5 s, 22050 Hz, 1 channels; bass bass.flac, piano silent, vocals unknown" in result.stdout
    assert "a cache of 0.00 GB" in result.stdout
    assert not (tmp_path / "cache").exists()


def test_stems_that_no_song_has_are_named(corpus, tmp_path):
    result = run(corpus, "-o", tmp_path / "cache", "--stems", "bass,drumz")
    assert "no song has a file of drumz: silent or unknown in all of them" in result.stderr


def test_two_processes_write_what_one_writes(corpus, tmp_path):
    run(corpus, "-o", tmp_path / "one")
    run(corpus, "-o", tmp_path / "two", "--workers", 2)
    for path in (tmp_path / "one").rglob("*.*"):
        assert (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes() == path.read_bytes()


def test_fewer_songs_leave_none_of_the_others(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "GROUP", 1)
    run(corpus, "-o", tmp_path / "cache")
    shutil.rmtree(corpus / "train" / "Track00002")
    with pytest.raises(OutputError, match="is of more songs than there are now"):
        run(corpus, "-o", tmp_path / "cache")
    assert run(corpus, "-o", tmp_path / "cache", "--overwrite").exit_code == 0
    assert len(Cache.open(tmp_path / "cache" / "train").tracks) == 1


def test_parts_of_the_work(corpus, tmp_path):
    assert run(corpus, "-o", tmp_path / "cache", "--shard", "1/2").exit_code == 0
    assert not (tmp_path / "cache").exists()
    run(corpus, "-o", tmp_path / "cache", "--shard", "0/2")
    assert len(Cache.open(tmp_path / "cache" / "train").tracks) == 2


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--stems", "bass,bass", "expected different names"),
        ("--stems", "bass,,drums", "expected different names"),
        ("--rate", 10, "expected 8000 to 192000 Hz"),
        ("--channels", 3, "expected 1 or 2"),
        ("--shard", "2/2", "I from 0 to N - 1"),
        ("--shard", "one", "expected I/N"),
        ("--shard", "0/0", "expected I/N"),
        ("--workers", 0, "expected 1 or more"),
    ],
)
def test_refuses_bad_options(corpus, tmp_path, option, value, message):
    with pytest.raises(UsageError, match=message):
        run(corpus, "-o", tmp_path / "cache", option, value)
    assert not (tmp_path / "cache").exists()


def test_refuses_an_unknown_split_and_an_empty_folder(corpus, tmp_path):
    with pytest.raises(DataError, match="no split 'test'"):
        run(corpus, "-o", tmp_path / "cache", "--split", "test")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no tracks"):
        run(tmp_path / "empty", "-o", tmp_path / "cache")
