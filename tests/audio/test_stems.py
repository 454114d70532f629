from pathlib import Path

import pytest
import torch

from stemweave.audio.files import read, write
from stemweave.audio.formats import FLAC24, MP3, OGG, WAV16, WAV24, WAV32
from stemweave.audio.resample import resample
from stemweave.audio.stemfiles import Delivery, Level, decibel, null_depth, writing
from stemweave.audio.stems import Stems
from stemweave.errors import AudioError, FormatError, OutputError, UsageError


@pytest.fixture
def band(generator):
    return Stems(("bass", "drums"), torch.randn(2, 2, 30_001, generator=generator) * 0.2, 44100, seed=7)


def test_reads_like_a_dict(band):
    assert list(band) == ["bass", "drums"]
    assert len(band) == 2
    assert torch.equal(band["drums"], band.audio[1])
    assert dict(band).keys() == {"bass", "drums"}
    assert "guitar" not in band
    with pytest.raises(KeyError, match="no stem 'guitar'"):
        band["guitar"]


def test_equal_is_the_same(band):
    again = Stems(band.names, band.audio.clone(), band.rate)
    assert band == band
    assert band != again
    assert [again, band].index(band) == 1
    assert len({band, again}) == 2


def test_mixture_seconds_and_presence(band):
    assert torch.equal(band.mixture, band.audio[0] + band.audio[1])
    assert band.seconds == pytest.approx(30_001 / 44100)
    quiet = Stems(
        ("a", "b"), torch.stack([torch.full((1, 100), 10 ** (-59 / 20)), torch.full((1, 100), 10 ** (-61 / 20))]), 8000
    )
    assert quiet.presence == {"a": True, "b": False}
    residual = torch.ones(2, 30_001)
    assert torch.equal(Stems(band.names, band.audio, 44100, residual).mixture, band.audio.sum(0) + residual)


@pytest.mark.parametrize(
    ("names", "shape", "message"),
    [
        (("a", "a"), (2, 1, 5), "'a' is named twice"),
        (("a", "mix"), (2, 1, 5), "'mix' cannot name a stem"),
        (("../a",), (1, 1, 5), "cannot name a stem"),
        (("",), (1, 1, 5), "cannot name a stem"),
        (("a",), (2, 1, 5), r"need audio of shape \(1, channels, samples\)"),
        (("a",), (1, 5), "need audio of shape"),
    ],
)
def test_refuses_names_that_do_not_fit(names, shape, message):
    with pytest.raises(UsageError, match=message):
        Stems(names, torch.zeros(shape), 44100)


def test_refuses_a_residual_of_another_shape(band):
    with pytest.raises(UsageError, match="the residual has shape"):
        Stems(band.names, band.audio, 44100, torch.zeros(1, 30_001))


@pytest.mark.parametrize(("encoding", "tolerance"), [(WAV32, 0), (WAV24, 2**-24), (FLAC24, 2**-24), (WAV16, 2**-16)])
def test_written_stems_come_back(tmp_path, band, encoding, tolerance):
    done = band.write(tmp_path / "out", encoding)
    assert set(done.files) == {"bass", "drums", "mix"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {path.name for path in done.files.values()}
    back = Stems.read(tmp_path / "out")
    assert (back.names, back.rate, back.residual) == (band.names, 44100, None)
    assert (back.audio - done.gain * band.audio).abs().max() <= tolerance + 1e-7 * (done.gain < 1)
    mix, _ = read(done.files["mix"])
    assert (mix - done.gain * band.mixture).abs().max() <= tolerance + 1e-7


@pytest.mark.parametrize(("encoding", "limit"), [(WAV32, -110), (WAV24, -80), (FLAC24, -80)])
def test_null_test_from_the_written_files(tmp_path, generator, encoding, limit):
    song = torch.randn(2, 50_000, generator=generator) * 0.05
    parts = torch.randn(3, 2, 50_000, generator=generator) * 0.05
    stems = Stems(("bass", "drums", "piano"), parts, 44100, song - parts.sum(0))
    write(tmp_path / "song.wav", song, 44100)
    done = stems.write(tmp_path / "out", encoding)
    parts_only = [path for name, path in done.files.items() if name != "mix"]
    assert len(parts_only) == 4
    assert null_depth(parts_only, tmp_path / "song.wav", done.gain) <= limit
    assert null_depth(parts_only[:3], tmp_path / "song.wav", done.gain) > -10


def test_too_loud_for_integers_gets_one_common_gain(tmp_path, generator):
    song = torch.randn(1, 20_000, generator=generator)
    stems = Stems(("a", "b"), torch.stack([song, 0.001 * song]), 44100)
    write(tmp_path / "song.wav", stems.mixture, 44100)
    done = stems.write(tmp_path / "out", WAV24)
    assert done.gain == pytest.approx(1 / float(stems.mixture.abs().max()), rel=1e-6)
    back = Stems.read(tmp_path / "out")
    torch.testing.assert_close(back.audio, stems.audio * done.gain, atol=2e-7, rtol=0)
    assert null_depth([done.files["a"], done.files["b"]], tmp_path / "song.wav", done.gain) <= -80
    assert done.levels["mix"].peak == pytest.approx(float(stems.mixture.abs().max()))


def test_float_files_keep_samples_beyond_full_scale(tmp_path):
    stems = Stems(("a", "b"), torch.full((2, 1, 100), 3.0), 44100)
    assert stems.write(tmp_path, WAV32).gain == 1
    assert read(tmp_path / "mix.wav")[0].max() == 6


def test_writing_in_blocks_equals_writing_at_once(tmp_path, band):
    with writing(tmp_path / "blocks", band.names, 44100, 2, Delivery(OGG), 30_001) as sink:
        for start in range(0, 30_001, 5000):
            sink.write(band.audio[..., start : start + 5000])
    done = band.write(tmp_path / "whole", OGG)
    assert sink.gain == done.gain
    assert sink.levels["mix"].rms == pytest.approx(done.levels["mix"].rms)
    assert torch.equal(Stems.read(tmp_path / "blocks").audio, Stems.read(tmp_path / "whole").audio)


@pytest.mark.parametrize("encoding", [WAV32, WAV24])
@pytest.mark.parametrize(("rate", "target"), [(44100, 48000), (44100, 22050), (8000, 192000)])
def test_files_have_another_rate_only_where_asked(tmp_path, generator, encoding, rate, target):
    parts = torch.randn(2, 1, 10_001, generator=generator) * 0.1
    with writing(tmp_path / "out", ("a", "b"), rate, 1, Delivery(encoding, target)) as sink:
        for start in range(0, 10_001, 999):
            sink.write(parts[..., start : start + 999])
    back = Stems.read(tmp_path / "out")
    assert back.rate == target
    expected = resample(parts, rate, target)
    assert back.audio.shape == expected.shape
    assert (back.audio - expected).abs().max() < 1e-6


@pytest.mark.parametrize("encoding", [WAV32, WAV16])
def test_a_cancelled_job_leaves_nothing(tmp_path, band, encoding):
    def cancelled():
        with writing(tmp_path / "out", band.names, 44100, 2, Delivery(encoding)) as sink:
            sink.write(band.audio)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cancelled()
    assert not list(tmp_path.iterdir())


def test_existing_stems_are_kept_unless_overwriting_is_asked_for(tmp_path, band):
    band.write(tmp_path)
    before = (tmp_path / "bass.wav").read_bytes()
    louder = Stems(band.names, band.audio * 2, 44100)
    with pytest.raises(OutputError, match=r"bass\.wav exists already"):
        louder.write(tmp_path)
    assert (tmp_path / "bass.wav").read_bytes() == before
    louder.write(tmp_path, overwrite=True)
    assert torch.equal(Stems.read(tmp_path).audio, louder.audio)


def test_a_format_that_cannot_hold_the_stems(tmp_path):
    with pytest.raises(FormatError, match="MP3 cannot hold 8 channels"):
        Stems(("a",), torch.zeros(1, 8, 10), 44100).write(tmp_path / "out", MP3)
    assert not list(tmp_path.iterdir())


def test_residual_is_written_and_read(tmp_path, band):
    stems = Stems(band.names, band.audio, 44100, torch.ones(2, 30_001) * 0.1)
    assert "residual" in stems.write(tmp_path).files
    back = Stems.read(tmp_path)
    assert back.names == band.names
    assert torch.equal(back.residual, stems.residual)


def test_folders_that_hold_no_stems(tmp_path, band):
    with pytest.raises(AudioError, match="is not a folder"):
        Stems.read(tmp_path / "none")
    with pytest.raises(AudioError, match="holds no stems"):
        Stems.read(tmp_path)
    band.write(tmp_path)
    write(tmp_path / "bass.flac", band["bass"], 44100, FLAC24)
    with pytest.raises(AudioError, match="two files for stem 'bass'"):
        Stems.read(tmp_path)


@pytest.mark.parametrize(("rate", "channels", "samples"), [(22050, 1, 10), (44100, 2, 10), (44100, 1, 11)])
def test_stems_of_one_piece_are_alike(tmp_path, rate, channels, samples):
    write(tmp_path / "bass.wav", torch.zeros(1, 10), 44100)
    write(tmp_path / "drums.wav", torch.zeros(channels, samples), rate)
    with pytest.raises(AudioError, match="stems of one piece are alike"):
        Stems.read(tmp_path)


def test_one_sample_and_silence(tmp_path):
    stems = Stems(("a",), torch.zeros(1, 1, 1), 8000)
    stems.write(tmp_path, FLAC24)
    assert Stems.read(tmp_path).audio.shape == (1, 1, 1)
    assert not stems.presence["a"]


def test_level_and_decibel():
    level = Level()
    level.add(torch.tensor([[3.0, -4.0]]))
    level.add(torch.zeros(1, 2))
    assert (level.peak, level.rms) == (4.0, 2.5)
    assert Level().rms == 0
    assert decibel(0.1) == pytest.approx(-20)
    assert decibel(0) == float("-inf")


def test_null_depth_of_silence(tmp_path):
    write(tmp_path / "x.wav", torch.zeros(1, 10), 8000)
    assert null_depth([tmp_path / "x.wav"], Path(tmp_path / "x.wav")) == float("-inf")
