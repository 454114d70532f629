import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from stemweave.errors import OutputError
from stemweave.evaluation.protocols import efficiency
from stemweave.evaluation.protocols.efficiency import (
    RATE,
    Spent,
    bursts_and_tones,
    device_memory,
    made,
    memory_ratio,
    separated,
    tables,
    write_song,
)
from stemweave.tasks.separate import Separation

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def cells(table, row):
    (found,) = [dict(zip(table.columns, one.cells, strict=True)) for one in table.rows if one.name == row]
    return found


def test_a_song_is_one_piece_whatever_its_blocks(tmp_path):
    write_song(tmp_path / "song.wav", 21.5)
    audio, rate = soundfile.read(tmp_path / "song.wav")
    whole = bursts_and_tones(0, round(21.5 * RATE), RATE, np.random.default_rng(0))
    assert (rate, audio.shape) == (44100, (948150, 2))
    assert np.abs(audio.T - whole).max() < 1.1 / 2**15
    assert 0.3 < np.abs(whole).max() < 1


def test_a_song_has_at_least_a_sample(tmp_path):
    write_song(tmp_path / "song.wav", 1e-9)
    assert soundfile.info(tmp_path / "song.wav").frames == 1


def test_tones_climb_a_scale():
    """Halfway between bursts the strongest frequency of each second is a semitone above that of the one before."""
    song = bursts_and_tones(0, 3 * 8000, 8000, np.random.default_rng(0)).sum(0)
    found = [np.abs(np.fft.rfft(song[k * 8000 + 2000 : k * 8000 + 4000], 80000)).argmax() / 10 for k in range(3)]
    assert found == pytest.approx([110 * 2 ** (k / 12) for k in range(3)], rel=0.02)


def test_a_separation_is_a_command_from_file_to_file(tiny_model):
    places = []

    def command(song, folder):
        places.extend((song, folder))
        code = "import os, sys, time; os.mkdir(sys.argv[2]); time.sleep(0.4); sys.exit(os.path.getsize(sys.argv[1]) != 352844)"
        return [sys.executable, "-c", code, str(song), str(folder)]

    spent = separated("2 s", 2.0, command, tiny_model, Separation())
    assert (spent.name, spent.sound, spent.device) == ("2 s", 2.0, None)
    assert 0.4 < spent.seconds < 20
    assert 5 < spent.peak < 60
    assert not any(Path(place).exists() for place in places)


def test_a_separation_that_fails_is_an_error(tiny_model):
    with pytest.raises(OutputError, match="ended with status 1: no room"):
        separated(
            "1 s", 1.0, lambda song, folder: [sys.executable, "-c", "raise SystemExit('no room')"], tiny_model, Separation()
        )


def test_device_memory_is_that_of_the_same_separation(tiny_model, monkeypatch):
    heard = []

    def count(model, song, how):
        for block in real(model, song, how):
            heard.append(block.shape)
            yield block

    real = efficiency.separate
    monkeypatch.setattr(efficiency, "separate", count)
    monkeypatch.setattr(efficiency, "device_memory", lambda device, work: 7.0 if work() is None else None)
    spent = separated("1 s", 1.0, lambda song, folder: [sys.executable, "-c", ""], tiny_model, Separation())
    assert spent.device == 7.0
    assert sum(samples for _, _, samples in heard) == RATE


def test_memory_is_asked_of_cuda_alone(monkeypatch):
    calls = []
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: calls.append("reset"))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: calls.append("asked") or 3_500_000)
    assert device_memory(CUDA, lambda: calls.append("work")) == 3.5
    assert calls == ["reset", "work", "asked"]
    assert device_memory(CPU, lambda: calls.append("more")) is None
    assert len(calls) == 3


def test_only_the_piece_that_is_asked_for_is_timed():
    lengths = []

    def make(seconds):
        time.sleep(0.1 if lengths else 0.6)
        lengths.append(seconds)

    spent = made("generate", 4.0, make, CPU)
    assert lengths == [0.5, 4.0]
    assert (spent.name, spent.sound, spent.peak, spent.device) == ("generate", 4.0, None, None)
    assert 0.1 <= spent.seconds < 0.6
    made("generate", 0.2, make, CPU)
    assert lengths[2:] == [0.2, 0.2]


def test_memory_is_that_of_the_whole_piece(monkeypatch):
    lengths = []
    monkeypatch.setattr(efficiency, "device_memory", lambda device, work: work() or 7.0)
    assert made("generate", 4.0, lengths.append, CPU).device == 7.0
    assert lengths == [0.5, 4.0, 4.0]


def test_memory_is_compared_between_longest_and_shortest():
    songs = [Spent("a", 180, 1, 600), Spent("b", 1800, 1, 630), Spent("c", 600, 1, 9000)]
    assert memory_ratio(songs) == pytest.approx(1.05)
    assert memory_ratio(songs[:1]) == 1
    assert memory_ratio([Spent("a", 180)]) is None


def test_tables_say_speed_and_memory_and_skip_what_is_not_known():
    lengths = [Spent("3 min", 180, 12, 644), Spent("30 min", 1800, 120, 665)]
    making = [Spent("generate", 12, 6, device=90), Spent("accompany bass", 12)]
    by_length, by_steps, music = tables(lengths, [Spent("steps 4", 180, 45, 650, 80)], making)
    assert [cell.value for cell in cells(by_length, "30 min").values()] == [120, 15, 665, None]
    assert by_length.note.endswith("Peak memory, longest to shortest: 1.03.")
    assert by_steps.title == "Separation by steps, 3 min"
    assert [cell.value for cell in cells(by_steps, "steps 4").values()] == [45, 4, 650, 80]
    assert [cell.value for cell in cells(music, "generate").values()] == [0.5, 2, 90]
    assert {cell.status for cell in cells(music, "accompany bass").values()} == {"skipped"}
    (unknown, *_) = tables([Spent("3 min", 180, 12)], [], making)
    assert "longest" not in unknown.note
