"""docs/evaluation.md names what checks each measure: nothing that is not there, and nothing is left out."""

import re
from pathlib import Path

from stemweave.evaluation.protocols.cells import ENOUGH
from stemweave.evaluation.reports.tables import LEAST_SONGS

HERE = Path(__file__).parent
PAGE = " ".join((Path(__file__).parents[2] / "docs" / "evaluation.md").read_text("utf-8").split())
NAMED = set(re.findall(r"`(test_\w+\.py)`", PAGE))


def test_every_test_that_is_named_is_there():
    assert len(NAMED) > 25
    assert {path.name for path in HERE.rglob("test_*.py")} >= NAMED


def test_every_measure_and_embedding_has_a_line():
    tests = {path.name for floor in ("measures", "embeddings") for path in (HERE / floor).glob("test_*.py")}
    code = {f"test_{path.name}" for floor in ("measures", "embeddings") for path in source(floor)}
    shared = {"test_embedding.py", "test_mel.py"}  # what measures are made of
    assert tests - shared <= NAMED
    assert code - shared <= NAMED


def test_the_numbers_of_songs_that_are_too_few_are_those_of_the_tables():
    assert f"`n = … too small` below {LEAST_SONGS} songs ({ENOUGH} for distances between sets)" in PAGE


def source(floor):
    root = Path(__file__).parents[2] / "src" / "stemweave" / "evaluation" / floor
    return [path for path in root.glob("*.py") if path.stem != "__init__"]
