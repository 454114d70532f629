import json
import shutil
import sys

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
    for folder in real.iterdir():
        (folder / "track.json").write_text(json.dumps({"rate": 10, "beats": list(range(0, 42, 5))}))
    reports = {}
    for kind, flat in (("alike", False), ("noise", True)):
        made = write(place / kind, 16, flat, first=100)
        words = ["--embedding", "log-mel,clap", "--beats", "pulse,composer,librosa", "--grid", 0.1]
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(sys.modules, "librosa", None)
            result = run("--made", made, "--data", real, "--json", place / f"{kind}.json", *words)
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
    assert set(report["skipped"]) == {"clap", "librosa"}
    assert "skipped clap" in result.stderr
    assert list(report["embeddings"]) == ["log-mel statistics"]
    assert "n = 16 too small" in result.stdout


def test_beats_are_told_by_each_of_those_asked_that_is_there(found):
    report, result = found["alike"]
    assert (report["beats"], report["grid"]) == (["pulse (Ellis 2007, ours)", "composer"], 0.1)
    assert "skipped librosa: this tracker needs librosa" in result.stderr
    steady, together, composed, _, _ = map(by_row, report["tables"][3:])
    assert list(steady) == list(together) == ["generated", "real", "real, shuffled"]
    assert together["real"]["CBS, 4 stems"]["value"] > together["real, shuffled"]["CBS, 4 stems"]["value"]
    assert steady["real"]["drums"]["value"] < 0.1
    assert composed["generated"]["all"]["status"] == "skipped"
    assert composed["real"]["drums"]["status"] == "ok"
    assert "training" not in report


def test_each_stem_is_nearest_to_its_own_kind(found):
    kinds = by_row(found["alike"][0]["tables"][-1])
    for name in ("bass", "drums"):  # guitar and piano differ by an octave only
        assert kinds[f"real {name}"][name]["value"] > 0.5
        assert kinds[f"generated {name}"][name]["value"] > 0.5
        assert kinds[f"generated {name}"][name]["n"] == 16


def test_a_report_says_which_models_made_the_bands(tmp_path):
    made, by = write(tmp_path / "made", 8, first=100), {"model": {"name": "x", "sha256": "1"}, "settings": {"steps": 2}}
    for number, place in enumerate(sorted(made.iterdir())):
        settings = {"steps": 2 if number else 3}
        facts = {**by, "settings": settings, "seed": number} if number < 3 else ["a list of others"]
        (place / "manifest.json").write_text(json.dumps(facts))
    asked = ["--made", made, "--data", write(tmp_path / "real", 8), "--beats", "composer", "--embedding", "log-mel"]
    assert run(*asked, "--json", tmp_path / "one.json").exit_code == 0
    told = json.loads((tmp_path / "one.json").read_text())["made_by"]
    assert told == [by, {**by, "settings": {"steps": 3}}]
    (place / "manifest.json").write_text('{"model": ')
    with pytest.raises(DataError, match=r"manifest\.json cannot be read .* make the take again"):
        run(*asked)


def test_the_same_takes_made_otherwise_are_compared_take_by_take(tmp_path):
    real, made, noise = (
        write(tmp_path / "real", 8),
        write(tmp_path / "made", 8, first=100),
        write(tmp_path / "noise", 8, True, first=100),
    )
    asked = (
        "--made",
        made,
        "--data",
        real,
        "--embedding",
        "log-mel",
        "--beats",
        "composer",
        "--json",
        tmp_path / "report.json",
    )
    result = run(*asked, "--beside", noise)
    report = json.loads((tmp_path / "report.json").read_text())
    rhythm = by_row(report["tables"][-1])["rhythm (onsets)"]
    assert rhythm["made is more coherent"]["value"] == "8 of 8"
    assert float(rhythm["sign test, p"]["value"]) == pytest.approx(2**-8, rel=0.01)
    assert report["beside"]["songs"] == 8
    assert "n = 8 too small" in result.stdout
    with pytest.raises(DataError, match="none of 8 takes has one of its name beside it"):
        run(*asked, "--overwrite", "--beside", real)


def test_mixtures_are_compared_whatever_stems_they_are_of(tmp_path):
    real, made = write(tmp_path / "real", 8), tmp_path / "made"
    for place in write(tmp_path / "other", 8, first=100).iterdir():
        (made / place.name).mkdir(parents=True)
        stems = [soundfile.read(place / f"{name}.flac") for name in STEMS]
        for name in ("band", "mix"):
            soundfile.write(made / place.name / f"{name}.flac", sum(audio for audio, _ in stems), RATE, "PCM_24")
    asked = ("--data", real, "--embedding", "log-mel")
    run("--made", made, *asked, "--mixtures", "--json", tmp_path / "sums.json")
    run("--made", tmp_path / "other", *asked, "--beats", "composer", "--json", tmp_path / "stems.json")
    sums, stems = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("sums", "stems"))
    assert (sums["stems"], sums["made"]["songs"]) == (["band"], 8)
    alone, beside = by_row(sums["tables"][0]), by_row(stems["tables"][0])
    found, wanted = (side["generated"]["Fréchet"]["value"] for side in (alone, beside))
    assert found == pytest.approx(wanted, rel=1e-3)
    assert set(alone) == {"generated", "real, half against half"}
    assert list(by_row(sums["tables"][1])["generated, silent"]) == ["band", "mean"]
    with pytest.raises(UsageError, match="--mixtures with --beside"):
        run("--made", made, *asked, "--mixtures", "--beside", made)


def test_copies_of_training_songs_are_told(tmp_path):
    real, learnt, made = (
        write(tmp_path / "real", 8, first=54),
        write(tmp_path / "learnt", 9, first=62),
        write(tmp_path / "made", 7, first=42),
    )
    shutil.copytree(learnt / "Track00063", made / "copied")
    result = run("--made", made, "--data", real, "--embedding", "log-mel", "--beats", "composer", "--training", learnt,
                 "--likeness", "log-mel,clap", "--json", tmp_path / "report.json")  # fmt: skip
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["training"]["songs"] == 9
    floor = by_row(report["tables"][0])["training songs"]
    assert (floor["KAD × 100"]["status"], floor["KAD × 100"]["n"]) == ("ok", 8)  # no more than there are in --data
    assert "log-mel picture" in report["embeddings"]
    assert "skipped clap" in result.stderr
    near, waves = map(by_row, report["tables"][-2:])
    assert near["generated"]["0.1 % of windows"]["value"] < 0.02 < near["held-out"]["0.1 % of windows"]["value"]
    assert near["generated"]["verdict"]["value"] == "no nearer than held-out songs"  # one copy is no alarm, but is listed
    assert waves["generated copied from 0 s, like Track00063 from 0.00 s"]["mixture"]["value"] > 0.999


def test_refusals(tmp_path):
    real, made = write(tmp_path / "real", 9), write(tmp_path / "made", 1)
    with pytest.raises(DataError, match="songs, expected at least"):
        run("--made", made, "--data", real)
    with pytest.raises(DataError, match="expected at least 9 s"):
        run("--made", made, "--data", real, "--seconds", 9)
    with pytest.raises(UsageError, match="--embedding"):
        run("--made", made, "--data", real, "--embedding", "ear")
    with pytest.raises(UsageError, match="--beats is 'foot', expected one of pulse, composer, librosa, beat-this"):
        run("--made", made, "--data", real, "--beats", "foot")
    with pytest.raises(UsageError, match="--likeness is 'ear'"):
        run("--made", made, "--data", real, "--training", real, "--likeness", "ear")
    with pytest.raises(UsageError, match="--grid is 0"):
        run("--made", made, "--data", real, "--grid", 0)
    with pytest.raises(DataError, match="not a folder"):
        run("--made", made, "--data", real, "--training", tmp_path / "none")
    with pytest.raises(UsageError, match="--seconds is 0"):
        run("--made", made, "--data", real, "--seconds", 0)
    with pytest.raises(DataError, match="not a folder"):
        run("--made", tmp_path / "none", "--data", real)
    (tmp_path / "mine.json").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        run("--made", made, "--data", real, "--json", tmp_path / "mine.json")
