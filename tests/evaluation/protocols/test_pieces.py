import math

import numpy as np
import pytest
import soundfile
import torch

from stemweave.data.tracks import track
from stemweave.errors import DataError
from stemweave.evaluation.protocols.lineups import Some
from stemweave.evaluation.protocols.pieces import Setting, measure, pieces
from stemweave.evaluation.reports.journal import Journal

STEMS = ("bass", "drums", "piano")
RATE = 8000


def made(folder, name, sounding=STEMS):
    """Two seconds of noise for each stem that sounds."""
    folder.mkdir(exist_ok=True)
    files = {}
    for number, stem in enumerate(sounding):
        files[stem] = (folder / f"{name} {stem}.wav",)
        soundfile.write(files[stem][0], np.random.default_rng(number).normal(size=2 * RATE) * 0.1, RATE, subtype="FLOAT")
    return track(name, dict.fromkeys(STEMS, ()) | files)


def noisy(references, rate, seed):
    """The truth and noise at a level of its own for every seed."""
    noise = torch.randn(references.shape, generator=torch.Generator().manual_seed(seed))
    return {"direct": references + 0.02 * (seed + 1) * noise}


def broken(number):
    def estimate(references, rate, seed):
        made = references.clone()
        made[0] = number
        return {"direct": made}

    return estimate


def measured(tmp_path, estimator, seeds=(0,)):
    journal = Journal(tmp_path / "grid.journal", {})
    (key,) = measure(pieces([made(tmp_path, "song")], [Setting("s", estimator)]), STEMS, seeds, journal)
    return journal[key]["direct"]


def test_songs_come_whole_and_keys_name_setting_and_song(tmp_path):
    settings = [Setting("one, steps 1", noisy), Setting("two", noisy)]
    keys = [piece.key for piece in pieces([made(tmp_path, "a"), made(tmp_path, "b")], settings)]
    assert keys == ["one, steps 1 | a", "two | a", "one, steps 1 | b", "two | b"]


def test_a_song_that_a_lineup_does_not_have_is_left_out_there(tmp_path):
    full, duo = made(tmp_path, "full"), made(tmp_path, "duo", ("bass", "drums"))
    settings = [Setting("low", noisy, Some(("bass", "drums"))), Setting("high", noisy, Some(("drums", "piano")))]
    work = pieces([full, duo], settings)
    assert [piece.key for piece in work] == ["low | full", "high | full", "low | duo"]
    assert work[1].track.stems["bass"] == ()
    with pytest.raises(DataError, match="none of 1 songs has two stems of 'high'"):
        pieces([duo], settings)


def test_no_song_at_all_is_refused():
    with pytest.raises(DataError, match="none of 0 songs"):
        pieces([], [Setting("s", noisy)])


def test_a_record_of_one_seed_is_as_it_always_was(tmp_path):
    record = measured(tmp_path, noisy)
    assert list(record) == ["si_sdri", "seconds", "took"]
    assert record["seconds"] == 2.0
    assert len(record["si_sdri"]) == len(STEMS)


def test_several_seeds_also_say_how_far_they_are_apart(tmp_path):
    each = [measured(tmp_path / str(seed), noisy, (seed,))["si_sdri"] for seed in (0, 1, 2)]
    record = measured(tmp_path, noisy, (0, 1, 2))
    means = [sum(values) / len(STEMS) for values in each]
    middle = sum(means) / 3
    assert record["seed_std"] == pytest.approx(math.sqrt(sum((mean - middle) ** 2 for mean in means) / 2))
    assert record["seed_std"] > 1
    assert record["si_sdri"] == pytest.approx([sum(values) / 3 for values in zip(*each, strict=True)])


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_an_estimate_that_is_not_finite_counts_as_silence(tmp_path, number):
    assert measured(tmp_path / "a", broken(number))["si_sdri"] == measured(tmp_path / "b", broken(0.0))["si_sdri"]


def test_what_the_journal_has_is_not_measured_again(tmp_path):
    def never(references, rate, seed):
        raise AssertionError

    journal = Journal(tmp_path / "grid.journal", {})
    work = pieces([made(tmp_path, "a")], [Setting("s", never)])
    journal.add("s | a", {"direct": {}})
    assert list(measure(work, STEMS, (0,), journal)) == ["s | a"]
    assert journal["s | a"] == {"direct": {}}


def test_a_stem_that_never_sounds_has_no_number(tmp_path):
    journal = Journal(tmp_path / "grid.journal", {})
    (key,) = measure(pieces([made(tmp_path, "a", ("bass", "drums"))], [Setting("s", noisy)]), STEMS, (0, 1), journal)
    *known, missing = journal[key]["direct"]["si_sdri"]
    assert missing is None
    assert all(isinstance(value, float) for value in known)
    assert journal[key]["direct"]["seed_std"] > 0
