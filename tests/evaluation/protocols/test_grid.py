from types import SimpleNamespace

import numpy as np
import pytest

from stemweave.evaluation.comparison import compare
from stemweave.evaluation.protocols.grid import style, tables
from stemweave.evaluation.protocols.pieces import Setting, pieces
from stemweave.evaluation.reports.journal import Journal

STEMS = ("bass", "drums", "piano")


def song(name, text=""):
    return SimpleNamespace(id=name, text=text)


def silent(references, rate, seed):
    raise AssertionError


def lined(*songs):
    """A line-up of these songs alone."""
    return lambda track: track if track.id in songs else None


def record(*values, **more):
    return {"direct": {"si_sdri": list(values), "seconds": 10.0, "took": 4.0, **more}}


@pytest.fixture
def made(tmp_path):
    """Tables of a journal: records by setting and song; songs that a setting has no record of are not in its line-up."""

    def call(records, groups=None, styles=None):
        names = list(dict.fromkeys(name for by in records.values() for name in by))
        settings = [Setting(name, silent, lined(*by)) for name, by in records.items()]
        work = pieces([song(name, (styles or {}).get(name, "")) for name in names], settings)
        journal = Journal(tmp_path / "grid.journal", {})
        for piece in work:
            journal.add(piece.key, records[piece.setting.name][piece.track.id])
        return tables(settings, work, STEMS, journal, groups or {})

    return call


def cells(table, row):
    found = next(one for one in table.rows if one.name == row)
    return dict(zip(table.columns, found.cells, strict=True))


def several(count, shift=0.0, seed=0, first=0):
    values = np.random.default_rng(seed).normal(size=(first + count, 3))
    return {f"s{k}": record(*(values[k] + shift).tolist()) for k in range(first, first + count)}


def test_rows_are_settings_in_their_order_with_means_over_songs(made):
    (table,) = made({"one": several(7), "two": several(7, 2.0)})
    assert table.title == "Separation, direct"
    assert table.columns == (*STEMS, "mean", "over one", "p", "speed")
    assert [row.name for row in table.rows] == ["one", "two"]
    values = np.array([one["direct"]["si_sdri"] for one in several(7).values()])
    assert [cells(table, "one")[stem].value for stem in STEMS] == pytest.approx(values.mean(0).tolist())
    assert cells(table, "one")["mean"].n == 7
    assert cells(table, "two")["over one"].value == pytest.approx(2)
    assert cells(table, "two")["p"].value == "0.016"  # 2 of 2^7 ways to flip signs
    assert cells(table, "one")["p"].status == "skipped"
    assert cells(table, "one")["speed"].value == 2.5


def test_the_first_row_stays_first_where_the_first_song_is_not_in_its_lineup(made):
    (table,) = made({"duo": several(6, first=2), "all": several(8)})
    assert [row.name for row in table.rows] == ["duo", "all"]
    assert cells(table, "duo")["mean"].n == 6
    assert cells(table, "all")["mean"].n == 8


def test_differences_are_over_the_songs_and_stems_that_both_have(made):
    first, second = several(8), several(9, 1.0, seed=1, first=1)
    for one in second.values():
        one["direct"]["si_sdri"][2] = None
    (table,) = made({"one": first, "two": second})
    shared = [f"s{k}" for k in range(1, 8)]
    values = [np.subtract(second[s]["direct"]["si_sdri"][:2], first[s]["direct"]["si_sdri"][:2]).mean() for s in shared]
    difference = cells(table, "two")["over one"]
    assert difference.n == 7
    assert difference.value == pytest.approx(np.mean(values))
    assert cells(table, "two")["p"].value == f"{compare(values).p:.2g}"
    assert cells(table, "two")["piano"].status == "skipped"
    assert cells(table, "two")["mean"].n == 9


@pytest.mark.parametrize("shared", [0, 5])
def test_few_common_songs_are_not_compared_and_do_not_count_in_holms_rule(made, shared):
    whole = several(10)
    other = several(10, 0.5, first=10 - shared)
    (table,) = made({"one": whole, "elsewhere": other, "better": several(10, 3.0, seed=2)})
    (alone,) = made({"one": whole, "better": several(10, 3.0, seed=2)})
    assert cells(table, "elsewhere")["over one"].status == cells(table, "elsewhere")["p"].status == "skipped"
    assert cells(table, "better")["p"] == cells(alone, "better")["p"]


def test_p_is_adjusted_over_the_table(made):
    (table,) = made({"one": several(12), "two": several(12, 0.8, seed=1), "three": several(12, 0.2, seed=2)})
    differences = [np.array([one["direct"]["si_sdri"] for one in several(12, shift, seed).values()]) for shift, seed in
                   ((0, 0), (0.8, 1), (0.2, 2))]  # fmt: skip
    p = [compare((values - differences[0]).mean(1)).p for values in differences[1:]]
    assert min(p) < 0.05 < max(p)
    expected = [f"{min(p) * 2:.2g}", f"{max(p):.2g}"]  # Holm's rule for two
    assert sorted([cells(table, name)["p"].value for name in ("two", "three")], key=float) == expected


def test_a_song_without_a_value_in_one_setting_is_in_no_difference(made):
    second = several(8, 1.0) | {"s0": record(None, None, None)}
    (table,) = made({"one": several(8), "two": second})
    assert cells(table, "two")["over one"].n == 7
    assert cells(table, "two")["over one"].value == pytest.approx(1)
    assert cells(table, "two")["mean"].n == 7


def test_settings_without_stems_in_common_are_not_compared(made):
    one = {f"s{k}": record(1.0, 2.0, None) for k in range(8)}
    two = {f"s{k}": record(None, None, 5.0) for k in range(8)}
    (table,) = made({"one": one, "two": two})
    assert cells(table, "two")["over one"].status == "skipped"
    assert cells(table, "two")["mean"].value == 5


def test_between_seeds_is_the_mean_over_songs_that_have_it(made):
    with_std = {"a": record(1.0, 1.0, 1.0, seed_std=0.2), "b": record(1.0, 1.0, 1.0, seed_std=0.6)}
    old = {"c": record(1.0, 1.0, 1.0), "d": record(None, None, None, seed_std=None)}
    (table,) = made({"one": with_std | old, "two": {"c": record(2.0, 2.0, 2.0)}})
    assert table.columns[-3:] == ("p", "SD between seeds", "speed")
    spread = cells(table, "one")["SD between seeds"]
    assert (spread.value, spread.n) == (pytest.approx(0.4), 2)
    assert cells(table, "two")["SD between seeds"].status == "skipped"
    assert "SD between seeds" in table.note


def test_one_seed_shows_no_spread(made):
    (table,) = made({"one": several(2)})
    assert "SD between seeds" not in table.columns
    assert "SD between seeds" not in table.note


def test_groups_have_a_table_for_each_way(made):
    styles = {"s0": "funk", "s1": "funk", "s2": "ballad"}
    records = {"one": several(4), "two": several(2, 1.0)}
    for by in records.values():
        for one in by.values():
            one["masked"] = one["direct"]
    direct, masked, *by_style = made(records, {"style": style}, styles)
    assert [table.title for table in (direct, masked)] == ["Separation, direct", "Separation, masked"]
    assert [table.title for table in by_style] == ["Separation, direct, by style", "Separation, masked, by style"]
    table = by_style[0]
    assert table.columns == ("ballad", "funk", "unknown")
    values = [np.mean(one["direct"]["si_sdri"]) for one in several(4).values()]
    assert [cells(table, "one")[column].n for column in table.columns] == [1, 2, 1]
    assert [cells(table, "one")[column].value for column in table.columns] == pytest.approx(
        [values[2], np.mean(values[:2]), values[3]]
    )
    assert [cells(table, "two")[column].status for column in table.columns] == ["skipped", "ok", "skipped"]
    assert "n = 1 too small" in table.text(cells(table, "one")["ballad"])


def test_songs_without_any_value_are_in_no_group(made):
    (_, table) = made({"one": {"a": record(None, None, None), "b": record(1.0, None, 3.0)}}, {"style": style}, {"a": "funk"})
    assert cells(table, "one")["funk"].status == "skipped"
    assert cells(table, "one")["unknown"].value == 2
