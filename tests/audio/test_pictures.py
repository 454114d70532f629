import sys

import pytest
import torch

from stemweave.audio.pictures import mel_spectrogram, picture
from stemweave.audio.stems import Stems
from stemweave.errors import MissingExtra, OutputError


@pytest.fixture
def band(generator):
    return Stems(("bass", "drums"), torch.randn(2, 2, 30_000, generator=generator), 44100, torch.zeros(2, 30_000))


def test_a_picture_is_a_png_and_is_not_overwritten(tmp_path, band):
    pytest.importorskip("matplotlib")
    path = tmp_path / "deep" / "song.png"
    picture(band, path, "a song")
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert [found.name for found in path.parent.iterdir()] == ["song.png"]
    with pytest.raises(OutputError, match="exists already"):
        picture(band, path)
    picture(band, path, overwrite=True)


def test_one_silent_sample_can_be_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    picture(Stems(("a",), torch.zeros(1, 1, 1), 8000), tmp_path / "x.png")
    assert (tmp_path / "x.png").stat().st_size > 0


def test_a_place_that_cannot_be_written(tmp_path, band):
    pytest.importorskip("matplotlib")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot be written"):
        picture(band, tmp_path / "file" / "x.png")


def test_without_matplotlib_the_extra_is_named(tmp_path, band, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra, match=r"pip install 'stemweave\[plot\]'"):
        picture(band, tmp_path / "x.png")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("hertz", [110.0, 440.0, 3000.0])
def test_a_tone_is_loudest_in_the_band_around_it(hertz):
    rate, bands = 22050, 64
    tone = torch.sin(2 * torch.pi * hertz * torch.arange(rate) / rate)
    loudest = int(mel_spectrogram(tone, rate, bands).mean(1).argmax())
    mel = 2595 * torch.log10(torch.tensor(1 + hertz / 700)) / (2595 * torch.log10(torch.tensor(1 + rate / 2 / 700)))
    assert abs(loudest + 1 - float(mel) * (bands + 1)) <= 1
