import json

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from stemweave.cli.evaluate import app
from stemweave.errors import DataError, OutputError, UsageError

RATE = 22050


@pytest.fixture(scope="module")
def pieces(tmp_path_factory):
    """Two pieces of 9 s in two stems."""
    root = tmp_path_factory.mktemp("drift") / "pieces"
    for number in range(2):
        (root / f"piece-{number}").mkdir(parents=True)
        for stem, name in enumerate(("bass", "drums")):
            audio = 0.1 * np.random.default_rng((number, stem)).standard_normal(9 * RATE)
            audio *= np.exp(-8 * ((np.arange(len(audio)) / RATE * 2) % 1))
            soundfile.write(root / f"piece-{number}" / f"{name}.wav", audio, RATE)
    return root


@pytest.fixture
def run(pieces):
    def call(*arguments):
        words = ["drift", "--made", pieces, "--stems", "bass,drums", "--seconds", 4, *arguments]
        return CliRunner().invoke(app, list(map(str, words)), catch_exceptions=False)

    return call


def test_pieces_are_followed_and_reported(run, tmp_path):
    place = tmp_path / "drift.json"
    result = run("--seam", 1.7, "--json", place)
    assert result.exit_code == 0
    assert "| 4 to 8 s |" in result.stdout
    assert "| seam energy |" in result.stdout
    report = json.loads(place.read_text())
    assert (report["report"], report["seconds"], report["seam"]) == ("drift", 4.0, 1.7)
    assert report["made"]["songs"] == 2
    blocks, seams = report["tables"]
    assert [row["name"] for row in blocks["rows"]] == ["0 to 4 s", "4 to 8 s"]
    ratio = blocks["rows"][1]["cells"][blocks["columns"].index("tempo ratio")]
    assert ratio["value"] == pytest.approx(1.0, abs=0.02)
    assert seams["columns"] == ["bass", "drums", "mixture"]
    assert "Are seams heard" not in run("--songs", 1).stdout


def test_refusals(run, tmp_path):
    with pytest.raises(UsageError, match="--seconds is 0"):
        run("--seconds", 0)
    with pytest.raises(UsageError, match="--seam is -1"):
        run("--seam", -1)
    with pytest.raises(UsageError, match=r"a seam every 0.05 s, expected more than 0.1 s"):
        run("--seam", 0.05)
    with pytest.raises(DataError, match="expected two blocks of 60 s"):
        run("--seconds", 60)
    with pytest.raises(DataError, match="not a folder"):
        run("--made", tmp_path / "none")
    (tmp_path / "mine.json").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        run("--json", tmp_path / "mine.json")
