import json

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from stemweave.cli.evaluate import app
from stemweave.errors import DataError, OutputError, UsageError

STEMS = ("bass", "drums", "guitar", "piano")
RATE, SECONDS = 22050, 4.2


def song(number, flat):
    """Four stems that pulse together at a tempo of their own; noise where ``flat``, else notes."""
    rng = np.random.default_rng((number, flat))
    time = np.arange(round(SECONDS * RATE)) / RATE
    pulse = np.exp(-6 * ((time * (1.5 + number / 9) + number / 7) % 1))
    roots = 110 * 2 ** (rng.integers(0, 12) / 12) * np.array([0.5, 3, 1, 2])
    if flat:
        return [0.1 * rng.standard_normal(len(time)) for _ in STEMS]
    return [0.1 * pulse * np.sin(2 * np.pi * root * time) + 1e-4 * rng.standard_normal(len(time)) for root in roots]


def write(folder, count, flat=False, first=0):
    for number in range(first, first + count):
        place = folder / f"Track{number:05d}"
        place.mkdir(parents=True)
        for name, audio in zip(STEMS, song(number, flat), strict=True):
            soundfile.write(place / f"{name}.flac", audio, RATE)
    return folder


def run(*arguments):
    words = ["generation", "--seconds", 4, *arguments]
    return CliRunner().invoke(app, list(map(str, words)), catch_exceptions=False)


def by_row(table):
    return {row["name"]: dict(zip(table["columns"], row["cells"], strict=True)) for row in table["rows"]}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    place = tmp_path_factory.mktemp("generation")
    real = write(place / "real", 16)
    reports = {}
    for kind, flat in (("alike", False), ("noise", True)):
        made = write(place / kind, 16, flat, first=100)
        result = run("--made", made, "--data", real, "--json", place / f"{kind}.json", "--embedding", "log-mel,clap")
        assert result.exit_code == 0
        reports[kind] = (json.loads((place / f"{kind}.json").read_text()), result)
    return reports


def test_bands_like_the_real_ones_are_nearer_than_noise(found):
    alike, noise = (by_row(found[kind][0]["tables"][0]) for kind in ("alike", "noise"))
    for column in ("KAD × 100", "Fréchet"):
        assert alike["generated"][column]["value"] < noise["generated"][column]["value"]
        assert alike["generated bass"][column]["value"] < noise["generated bass"][column]["value"]
    assert noise["real, half against half"]["Fréchet"]["value"] < noise["generated"]["Fréchet"]["value"]


def test_noise_is_found_to_be_noise(found):
    rates = by_row(found["noise"][0]["tables"][1])
    assert rates["generated, noise"]["mean"]["value"] == 1
    assert rates["real, noise"]["mean"]["value"] <= 0.3  # 1 % of 16 windows is one of them
    assert rates["generated, silent"]["mean"]["value"] == 0


def test_stems_that_pulse_together_belong_together(found):
    alike, noise = (by_row(found[kind][0]["tables"][2]) for kind in ("alike", "noise"))
    rhythm = "rhythm (onsets), generated"
    assert alike[rhythm]["difference"]["value"] > 0.3
    assert abs(noise[rhythm]["difference"]["value"]) < 0.2
    assert alike["rhythm (onsets), real"]["gap"]["status"] == "skipped"


def test_an_embedding_without_weights_is_skipped_and_said_so(found):
    report, result = found["alike"]
    assert set(report["skipped"]) == {"clap"}
    assert "skipped clap" in result.stderr
    assert list(report["embeddings"]) == ["log-mel statistics"]
    assert "n = 16 too small" in result.stdout


def test_refusals(tmp_path):
    real, made = write(tmp_path / "real", 9), write(tmp_path / "made", 1)
    with pytest.raises(DataError, match="songs, expected at least"):
        run("--made", made, "--data", real)
    with pytest.raises(DataError, match="expected at least 9 s"):
        run("--made", made, "--data", real, "--seconds", 9)
    with pytest.raises(UsageError, match="--embedding"):
        run("--made", made, "--data", real, "--embedding", "ear")
    with pytest.raises(UsageError, match="--seconds is 0"):
        run("--made", made, "--data", real, "--seconds", 0)
    with pytest.raises(DataError, match="not a folder"):
        run("--made", tmp_path / "none", "--data", real)
    (tmp_path / "mine.json").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        run("--made", made, "--data", real, "--json", tmp_path / "mine.json")
