import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stemweave.cli.app import main


@pytest.fixture
def song(tmp_path):
    """A second of stereo noise at 44.1 kHz, of an odd length."""
    path = tmp_path / "in" / "song.wav"
    path.parent.mkdir()
    soundfile.write(path, np.random.default_rng(1).normal(size=(44101, 2)) * 0.1, 44100, subtype="FLOAT")
    return path


@pytest.fixture
def run(tiny_folder, tmp_path, capsys):
    """Run a verb with the tiny model and results in tmp_path/out: (status, stdout, stderr)."""

    def call(verb, *arguments, model=tiny_folder):
        capsys.readouterr()
        status = main([verb, *map(str, arguments), "-n", str(model), "-o", str(tmp_path / "out")])
        return status, *capsys.readouterr()

    return call


@pytest.fixture
def refuse(run, tmp_path):
    """Run a verb that must fail with status 2, in one line, and leave nothing behind; the line."""

    def call(verb, *arguments, **more):
        before = {path for path in tmp_path.rglob("*") if path.is_file()}
        status, out, err = run(verb, *arguments, **more)
        told = [line for line in err.replace("\r", "\n").splitlines() if line.startswith("stemweave: ")]
        assert status == 2, err
        assert out == ""
        assert "Traceback" not in err
        assert {path for path in tmp_path.rglob("*") if path.is_file()} == before
        return told[-1]

    return call


@pytest.fixture
def manifest(tmp_path):
    """The manifest of a track below tmp_path/out."""
    return lambda track: json.loads((tmp_path / "out" / "tiny" / Path(track) / "manifest.json").read_text())
