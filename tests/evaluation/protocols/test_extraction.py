import math
from dataclasses import replace

import pytest
import torch

from stemweave.errors import DataError
from stemweave.evaluation.measures.extraction import extraction
from stemweave.evaluation.protocols import extraction as protocol
from stemweave.evaluation.protocols.extraction import (
    answers,
    by_stem,
    cases,
    ghost_levels,
    improvements,
    measure,
    steadiness,
    tables,
)
from stemweave.evaluation.reports.journal import Journal
from stemweave.evaluation.statistics import song_means
from stemweave.tasks.separate import Separation

NAMES = ("bass", "drums", "piano")
RATE = 2000


def noise(seed, seconds, level):
    made = torch.randn(1, round(seconds * RATE), generator=torch.Generator().manual_seed(seed))
    return made / made.square().mean().sqrt() * 10 ** (level / 20)


def some(mixture, rate, prompt, seed):
    """A tenth of the mixture, whatever is asked for: 20 dB under it."""
    return mixture * 0.1


def answer(si_sdri=None, ghosts=(), null=-90.0, changed=None):
    return {"si_sdri": si_sdri, "ghosts": list(ghosts), "null": null, "changed": changed}


def cells(table, row):
    (found,) = [dict(zip(table.columns, one.cells, strict=True)) for one in table.rows if one.name == row]
    return found


# --- what is asked


def test_a_song_is_asked_for_everything_and_without_a_stem_for_that_stem(songs):
    whole, *without = cases(songs[0], NAMES, ("bass", "piano"))
    assert (whole.key, whole.track, whole.prompts) == ("song0", songs[0], NAMES)
    assert [(case.key, case.prompts) for case in without] == [
        ("song0 without bass", ("bass",)),
        ("song0 without piano", ("piano",)),
    ]
    full, taken = songs[0].read(NAMES), without[0].track.read(NAMES)
    assert torch.equal(taken[1:], full[1:])
    assert not taken[0].any()
    assert full[0].any()


def test_songs_of_two_splits_may_have_one_name(songs):
    keys = {case.key for split in ("train", "test") for case in cases(replace(songs[0], split=split), NAMES, NAMES)}
    assert len(keys) == 8


# --- an answer


def test_answers_are_scored_as_the_measure_scores():
    stems = torch.stack([noise(0, 8, -20), noise(1, 8, -26)])
    mixture = stems.sum(0)

    def mostly(heard, rate, prompt, seed):
        assert torch.equal(heard, mixture)
        assert rate == RATE
        return stems[0] + (0.1 + seed) * stems[1]

    found = answers(stems, {"bass": stems[0]}, RATE, mostly, (0, 1))["bass"]
    expected = extraction(stems[0] + 0.1 * stems[1], 0.9 * stems[1], stems[0], mixture, RATE).scores.improvement[:, 0].mean()
    assert found[0]["si_sdri"] == pytest.approx(float(expected), abs=1e-4)
    assert found[0]["si_sdri"] == pytest.approx(20, abs=0.3)
    assert found[1]["si_sdri"] == pytest.approx(20 * math.log10(1 / 1.1), abs=0.3)
    assert found[0]["ghosts"] == []
    assert found[0]["null"] < -120


def test_what_comes_for_an_absent_instrument_is_a_ghost():
    stems = torch.stack([noise(0, 8, -20), torch.zeros(1, 8 * RATE)])
    (found,) = answers(stems, {"drums": stems[1]}, RATE, some, (0,))["drums"]
    assert found["ghosts"] == pytest.approx([-20] * 4, abs=1e-3)
    assert (found["si_sdri"], found["changed"]) == (None, None)


def test_an_instrument_that_rests_for_a_while_has_both():
    drums = noise(1, 16, -20)
    drums[:, 8 * RATE :] = 0
    stems = torch.stack([noise(0, 16, -20), drums])
    (found,) = answers(stems, {"drums": drums}, RATE, some, (0,))["drums"]
    assert len(found["ghosts"]) == 4  # windows from 8, 10, 12 and 14 s
    assert found["si_sdri"] == pytest.approx(0, abs=0.01)


def test_crops_whose_answer_is_another_instrument_are_counted():
    stems = torch.stack([noise(0, 45, -20), noise(1, 45, -20)])

    def wandering(mixture, rate, prompt, seed):
        target = stems[0].clone()
        target[:, 10 * RATE : 20 * RATE] = stems[1, :, 10 * RATE : 20 * RATE]
        return target

    found = answers(stems, {"bass": stems[0]}, RATE, wandering, (0,))["bass"]
    assert found[0]["changed"] == pytest.approx(1 / 4)
    short = answers(stems[..., : 29 * RATE], {"bass": stems[0, :, : 29 * RATE]}, RATE, some, (0,))["bass"]
    assert short[0]["changed"] is None


def test_of_a_silent_song_nothing_is_said():
    stems = torch.zeros(2, 1, 8 * RATE)
    (found,) = answers(stems, {"bass": stems[0]}, RATE, some, (0,))["bass"]
    assert found == answer(null=None)


def test_bad_targets_are_refused():
    stems = torch.stack([noise(0, 8, -20), noise(1, 8, -20)])
    with pytest.raises(DataError, match=r"'bass' gave shape \(1, 9\), expected \(1, 16000\)"):
        answers(stems, {"bass": stems[0]}, RATE, lambda mixture, *_: mixture[:, :9], (0,))
    with pytest.raises(DataError, match="the target holds NaN"):
        answers(stems, {"bass": stems[0]}, RATE, lambda mixture, *_: mixture * math.nan, (0,))


# --- a model with stems


def test_one_separation_serves_all_prompts_of_a_mixture(studio, monkeypatch):
    calls, real = [], protocol.separate

    def counted(model, song, how):
        calls.append(how.seed)
        return real(model, song, how)

    monkeypatch.setattr(protocol, "separate", counted)
    stems = torch.randn(4, 1, 9000, generator=torch.Generator().manual_seed(0)) * 0.05
    extract, mixture = by_stem(studio.model, Separation()), stems.sum(0)
    targets = [torch.stack([extract(mixture, 22050, name, seed) for name in studio.stems]) for seed in (3, 4)]
    assert calls == [3, 4]
    for seed, target in zip((3, 4), targets, strict=True):
        assert torch.allclose(target, studio.separate(mixture, rate=22050, seed=seed).audio, atol=1e-6)
    assert not torch.equal(*targets)
    extract(mixture + 0.1, 22050, "bass", 4)
    assert calls == [3, 4, 4]


def test_a_model_with_stems_knows_no_other_words(studio):
    with pytest.raises(DataError, match="the prompt is 'kazoo', but tiny knows bass, drums, guitar, piano"):
        by_stem(studio.model, Separation())(torch.zeros(1, 9000), 22050, "kazoo", 0)


# --- a run


def test_what_the_journal_has_is_not_asked_again(songs, tmp_path):
    plan = [case for song in songs for case in cases(song, NAMES, ("bass",))]
    asked = []

    def counted(mixture, rate, prompt, seed):
        asked.append(prompt)
        return some(mixture, rate, prompt, seed)

    journal = Journal(tmp_path / "journal", {"run": 1})
    work = measure(plan, NAMES, counted, (0,), journal)
    assert [next(work) for _ in range(3)] == ["song0", "song0 without bass", "song1"]
    assert asked == [*NAMES, "bass", *NAMES]
    asked.clear()
    again = Journal(tmp_path / "journal", {"run": 1})
    assert len(list(measure(plan, NAMES, counted, (0,), again))) == 6
    assert asked == ["bass", *NAMES, "bass"]


def test_songs_must_say_what_every_stem_is(songs, tmp_path):
    with pytest.raises(DataError, match="song0 holds bass, drums, piano, expected all of bass, vocals"):
        next(measure(cases(songs[0], ["bass"]), ("bass", "vocals"), some, (0,), Journal(tmp_path / "journal", {})))


def test_ghosts_stand_for_windows_and_for_whole_songs(songs, tmp_path):
    journal = Journal(tmp_path / "journal", {})
    plan = [case for song in songs for case in cases(song, NAMES, ("bass",))]
    list(measure(plan, NAMES, some, (0,), journal))
    extracted, windows, whole, steady = tables(songs, NAMES, ("bass",), journal)
    assert cells(extracted, "mean")["SI-SDRi"].value == pytest.approx(0, abs=1e-4)
    assert {cell.status for cell in cells(windows, "bass").values()} == {"skipped"}
    assert cells(windows, "piano")["median"].value == pytest.approx(-20, abs=1e-3)
    assert cells(windows, "piano")["windows"].value == "5"  # of the second song, 9 s
    assert [row.name for row in whole.rows] == ["bass", "all"]
    assert cells(whole, "bass")["windows"].value == "15"  # 6, 9 and 13 s
    assert cells(whole, "bass")["share above -40 dB"].value == 1
    assert cells(steady, "bass")["changed crops"].status == "skipped"
    assert -200 < cells(steady, "all")["worst null test"].value < -120
    assert len(list(tables(songs, NAMES, (), journal))) == 3


# --- tables


def test_improvements_are_means_over_songs_of_means_over_seeds():
    by = {"bass": [[answer(4.0), answer(6.0)], [answer(7.0), answer(8.0)]], "drums": [[answer(), answer()], [answer(2.0)] * 2]}
    table = improvements(by)
    expected = song_means([[5.0, math.nan], [7.5, 2.0]])
    for row, figure in zip(table.rows, expected, strict=True):
        cell = row.cells[0]
        assert (cell.value, cell.low, cell.high, cell.n) == (figure.value, figure.low, figure.high, figure.n)
    spread = [cells(table, row)["SD between seeds"].value for row in ("bass", "drums", "mean")]
    assert spread == pytest.approx([1.5 * math.sqrt(0.5), 0, (math.sqrt(2) + math.sqrt(0.125)) / 2])
    assert "too small" in table.text(table.rows[0].cells[0])  # two songs


def test_one_seed_has_no_spread():
    table = improvements({"bass": [[answer(4.0)], [answer(7.0)]]})
    assert {row.cells[1].status for row in table.rows} == {"skipped"}


def test_ghosts_are_pooled_and_their_share_is_by_song():
    by = {"bass": [[answer(ghosts=[-60, -50]), answer(ghosts=[-40, -30])], [answer()] * 2], "drums": [[answer()] * 2] * 2}
    table = ghost_levels("Ghosts", by)
    bass = cells(table, "bass")
    assert [bass[name].value for name in ("median", "share above -40 dB", "windows")] == [-45, 0.25, "4"]
    assert bass["95th percentile"].value == pytest.approx(-31.5)
    assert {cell.n for cell in bass.values()} == {1, None}
    assert {cell.status for cell in cells(table, "drums").values()} == {"skipped"}
    assert cells(table, "all")["share above -40 dB"].value == 0.25
    assert not ghost_levels("Ghosts", {"bass": [[answer()]]}).measured
    assert "good: median ≤ -40 and 95th percentile ≤ -30." in table.note


def test_changes_are_by_song_and_the_worst_null_test_counts():
    by = {"bass": [[answer(null=-90, changed=0.5)], [answer(null=-70, changed=0.0)]], "drums": [[answer(null=None)]] * 2}
    table = steadiness(by)
    bass, drums, everything = (cells(table, row) for row in ("bass", "drums", "all"))
    assert (bass["changed crops"].value, bass["changed crops"].n, bass["worst null test"].value) == (0.25, 2, -70)
    assert {cell.status for cell in drums.values()} == {"skipped"}
    assert (everything["changed crops"].value, everything["worst null test"].value) == (0.25, -70)
