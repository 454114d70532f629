import copy
import math

import numpy as np
import pytest

from stemweave.errors import DataError
from stemweave.evaluation.comparison import compare, holm
from stemweave.evaluation.protocols.versus import scored, table
from stemweave.evaluation.statistics import song_means

STEMS = ("bass", "drums")
BASE = np.random.default_rng(0).normal(6.0, 2.0, (12, 2))


def made(values, sha256="abc", stems=STEMS):
    """A separation report with these SI-SDRi (songs, stems) in its row "masked"."""
    songs = {f"song{k}": [None if math.isnan(v) else v for v in row] for k, row in enumerate(np.asarray(values).tolist())}
    return {
        "report": "separation",
        "data": {"folder": "songs", "songs": len(songs), "sha256": sha256},
        "stems": list(stems),
        "rows": {"masked": {"si_sdri_by_song": songs}, "direct": {"si_sdri_by_song": {}}},
    }


def versus(one, other):
    return table(scored("A", made(one), "masked"), scored("B", made(other), "masked"))


def by_row(result):
    return {row.name: dict(zip(result.columns, row.cells, strict=True)) for row in result.rows}


def test_every_stem_and_the_mean_are_compared_on_the_same_songs():
    gain = np.random.default_rng(1).normal((1.0, 0.0), 0.3, (12, 2))
    result = versus(BASE, BASE + gain)
    found = by_row(result)
    assert (result.title, list(found)) == ("Active-only SI-SDRi, masked, dB", [*STEMS, "mean"])
    tests = [compare(gain[:, 0]), compare(gain[:, 1])]
    for stem, test, p in zip(STEMS, tests, holm([test.p for test in tests]), strict=True):
        assert found[stem]["B over A"].value == pytest.approx(test.difference.value)
        assert found[stem]["B over A"].interval == pytest.approx((test.difference.low, test.difference.high))
        assert found[stem]["p"].value == f"{p:.2g}"
        assert found[stem]["B over A"].n == 12
    mean = compare(gain.mean(1))
    assert found["mean"]["B over A"].value == pytest.approx(mean.difference.value)
    assert found["mean"]["B over A"].interval == pytest.approx((mean.difference.low, mean.difference.high))
    assert found["mean"]["p"].value == f"{mean.p:.2g}"
    assert [found[name]["B is"].value for name in found] == ["better", "undecided", "better"]
    levels = song_means(BASE)
    assert [found[name]["A"].value for name in found] == pytest.approx([figure.value for figure in levels])
    assert [found[name]["A"].low for name in found] == pytest.approx([figure.low for figure in levels])


def test_the_other_way_round_better_is_worse():
    found = by_row(versus(BASE + np.array([1.0, 0.0]), BASE))
    assert found["bass"]["B over A"].value == pytest.approx(-1.0)
    assert [found[name]["B is"].value for name in found] == ["worse", "undecided", "worse"]


def test_holm_keeps_a_stem_undecided_whose_own_interval_leaves_out_zero():
    """Six songs: p is 2/64 for each of two stems; times two it is above 0.05."""
    gain = np.abs(np.random.default_rng(2).normal(1.0, 0.1, (6, 2)))
    found = by_row(versus(BASE[:6], BASE[:6] + gain))
    assert found["bass"]["B over A"].low > 0
    assert found["bass"]["p"].value == "0.062"
    assert found["bass"]["B is"].value == "undecided"
    assert found["mean"]["p"].value == "0.031"
    assert found["mean"]["B is"].value == "better"


def test_the_mean_is_that_of_the_reports_where_stems_are_missing_from_songs():
    one, gain = BASE.copy(), np.random.default_rng(3).normal((1.0, 5.0), 0.1, (12, 2))
    one[3:, 1] = one[11] = math.nan
    found = by_row(versus(one, one + gain))
    assert found["mean"]["A"].value == pytest.approx(song_means(one)[-1].value)
    assert found["mean"]["B over A"].value == pytest.approx(found["mean"]["B"].value - found["mean"]["A"].value)
    assert found["mean"]["B over A"].value == pytest.approx((gain[:11, 0].mean() + gain[:3, 1].mean()) / 2)
    assert found["mean"]["B over A"].n == 11
    assert found["bass"]["B over A"].n == 11
    assert [found["drums"][column].status for column in ("A", "B", "B over A", "p", "B is")] == ["ok", "ok", *["skipped"] * 3]


def test_a_stem_that_never_sounds_is_skipped_and_leaves_the_mean_alone():
    one = BASE.copy()
    one[:, 1] = math.nan
    found = by_row(versus(one, one + 1.0))
    assert [cell.status for cell in found["drums"].values()] == ["skipped"] * 5
    assert found["mean"]["B over A"].value == pytest.approx(1.0)


def test_the_order_of_songs_does_not_matter():
    one, other = made(BASE), made(BASE + 1.0)
    songs = other["rows"]["masked"]["si_sdri_by_song"]
    other["rows"]["masked"]["si_sdri_by_song"] = dict(reversed(songs.items()))
    found = by_row(table(scored("A", one, "masked"), scored("B", other, "masked")))
    assert [found[name]["B over A"].interval for name in found] == [pytest.approx((1.0, 1.0))] * 3


def test_different_songs_or_stems_are_refused():
    one = scored("A", made(BASE), "masked")
    with pytest.raises(DataError, match=r"A \(12 songs, bass, drums\) and B \(12 songs, bass, drums\) are on different songs"):
        table(one, scored("B", made(BASE, sha256="other"), "masked"))
    with pytest.raises(DataError, match=r"B \(12 songs, bass, piano\) are on different songs or stems"):
        table(one, scored("B", made(BASE, stems=("bass", "piano")), "masked"))
    with pytest.raises(DataError, match="only one of the two systems has song11"):
        table(one, scored("B", made(BASE[:11]), "masked"))
    hole = BASE.copy()
    hole[4, 0] = math.nan
    with pytest.raises(DataError, match="has a value for song4"):
        table(one, scored("B", made(hole), "masked"))


@pytest.mark.parametrize("songs", [1, 5])
def test_too_few_songs_are_refused(songs):
    with pytest.raises(DataError, match=f"{songs} songs, expected at least 6"):
        versus(BASE[:songs], BASE[:songs] + 1)


def test_only_separation_reports_with_the_row_can_be_compared():
    with pytest.raises(DataError, match="A is a report of kind 'grid', expected what `evaluate separation --json` writes"):
        scored("A", {"report": "grid", "tables": []}, "masked")
    with pytest.raises(DataError, match="A has no row 'oracle': give one of masked, direct"):
        scored("A", made(BASE), "oracle")


@pytest.mark.parametrize("key", ["data", "stems", "rows"])
def test_a_damaged_report_is_refused(key):
    whole = made(BASE)
    for broken in (None, [], "x"):
        with pytest.raises(DataError, match=r"A is damaged|A has no row"):
            scored("A", whole | {key: broken}, "masked")
    with pytest.raises(DataError, match="A is damaged"):
        scored("A", {name: value for name, value in whole.items() if name != key}, "masked")


@pytest.mark.parametrize("values", [[1.0], [1.0, "loud"], None, [1.0, 2.0, 3.0]])
def test_damaged_values_are_refused(values):
    broken = copy.deepcopy(made(BASE))
    broken["rows"]["masked"]["si_sdri_by_song"]["song3"] = values
    with pytest.raises(DataError, match="A is damaged or laid out otherwise"):
        scored("A", broken, "masked")
    with pytest.raises(DataError, match="A is damaged or laid out otherwise"):
        scored("A", made(BASE), "direct")
