import json

import pytest
import torch

from stemweave.audio.formats import FLAC16
from stemweave.audio.stems import Stems
from stemweave.cli.app import main


@pytest.fixture
def example(tmp_path):
    audio = torch.randn(4, 1, 22050 * 3, generator=torch.Generator().manual_seed(0)) * 0.05
    Stems(("bass", "drums", "guitar", "piano"), audio, 22050).write(tmp_path / "example", FLAC16)
    (tmp_path / "example" / "mix.flac").unlink()
    return tmp_path / "example"


def test_every_job_once_with_pictures_and_a_table(example, tmp_path, tiny_folder, capsys):
    pytest.importorskip("matplotlib")
    pytest.importorskip("torchmetrics")
    arguments = ["demo", str(example), "-n", str(tiny_folder), "-o", str(tmp_path / "demo"), "--seconds", "0.5"]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines()[3:]] == ["stem", "bass", "drums", "guitar", "piano", "mean"]
    for job in ("song", "piece-7", "with-drums-7"):
        folder = tmp_path / "demo" / "tiny" / job
        assert (folder / "picture.png").read_bytes()[1:4] == b"PNG"
        assert (folder / "mix.wav").exists()
        assert json.loads((folder / "manifest.json").read_text())["seed"] == 7
    assert main(arguments) == 2
    assert "song.wav exists already" in capsys.readouterr().err
    assert main([*arguments, "--overwrite"]) == 0


def test_an_example_that_is_not_there_or_has_no_drums(example, tmp_path, capsys):
    assert main(["demo", str(tmp_path / "none")]) == 2
    assert "is not there" in capsys.readouterr().err
    (example / "drums.flac").unlink()
    assert main(["demo", str(example)]) == 2
    assert "holds no drums" in capsys.readouterr().err
