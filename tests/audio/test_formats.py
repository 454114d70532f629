import numpy as np
import pytest

from stemweave.audio.formats import ENCODINGS, FLAC16, FLAC24, MP3, OGG, WAV16, WAV24, WAV32
from stemweave.errors import FormatError


def test_quantise_rounds_to_the_nearest_step_and_clips_only_the_last_one():
    samples = np.array([[0.0], [0.4 / 32768], [0.6 / 32768], [-1.0], [1.0], [1.5]], dtype=np.float32)
    assert WAV16.quantise(samples).ravel().tolist() == [0, 0, 1, -32768, 32767, 32767]
    assert WAV16.quantise(samples).dtype == np.int16
    steps = WAV24.quantise(np.array([[2.0**-23], [-1.0]], dtype=np.float32)).ravel()
    assert steps.tolist() == [1 << 8, -(1 << 31)]


def test_float_formats_pass_samples_through():
    samples = np.array([[3.25], [-7.5]], dtype=np.float32)
    assert WAV32.quantise(samples) is samples
    assert WAV32.unbounded
    assert not OGG.unbounded


@pytest.mark.parametrize(
    ("encoding", "rate", "channels", "message"),
    [
        (MP3, 96000, 2, r"MP3 cannot hold 96000 Hz \(it holds 8000, .*48000 Hz\)"),
        (MP3, 44100, 3, "MP3 cannot hold 3 channels"),
        (OGG, 352800, 2, "Ogg Vorbis cannot hold 352800 Hz"),
        (FLAC24, 44100, 9, "FLAC cannot hold 9 channels"),
        (FLAC16, 700000, 1, "16-bit FLAC cannot hold 700000 Hz"),
    ],
)
def test_a_format_refuses_by_name_what_it_cannot_hold(encoding, rate, channels, message):
    with pytest.raises(FormatError, match=message):
        encoding.check(rate, channels)


def test_every_lossless_encoding_holds_what_the_package_promises():
    for encoding in ENCODINGS:
        if encoding is not MP3:
            for rate in (8000, 11025, 44100, 192000):
                encoding.check(rate, 8)
