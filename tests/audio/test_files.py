import struct

import numpy as np
import pytest
import soundfile
import torch

from stemweave.audio.files import Reader, Writer, read, staged, write
from stemweave.audio.formats import AIFF16, AIFF24, AIFF32, ENCODINGS, FLAC16, FLAC24, MP3, OGG, WAV16, WAV24, WAV32
from stemweave.audio.mpeg import least_samples
from stemweave.errors import AudioError, FormatError, OutputError

LOSSLESS = [(WAV32, 0), (WAV24, 2**-24), (WAV16, 2**-16), (FLAC24, 2**-24), (FLAC16, 2**-16)]
LOSSLESS += [(AIFF32, 0), (AIFF24, 2**-24), (AIFF16, 2**-16)]


def noise(channels, samples, generator):
    return (torch.rand(channels, samples, generator=generator) * 2 - 1) * 0.9


def tones(channels, samples, rate):
    time = torch.arange(samples) / rate
    return torch.stack([0.3 * torch.sin(2 * np.pi * (300 + 100 * n) * time) for n in range(channels)])


@pytest.mark.parametrize(("encoding", "half_step"), LOSSLESS)
@pytest.mark.parametrize(("rate", "channels", "samples"), [(8000, 1, 1), (44100, 2, 1001), (192000, 8, 70_001)])
def test_lossless_round_trip(tmp_path, encoding, half_step, rate, channels, samples, generator):
    path, audio = tmp_path / f"x{encoding.suffix}", noise(channels, samples, generator)
    write(path, audio, rate, encoding)
    back, found = read(path)
    assert found == rate
    assert back.dtype == torch.float32
    assert (back - audio).abs().max() <= half_step
    assert soundfile.info(path).subtype == encoding.subtype


@pytest.mark.parametrize(("encoding", "rate", "channels"), [(OGG, 44100, 2), (OGG, 96000, 8), (MP3, 44100, 2), (MP3, 22050, 1)])
def test_lossy_round_trip_keeps_length_and_sound(tmp_path, encoding, rate, channels):
    path, audio = tmp_path / f"x{encoding.suffix}", tones(channels, 2 * rate + 1, rate)
    write(path, audio, rate, encoding)
    back, _ = read(path)
    assert back.shape == audio.shape
    assert (back - audio).square().mean() < 0.01 * audio.square().mean()


def test_long_ogg_does_not_crash_the_encoder(tmp_path):
    write(tmp_path / "x.ogg", torch.zeros(1, 3_000_000), 44100, OGG)
    assert read(tmp_path / "x.ogg")[0].shape == (1, 3_000_000)


def test_reading_converts_only_when_asked(tmp_path, generator):
    write(tmp_path / "x.wav", noise(2, 48000, generator), 48000)
    assert read(tmp_path / "x.wav")[0].shape == (2, 48000)
    audio, rate = read(tmp_path / "x.wav", rate=22050)
    assert (audio.shape, rate) == ((2, 22050), 22050)


@pytest.mark.parametrize("encoding", ENCODINGS, ids=lambda encoding: encoding.name)
def test_streaming_equals_whole(tmp_path, encoding, generator):
    path = tmp_path / f"x{encoding.suffix}"
    write(path, noise(2, 100_003, generator), 44100, encoding)
    whole, _ = read(path)
    with Reader(path) as file:
        assert (file.rate, file.channels, file.frames) == (44100, 2, 100_003)
        for start, stop in [(0, 1000), (900, 5000), (4000, 4500), (4400, 70_000), (70_000, 100_003), (10, 20), (0, 100_003)]:
            assert torch.equal(file.read(start, stop), whole[:, start:stop])


def test_samples_outside_the_file_are_zeros(tmp_path):
    write(tmp_path / "x.wav", torch.ones(1, 10), 8000)
    with Reader(tmp_path / "x.wav") as file:
        assert file.read(-3, 13).tolist() == [[0] * 3 + [1] * 10 + [0] * 3]
        assert file.read(20, 24).tolist() == [[0] * 4]
        assert file.read(-4, -1).tolist() == [[0] * 3]
        assert file.read(5, 5).shape == (1, 0)


def test_what_is_read_belongs_to_the_caller(tmp_path):
    write(tmp_path / "x.wav", torch.ones(1, 10), 8000)
    with Reader(tmp_path / "x.wav") as file:
        file.read(0, 5).zero_()
        assert file.read(2, 7).min() == 1


def test_writing_in_blocks_equals_writing_at_once(tmp_path, generator):
    audio = noise(2, 10_000, generator)
    with Writer(tmp_path / "blocks.wav", 44100, 2) as file:
        for start in range(0, 10_000, 777):
            file.write(audio[:, start : start + 777])
    assert torch.equal(read(tmp_path / "blocks.wav")[0], audio)


def test_a_wav_beyond_four_gigabytes_is_announced_with_wide_sizes(tmp_path):
    with Writer(tmp_path / "x.wav", 44100, 2, frames=2**30) as file:
        file.write(torch.ones(2, 5))
    assert (tmp_path / "x.wav").read_bytes()[:4] == b"RF64"
    assert read(tmp_path / "x.wav")[0].shape == (2, 5)


def test_tags_carry_where_it_came_from(tmp_path):
    with Writer(tmp_path / "x.flac", 44100, 1, FLAC24, title="song", comment="seed 7") as file:
        file.write(torch.zeros(1, 5))
    with soundfile.SoundFile(tmp_path / "x.flac") as file:
        assert (file.title, file.comment) == ("song", "seed 7")


def test_an_existing_file_is_kept_unless_overwriting_is_asked_for(tmp_path):
    path = tmp_path / "x.wav"
    path.write_bytes(b"mine")
    with pytest.raises(OutputError, match="exists already"):
        write(path, torch.zeros(1, 5), 44100)
    assert path.read_bytes() == b"mine"
    write(path, torch.zeros(1, 5), 44100, overwrite=True)
    assert read(path)[0].shape == (1, 5)


@pytest.mark.parametrize("trouble", [KeyboardInterrupt, ValueError])
def test_a_cancelled_writer_leaves_nothing_and_spares_what_was_there(tmp_path, trouble):
    (tmp_path / "x.wav").write_bytes(b"mine")

    def cancelled():
        with Writer(tmp_path / "x.wav", 44100, 1, overwrite=True) as file:
            file.write(torch.zeros(1, 5))
            raise trouble

    with pytest.raises(trouble):
        cancelled()
    assert [path.name for path in tmp_path.iterdir()] == ["x.wav"]
    assert (tmp_path / "x.wav").read_bytes() == b"mine"


def test_a_writer_refuses_before_anything_is_written(tmp_path):
    with pytest.raises(FormatError, match="MP3 cannot hold 3 channels"):
        Writer(tmp_path / "x.mp3", 44100, 3, MP3)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot be written"):
        write(tmp_path / "file" / "x.wav", torch.zeros(1, 5), 44100)
    with pytest.raises(OutputError, match="cannot be written"), staged(tmp_path / "file" / "out"):
        pass


def test_staged_files_appear_together_or_not_at_all(tmp_path):
    def cancelled():
        with staged(tmp_path / "out") as stage:
            (stage / "half").write_bytes(b"")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cancelled()
    assert not list(tmp_path.iterdir())
    with staged(tmp_path / "out") as stage:
        (stage / "whole").write_bytes(b"new")
        assert not (tmp_path / "out").exists()
    (tmp_path / "out" / "notes.txt").write_bytes(b"mine")
    with staged(tmp_path / "out") as stage:
        (stage / "whole").write_bytes(b"newer")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == {"whole": b"newer", "notes.txt": b"mine"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


# --- bad input


def refused(path, message):
    with pytest.raises(AudioError, match=message) as caught:
        Reader(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_file(tmp_path):
    refused(tmp_path / "no.wav", "does not exist")


def test_a_folder(tmp_path):
    refused(tmp_path, "is not a file")


def test_an_empty_file(tmp_path):
    (tmp_path / "x.wav").write_bytes(b"")
    refused(tmp_path / "x.wav", "is empty")


def test_a_file_without_samples(tmp_path):
    soundfile.write(tmp_path / "x.wav", np.zeros((0, 2)), 44100)
    refused(tmp_path / "x.wav", "holds no samples")


@pytest.mark.parametrize("content", [b"x", b"hello, this is a letter, not a song\n" * 100, bytes(5000)])
def test_a_file_that_is_not_sound(tmp_path, content):
    (tmp_path / "x.wav").write_bytes(content)
    refused(tmp_path / "x.wav", "is not a sound file")


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\x00\x00\x00\x20ftypM4A \x00\x00\x00\x00", "MPEG-4"),
        (b"\xff\xf1\x50\x80\x02\x1f\xfc\xde", "AAC"),
        (b"ADIF\x00\x00", "AAC"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media"),
        (b"\x1a\x45\xdf\xa3", "Matroska or WebM"),
    ],
)
def test_a_kind_that_is_not_read_is_named(tmp_path, head, name):
    (tmp_path / "x.m4a").write_bytes(head + bytes(100))
    refused(tmp_path / "x.m4a", f"is {name}.*convert it first")


@pytest.mark.parametrize("encoding", ENCODINGS, ids=lambda encoding: encoding.name)
@pytest.mark.parametrize("kept", [0.5, 0.97])
def test_a_truncated_file(tmp_path, encoding, kept, generator, capfd):
    path = tmp_path / f"x{encoding.suffix}"
    write(path, noise(2, 200_000, generator), 44100, encoding)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    refused(path, "truncated")
    capfd.readouterr()


@pytest.mark.parametrize("rate", [44100, 22050, 11025])
@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
@pytest.mark.parametrize("fade", [torch.linspace(0, 1, 5), torch.linspace(1, 0, 5)])
def test_mp3_is_read_whole_or_refused(tmp_path, rate, mode, fade, capfd):
    noise = torch.randn(5, rate, generator=torch.Generator().manual_seed(0))
    path = tmp_path / "x.mp3"
    with soundfile.SoundFile(path, "w", rate, 1, bitrate_mode=mode, compression_level=0.5) as file:
        file.write((noise * fade[:, None] ** 8 * 0.5).flatten().numpy())
    whole, _ = read(path)
    assert whole.shape == (1, 5 * rate)
    assert 5 * rate - 10_000 < least_samples(path) <= 5 * rate
    content = path.read_bytes()
    path.write_bytes(content[content.index(content[:2], 4) :])  # without the frame that says how long the file is
    if mode == "VARIABLE" and fade[0] == 1:  # looks shorter than it is
        refused(path, "would be cut off")
    else:
        bare, _ = read(path)
        assert bare.shape[1] >= 5 * rate  # with the encoder's delay
        assert float(whole.square().sum()) == pytest.approx(float(bare.square().sum()), rel=0.01)
    capfd.readouterr()


def test_a_tag_before_an_mp3_is_skipped(tmp_path):
    write(tmp_path / "x.mp3", tones(1, 30_000, 44100), 44100, MP3)
    bare = least_samples(tmp_path / "x.mp3")
    tag = b"ID3\x04\x00\x00" + bytes([0, 0, 2, 1]) + bytes(257)
    (tmp_path / "x.mp3").write_bytes(tag + (tmp_path / "x.mp3").read_bytes())
    assert least_samples(tmp_path / "x.mp3") == bare > 0
    assert read(tmp_path / "x.mp3")[0].shape == (1, 30_000)


@pytest.mark.parametrize("suffix", [".wav", ".aiff", ".ogg"])
def test_a_file_that_ends_inside_its_header(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    soundfile.write(path, np.zeros((5000, 1)), 44100)
    path.write_bytes(path.read_bytes()[:30])
    refused(path, "truncated")


def test_a_wav_whose_writer_could_not_say_its_length_is_read(tmp_path, generator):
    path, audio = tmp_path / "x.wav", noise(1, 1000, generator)
    write(path, audio, 44100, WAV16)
    content = bytearray(path.read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = struct.pack("<I", 0xFFFFFFFF)
    path.write_bytes(content)
    assert read(path)[0].shape == (1, 1000)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_file_that_holds_no_numbers(tmp_path, bad):
    samples = np.zeros((44100, 2), dtype=np.float32)
    samples[22050, 1] = bad
    soundfile.write(tmp_path / "x.wav", samples, 44100, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"NaN or infinite samples \(the first at 0.50 s\)"):
        read(tmp_path / "x.wav")


def test_damage_in_the_middle_is_reported_with_its_place(tmp_path, generator):
    path = tmp_path / "x.flac"
    write(path, noise(1, 400_000, generator), 44100, FLAC16)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 20_000] = bytes(20_000)
    path.write_bytes(content)
    with pytest.raises(AudioError, match=r"breaks off|damaged"):
        read(path)


@pytest.mark.parametrize("start", [1000, 50_000, 123_457])
def test_a_part_of_an_mp3_is_what_decoding_all_of_it_gives(tmp_path, start):
    """After a seek the first frames of an MP3 lack what frames before them hold; decoding begins before the part."""
    noise = 0.1 * torch.randn(1, 150_000, generator=torch.Generator().manual_seed(0))
    path = tmp_path / "noise.mp3"
    write(path, noise, 44100, MP3)
    with Reader(path) as whole, Reader(path) as part:
        expected = whole.read()[:, start : start + 4000]
        torch.testing.assert_close(part.read(start, start + 4000), expected, atol=1e-4, rtol=0)
