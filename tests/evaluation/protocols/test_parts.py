import dataclasses

import pytest
import torch

from stemweave.evaluation.measures.separation import Scores
from stemweave.evaluation.protocols.parts import MINUTE, SOURCES, STYLE, table
from stemweave.evaluation.protocols.separation import Result, run
from stemweave.evaluation.statistics import song_means

NAMES = ("bass", "drums", "piano")
NAN = float("nan")


def result(song, text, improvement, seeds=1):
    """A song whose stems sound where ``improvement`` (windows, stems) is a number, and never alone."""
    values = torch.tensor(improvement, dtype=torch.float64).repeat(seeds, 1)
    sounding = torch.where(values.isnan(), NAN, 0.0)
    scores = Scores(values, values, sounding, values * NAN, values * NAN)
    means = values.nanmean(0).repeat(seeds, 1)
    return Result(song, text, "direct", 1.0, 1.0, scores, scores, means, 0.0, 0, torch.empty(0, 2), {})


def cells(made, row="direct"):
    (found,) = [one for one in made.rows if one.name == row]
    return dict(zip(made.columns, found.cells, strict=True))


def test_by_style_every_song_counts_the_same_and_stems_are_averaged_last():
    songs = [
        result("a", "rock", [[1.0, 3.0], [3.0, NAN]]),
        result("b", "rock", [[4.0, NAN]]),
        result("c", "", [[7.0, 7.0]]),
        result("d", "", [[NAN, NAN]]),
    ]
    made = cells(table(STYLE, {"direct": songs}))
    assert list(made) == ["rock", "unknown"]
    assert (made["rock"].value, made["rock"].n) == ((3.0 + 3.0) / 2, 2)  # bass: 2 and 4, drums: 3
    assert (made["unknown"].value, made["unknown"].n) == (7.0, 1)
    expected = song_means([[2.0, 3.0], [4.0, NAN], [NAN, NAN], [NAN, NAN]])[-1]
    assert made["rock"].interval == (expected.low, expected.high)


def test_a_window_belongs_to_the_minute_in_which_it_starts_with_every_seed():
    song = [[1.0, 1.0]] * 30 + [[5.0, 5.0]] * 30 + [[9.0, 9.0]] * 3
    made = cells(table(MINUTE, {"direct": [result("a", "", song, seeds=2), result("b", "", song[:31], seeds=2)]}))
    assert {minute: (cell.value, cell.n) for minute, cell in made.items()} == {"1": (1.0, 2), "2": (5.0, 2), "3": (9.0, 1)}


def test_minutes_are_counted_as_numbers():
    columns = table(MINUTE, {"direct": [result("a", "", [[1.0, 1.0]] * 30 * 10 + [[1.0, 1.0]])]}).columns
    assert columns == tuple(str(minute) for minute in range(1, 12))


def test_by_sources_windows_are_told_by_how_many_stems_sound():
    songs = [result("a", "", [[1.0, 2.0, 3.0], [6.0, NAN, 8.0], [NAN, 4.0, 4.0]])]
    made = cells(table(SOURCES, {"direct": songs}))
    assert {count: cell.value for count, cell in made.items()} == {"2": (6.0 + 4.0 + 6.0) / 3, "3": 2.0}


def test_real_results_have_style_minutes_and_counts(songs):
    def louder(references, rate, seed):
        noise = torch.randn(references.shape, generator=torch.Generator().manual_seed(seed)) * 0.02
        return {"noisy": references + noise, "mixture": references.sum(0).expand_as(references)}

    styled = [dataclasses.replace(song, text=text) for song, text in zip(songs, ("pop", "jazz", "pop"), strict=True)]
    results = [r for song in run(styled, NAMES, [louder], (0, 1), False) for r in song]
    rows = {row: [r for r in results if r.row == row] for row in ("noisy", "mixture")}
    means = {r.song: r.scores.improvement.nanmean(0).tolist() for r in rows["noisy"]}
    by_style, by_minute, by_sources = (table(division, rows) for division in (STYLE, MINUTE, SOURCES))
    assert by_style.columns == ("jazz", "pop")
    assert cells(by_style, "noisy")["jazz"].value == pytest.approx(sum(means["song1"][:2]) / 2)
    assert cells(by_style, "noisy")["pop"].value == pytest.approx(song_means([means["song0"], means["song2"]])[-1].value)
    assert cells(by_style, "mixture")["pop"].value == pytest.approx(0.0, abs=1e-5)
    assert by_minute.columns == ("1",)
    assert cells(by_minute, "noisy")["1"].value == pytest.approx(song_means(list(means.values()))[-1].value)
    assert by_sources.columns == ("2", "3")  # the second song has no piano
    assert cells(by_sources, "noisy")["2"].value == cells(by_style, "noisy")["jazz"].value
    assert by_style.title == "Active-only SI-SDRi, dB, by style"
    assert by_style.text(by_style.rows[0].cells[0]).endswith("(n = 1 too small)")


def test_songs_in_which_no_two_stems_sound_give_no_columns():
    made = table(SOURCES, {"direct": [result("a", "", [[NAN, NAN]])]})
    assert made.columns == ()
    assert not made.measured
