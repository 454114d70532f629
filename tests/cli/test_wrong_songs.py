"""Whatever is wrong with songs, each command that measures them says it in one line, and writes no report."""

import json
import re
import shutil

import numpy as np
import pytest
import soundfile

from stemweave.cli.app import main

STEMS = ("bass", "drums", "guitar", "piano")
RATE, SECONDS = 22050, 8.1


def write(folder, stems=STEMS, rate=RATE, seconds=SECONDS, level=0.05):
    """A song of noises, in 16-bit files."""
    folder.mkdir(parents=True)
    for number, name in enumerate(stems):
        audio = level * np.random.default_rng(number).standard_normal(round(seconds * rate))
        soundfile.write(folder / f"{name}.wav", audio, rate)
    return folder


def spoilt(folder, value):
    """The same song, with a piano one sample of which is no number."""
    audio, rate = soundfile.read(folder / "piano.wav")
    audio[rate] = value
    soundfile.write(folder / "piano.wav", audio, rate, subtype="FLOAT")


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Folders by what is wrong with them. Where they hold songs, the first one is spoilt, and the second is good."""
    root = tmp_path_factory.mktemp("wrong")
    write(root / "good" / "b")
    for name in ("missing", "one", "rates", "nan", "inf", "foreign", "cut", "nothing"):
        write(root / name / "b")
    write(root / "missing" / "a", STEMS[:3])
    write(root / "one" / "a", STEMS[:1])
    soundfile.write(write(root / "rates" / "a") / "piano.wav", 0.1 * np.ones(44100), 44100)
    spoilt(write(root / "nan" / "a"), np.nan)
    spoilt(write(root / "inf" / "a"), np.inf)
    (write(root / "foreign" / "a") / "piano.wav").write_text("no sound at all")
    piano = write(root / "cut" / "a") / "piano.wav"
    piano.write_bytes(piano.read_bytes()[:20000])
    (write(root / "nothing" / "a") / "piano.wav").write_bytes(b"")
    (root / "empty").mkdir()
    write(root / "short" / "a", seconds=0.01)
    audio, _ = soundfile.read(write(root / "uneven" / "a") / "piano.wav")
    soundfile.write(root / "uneven" / "a" / "piano.wav", audio[: 2 * RATE], RATE)
    write(root / "silent" / "a", level=0.0)
    return root


MEASURE = {
    "separation": "separation --data HERE --model MODEL --rows trivial --protocol active,msdm,global",
    "context": "context --data HERE --model MODEL --given piano --pairs 2 --seconds 0.5",
    "grid": "grid --data HERE --model MODEL --vary steps=1",
    "ablation": "ablation MODEL RIVAL --data HERE",
    "generation": "generation --made GOOD --data HERE --seconds 4",
    "generation, made": "generation --made HERE --data GOOD --seconds 4",
    "generation, training": "generation --made GOOD --data GOOD --training HERE --seconds 4",
    "accompaniment": "accompaniment --data HERE --made MADE --model MODEL --seconds 4",
    "drift": "drift --made HERE --seconds 4",
    "extraction": "extraction --data HERE --model MODEL",
    "codec": "codec --data HERE --seconds 0.5 --codecs mp3:64",
}


@pytest.fixture
def run(places, tiny_folder, tmp_path, capsys):
    """A command that measures songs in a folder: (status, stdout, lines of stderr that are no progress)."""

    def call(command, data):
        shutil.copytree(tiny_folder, tmp_path / "rival")
        known = {"HERE": data, "GOOD": places / "good", "MADE": tmp_path / "made"}
        known |= {"MODEL": tiny_folder, "RIVAL": tmp_path / "rival"}
        words = [str(known.get(word, word)) for word in MEASURE[command].split()]
        capsys.readouterr()
        status = main(["evaluate", *words, "--json", str(tmp_path / "report.json")])
        out, err = capsys.readouterr()
        return status, out, [line for line in re.split("[\\r\\n]+", err) if line and not re.search(r"\d/\d", line)]

    return call


WRONG = {
    "nowhere": "nowhere is not a folder, expected a folder of tracks",
    "good/b/piano.wav": "piano.wav is not a folder, expected a folder of tracks",
    "empty": "empty holds no tracks, expected <track>/<stem>.wav",
    "missing": "a holds bass, drums, guitar, expected all of bass, drums, guitar, piano",
    "one": "a holds bass, expected all of bass, drums, guitar, piano",
    "rates": "its stems have rates of [22050, 44100] Hz, expected one; resample them to one rate",
    "nan": "piano.wav holds NaN or infinite samples (the first at 1.00 s): export it again",
    "inf": "piano.wav holds NaN or infinite samples (the first at 1.00 s): export it again",
    "foreign": "piano.wav is not a sound file that stemweave reads (WAV, FLAC, Ogg, MP3, AIFF)",
    "cut": "piano.wav is truncated, it ends before its header says: copy or export it again",
    "nothing": "piano.wav is empty (0 bytes): copy or export it again",
}
OTHERWISE = {(case, "context"): "1 of 2 songs have 0.5 s with piano, expected at least 2" for case in ("missing", "one")}
"""A context takes songs that have its stem, and needs two."""


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("command", MEASURE)
def test_it_is_said_in_one_line(run, places, tmp_path, command, case):
    status, out, told = run(command, places / case)
    assert (status, out, len(told)) == (2, "", 1), told
    assert told[0].startswith("stemweave: ")
    assert OTHERWISE.get((case, command), WRONG[case]) in told[0]
    assert not (tmp_path / "report.json").exists()


SILENT = {
    "context": "0 of 1 songs have 0.5 s with piano, expected at least 2",
    "accompaniment": "bass and a stem to make sound in 0 excerpts, expected 8: give more songs",
}
"""Commands that silent songs stop."""
TRUE = {"× real time", "speed", "largest lag, samples", "silent"}
"""Columns that say something of silent songs."""


@pytest.mark.parametrize("command", [name for name in MEASURE if not name.startswith("generation")])
def test_of_silent_songs_nothing_is_measured_and_never_zero(run, places, tmp_path, command):
    status, out, told = run(command, places / "silent")
    if command in SILENT:
        assert (status, out, len(told)) == (2, "", 1), told
        assert SILENT[command] in told[0]
        return
    assert (status, told) == (0, [])
    for table in json.loads((tmp_path / "report.json").read_text())["tables"]:
        for row in table["rows"]:
            for column, cell in zip(table["columns"], row["cells"], strict=True):
                assert cell["status"] == "skipped" or column in TRUE, (table["title"], row["name"], column, cell)


SHORT = {"context": "0 of 1 songs have 0.5 s with piano, expected at least 2"}
SHORT |= dict.fromkeys(
    (name for name in MEASURE if name.startswith("gen")), "a has 0.01 s, expected at least 4 s; ask for fewer"
)
SHORT |= {
    "accompaniment": "a has 0.01 s, expected at least 4 s; ask for fewer seconds",
    "drift": "a has 0.0 s, expected two blocks of 4 s; ask for fewer seconds",
    "codec": "a has 0.01 s, expected at least 0.5 s; ask for fewer seconds",
}


@pytest.mark.parametrize("command", SHORT)
def test_songs_that_are_too_short_are_named(run, places, command):
    status, out, told = run(command, places / "short")
    assert (status, out, len(told)) == (2, "", 1), told
    assert SHORT[command] in told[0]


@pytest.mark.parametrize("command", [name for name in MEASURE if name not in SHORT])
def test_songs_without_a_window_have_no_scores(run, places, tmp_path, command):
    status, _, told = run(command, places / "short")
    assert (status, told) == (0, [])
    tables = json.loads((tmp_path / "report.json").read_text())["tables"]
    scores = [table for table in tables if "SI-SDRi" in table["title"] or "Separation" in table["title"]]
    found = [cell for table in scores for row in table["rows"] for cell in row["cells"][:4]]
    assert {cell["status"] for cell in found} <= {"skipped"}


def test_stems_of_unequal_length_are_padded_with_silence(run, places, tmp_path):
    """As in corpora whose stems end where they fall silent: the piano that ends after 2 s is silent from then on."""
    assert run("separation", places / "uneven")[0] == 0
    rows = json.loads((tmp_path / "report.json").read_text())["rows"]
    assert rows["mixture"]["metrics"]["si_sdri"]["piano"]["n"] == 1
    assert rows["mixture"]["metrics"]["ghost_median"]["piano"]["value"] == pytest.approx(0.0, abs=1e-6)
    assert rows["mixture"]["metrics"]["ghost_median"]["bass"]["status"] == "skipped"
