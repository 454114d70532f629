"""Standard MIDI Files written byte by byte here, and what the reader must make of them."""

import pickle
import struct

import numpy as np
import pytest

from stemweave.band import midi
from stemweave.band.midi import Pieces, events, files, installed, lumps, piece
from stemweave.band.score import RATE, STEMS, TRAIN
from stemweave.band.song import Composer
from stemweave.errors import DataError, MissingExtra


def chunk(name, data):
    return name + struct.pack(">I", len(data)) + data


def smf(*tracks, division=96, kind=1):
    return chunk(b"MThd", struct.pack(">HHH", kind, len(tracks), division)) + b"".join(chunk(b"MTrk", t) for t in tracks)


def tempo(micros, wait=b"\x00"):
    return wait + b"\xff\x51\x03" + micros.to_bytes(3)


END = b"\x00\xff\x2f\x00"


def scale(channel, program, pitch, count, division=96):
    """`count` quarter notes from `pitch` up, on and off."""
    out = bytes([0, 0xC0 | channel, program])
    for step in range(count):
        out += bytes([0, 0x90 | channel, pitch + step % 5, 80, division, 0x80 | channel, pitch + step % 5, 0])
    return out


BAND = smf(scale(0, 0, 60, 16) + END, scale(1, 29, 52, 16) + END, scale(2, 33, 36, 16) + END, scale(9, 8, 36, 16) + END)


def test_notes_fall_where_the_ticks_say():
    track = b"\x00\xc0\x02" + b"\x00\x90\x3c\x64" + b"\x60\x80\x3c\x00" + b"\x30\x90\x40\x50\x30\x80\x40\x00" + END
    one = piece("x", smf(tempo(600_000) + track))
    quarter = 0.6 * RATE
    assert one.parts["piano"].program == 2
    assert one.parts["piano"].notes.tolist() == [
        (0, round(quarter), 60, 100),
        (round(1.5 * quarter), round(2 * quarter) - round(1.5 * quarter), 64, 80),
    ]
    assert one.tempo == pytest.approx(100.0)
    assert one.length == round(2 * quarter)
    assert one.beats.tolist() == [0, round(quarter)]


def test_a_change_of_tempo_moves_what_follows():
    conductor = tempo(500_000) + tempo(1_000_000, b"\x60") + END
    one = piece("x", smf(conductor, scale(0, 0, 60, 3) + END))
    assert one.parts["piano"].notes["start"].tolist() == [0, RATE // 2, 3 * RATE // 2]
    assert one.tempo == pytest.approx(120.0)


def test_without_tempo_it_is_120_and_4_4():
    one = piece("x", smf(scale(0, 0, 60, 8) + END))
    assert (one.tempo, one.meter) == (120.0, (4, 4))
    assert one.beats.tolist() == [i * RATE // 2 for i in range(8)]
    assert one.downbeats.tolist() == [0, 2 * RATE]


def test_meter_moves_the_downbeats():
    one = piece("x", smf(b"\x00\xff\x58\x04\x06\x03\x18\x08" + scale(0, 0, 60, 8) + END))
    assert one.meter == (6, 8)
    assert one.downbeats.tolist() == [0, 3 * RATE // 2, 3 * RATE]


def test_running_status_and_velocity_zero_end_notes():
    track = b"\x00\x90\x3c\x64\x60\x3c\x00\x00\x3e\x64\x60\x3e\x00" + END
    assert piece("x", smf(track)).parts["piano"].notes["pitch"].tolist() == [60, 62]


def test_other_messages_are_passed_over():
    noise = b"\x00\xb0\x07\x40\x00\xe0\x00\x40\x00\xd0\x10\x00\xf0\x03\x01\x02\xf7\x00\xff\x01\x02hi"
    assert piece("x", smf(noise + scale(0, 0, 60, 2) + END)).parts["piano"].notes.size == 2


def test_long_waits_use_several_bytes():
    track = b"\x81\x40\x90\x3c\x64\x60\x80\x3c\x00" + END  # 0x81 0x40 = 192 ticks
    assert piece("x", smf(track)).parts["piano"].notes["start"].tolist() == [RATE]


@pytest.mark.parametrize(
    ("channel", "program", "stem"),
    [(0, 0, "piano"), (0, 7, "piano"), (3, 24, "guitar"), (3, 31, "guitar"), (5, 32, "bass"), (9, 0, "drums")],
)
def test_programs_become_stems(channel, program, stem):
    one = piece("x", smf(scale(channel, program, 45, 4) + END))
    assert [name for name in STEMS if one.parts[name].notes.size] == [stem]


def test_other_programs_are_left_out():
    assert piece("x", smf(scale(0, 73, 60, 4) + END)).length == 0


def test_the_commonest_program_is_the_parts():
    track = scale(0, 1, 60, 2) + scale(0, 4, 60, 5) + END
    assert piece("x", smf(track)).parts["piano"].program == 4


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "does not begin with MThd"),
        (b"RIFF0000WAVE00", "does not begin with MThd"),
        (smf(END, division=0xE728), "film frames"),
        (smf(END)[:14], "no track at byte 14"),
        (smf(b"\x00\x90\x3c"), "truncated inside a track"),
        (smf(b"\x81"), "truncated inside a track"),
    ],
)
def test_what_is_no_midi_is_refused(data, words):
    with pytest.raises(DataError, match=words):
        events(data)


def wad(**entries):
    body, rows = b"", b""
    for name, data in entries.items():
        rows += struct.pack("<ii8s", 12 + len(body), len(data), name.encode())
        body += data
    return struct.pack("<4sii", b"IWAD", len(entries), 12 + len(body)) + body + rows


def test_wads_are_opened(tmp_path):
    (tmp_path / "game.wad").write_bytes(wad(D_ONE=BAND, GFX=b"pixels", D_TWO=smf(END)))
    assert list(lumps(tmp_path / "game.wad")) == [("game:D_ONE", BAND), ("game:D_TWO", smf(END))]


def test_what_is_no_wad_is_refused(tmp_path):
    (tmp_path / "x.wad").write_bytes(b"no")
    with pytest.raises(DataError, match=r"x\.wad is not a WAD file"):
        list(lumps(tmp_path / "x.wad"))


def test_files_come_once_each(tmp_path):
    (tmp_path / "game.wad").write_bytes(wad(D_ONE=BAND))
    (tmp_path / "same.mid").write_bytes(BAND)
    (tmp_path / "other.mid").write_bytes(smf(END))
    (tmp_path / "readme.txt").write_text("hello")
    assert [name for name, _ in files((tmp_path, tmp_path / "missing"))] == ["game:D_ONE", "other"]


def test_installed_keeps_pieces_with_all_four_stems(tmp_path):
    (tmp_path / "full.mid").write_bytes(BAND)
    (tmp_path / "solo.mid").write_bytes(smf(scale(0, 0, 60, 16) + END))
    assert installed((tmp_path,)).name == "full"
    (tmp_path / "full.mid").unlink()
    with pytest.raises(MissingExtra, match="apt install freedoom"):
        installed((tmp_path,))


def test_a_broken_file_is_named(tmp_path):
    (tmp_path / "broken.mid").write_bytes(b"MThd")
    with pytest.raises(DataError, match="broken: not a Standard MIDI File"):
        installed((tmp_path,))


def test_pieces_go_round_and_begin_again():
    pieces = Pieces((piece("a", BAND), piece("b", BAND)))
    rng = np.random.default_rng(0)
    score = pieces(0, rng, 20.0, TRAIN)
    assert score.length == 20 * RATE
    assert score.sections == ((0, "a"),)
    assert score.parts["piano"].notes["start"].tolist() == [i * RATE // 2 for i in range(40)]
    assert score.parts["guitar"].program == TRAIN["guitar"][0]  # 29 is held out
    assert score.parts["bass"].program == 33
    second = pieces(3, rng, 3.0, TRAIN)
    assert second.sections == ((0, "b"),)
    assert second.parts["piano"].notes["pitch"].tolist() == [60 + (6 + i) % 5 for i in range(6)]
    assert second.beats.tolist() == [i * RATE // 2 for i in range(6)]
    assert second.downbeats.tolist() == [RATE]


def test_notes_are_cut_at_the_end():
    score = Pieces((piece("a", BAND),))(0, np.random.default_rng(0), 1.2, TRAIN)
    for part in score.parts.values():
        assert (part.notes["start"] + part.notes["length"]).max() <= score.length


def test_writers_travel_and_name_themselves():
    pieces = pickle.loads(pickle.dumps(Pieces((piece("a", BAND),))))
    assert pieces.name == "a"
    assert "freedoom" in pieces.licence
    assert Composer().name.startswith("composer ")


def test_folders_are_the_packages(monkeypatch):
    assert [folder.name for folder in midi.FOLDERS] == ["doom", "openmsx"]
