import json
from itertools import product

import numpy as np
import pytest

from stemweave.errors import DataError
from stemweave.evaluation.reports.kinds import tables_of
from stemweave.evaluation.reports.ratings import HEADER, Rating, flagged, means, ratings_report, read_ratings
from stemweave.evaluation.reports.tables import markdown

CODES = {"a1": "ours", "a2": "real", "a3": "shuffled", "b1": "ours", "b2": "real", "b3": "shuffled"}


def line(rater, trial, item, label, rating, seconds=3.5, order=1):
    return ",".join(map(str, (rater, trial, item, label, rating, seconds, order)))


@pytest.fixture
def key(tmp_path):
    path = tmp_path / "key.json"
    path.write_text(json.dumps({"seed": 0, "codes": CODES}))
    return path


@pytest.fixture
def save(tmp_path):
    def call(name, *lines, header=",".join(HEADER), encoding="utf-8"):
        path = tmp_path / name
        path.write_text("".join(f"{one}\r\n" for one in (header, *lines)), encoding=encoding)
        return path

    return call


@pytest.fixture
def files(save):
    """Anna knows real from shuffled on both items; Ben has it the wrong way round."""
    anna = [line("Anna", 1, "x", "a1", 3), line("Anna", 1, "x", "a2", 5), line("Anna", 1, "x", "a3", 1)]
    anna += [line("Anna", 2, "y", "b1", 4), line("Anna", 2, "y", "b2", 4), line("Anna", 2, "y", "b3", 2)]
    ben = [line('"Ben, B."', 1, "x", "a1", 2, 0.5), line('"Ben, B."', 1, "x", "a2", 2), line('"Ben, B."', 1, "x", "a3", 3)]
    return [save("anna.csv", *anna), save("ben.csv", *ben, encoding="utf-8-sig")]


def crossed(raters, items, mark):
    return [Rating(r, i, s, mark(r, i, s), 1.0) for r, i, s in product(raters, items, ("ours", "real", "shuffled"))]


def test_codes_become_systems(files, key):
    ratings = read_ratings(files, key)
    assert len(ratings) == 9
    assert ratings[0] == Rating("Anna", "x", "ours", 3, 3.5)
    assert ratings[6] == Rating("Ben, B.", "x", "ours", 2, 0.5)


def test_means_put_the_anchors_at_the_ends(files, key):
    made = means(read_ratings(files, key))
    assert list(made) == ["real", "ours", "shuffled"]
    assert [figure.value for figure in made.values()] == pytest.approx([11 / 3, 3.0, 2.0])
    assert [figure.n for figure in made.values()] == [3, 3, 3]


def test_a_rater_who_prefers_the_shuffled_anchor_is_flagged(files, key):
    ratings = read_ratings(files, key)
    assert flagged(ratings) == ["Ben, B."]
    assert flagged([one for one in ratings if one.rater == "Anna"]) == []
    assert flagged([one for one in ratings if one.system != "real"]) == []
    assert flagged([Rating("C", "x", "real", 3, 1), Rating("C", "x", "shuffled", 3, 1)]) == []


def test_intervals_take_in_raters_and_items_at_once():
    """Against resampling the lists of ratings themselves, one draw at a time."""
    rng = np.random.default_rng(1)
    raters, items = [f"r{k}" for k in range(5)], [f"i{k}" for k in range(7)]
    bias = {name: rng.normal(0, 0.8) for name in (*raters, *items)}
    ratings = crossed(raters, items, lambda r, i, s: int(np.clip(round(3 + bias[r] + bias[i]), 1, 5)))
    figure = means(ratings)["ours"]
    marks = {(one.rater, one.item): one.rating for one in ratings if one.system == "ours"}
    table = np.array([[marks[r, i] for i in items] for r in raters])
    drawn = [table[np.ix_(rng.integers(5, size=5), rng.integers(7, size=7))].mean() for _ in range(3000)]
    assert (figure.low, figure.high) == pytest.approx(tuple(np.quantile(drawn, (0.025, 0.975))), abs=0.06)
    by_item = [table[:, rng.integers(7, size=7)].mean() for _ in range(3000)]
    assert figure.high - figure.low > 1.1 * np.subtract(*np.quantile(by_item, (0.975, 0.025)))


def test_raters_who_agree_on_alike_items_leave_no_doubt():
    marks = {"real": 5, "ours": 3, "shuffled": 1}
    made = means(crossed("AB", "xy", lambda r, i, s: marks[s]))
    assert [(figure.value, figure.low, figure.high) for figure in made.values()] == [(5, 5, 5), (3, 3, 3), (1, 1, 1)]


@pytest.mark.parametrize(("raters", "items"), [("A", "xyz"), ("ABC", "x"), ("A", "x")])
def test_one_rater_or_one_item_has_no_interval(raters, items):
    figure = means(crossed(raters, items, lambda r, i, s: 1 + sum(map(ord, r + i + s)) % 5))["ours"]
    assert np.isnan([figure.low, figure.high]).all()
    assert 1 <= figure.value <= 5


def test_the_same_seed_gives_the_same_interval(files, key):
    ratings = read_ratings(files, key)
    assert means(ratings, seed=1) == means(ratings, seed=1)


def test_the_report_is_json_with_tables(files, key):
    report = json.loads(json.dumps(ratings_report(read_ratings(files, key), {"command": "x"}, seed=2), allow_nan=False))
    assert (report["report"], report["raters"], report["clips"], report["ratings"]) == ("listening", 2, 2, 9)
    assert (report["bootstrap"]["seed"], report["command"]) == (2, "x")
    systems, raters = tables_of(report)
    assert [row.name for row in systems.rows] == ["real", "ours", "shuffled"]
    assert systems.rows[1].cells[1].number == pytest.approx((3.5 + 3.5 + 0.5) / 3)
    text = markdown([systems, raters])
    assert "| Anna | 4.50 | 1.50 | fine |" in text
    assert "| Ben, B. | 2.00 | 3.00 | flagged: shuffled above real |" in text


def test_a_rater_without_anchors_is_shown_as_such():
    report = ratings_report([Rating("A", "x", "ours", 3, 1.0)], {})
    assert "| A | – | – | fine |" in markdown(tables_of(report))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["Anna,1,x,zz,3,1.0,1"], r"one\.csv, line 2: the key does not hold 'zz'"),
        (["Anna,1,x,a1,6,1.0,1"], "rating 6 after 1 s, expected 1 to 5"),
        (["Anna,1,x,a1,3,-1,1"], "rating 3 after -1 s"),
        (["Anna,1,x,a1,3,nan,1"], "rating 3 after nan s"),
        (["Anna,1,x,a1,undefined,1.0,1"], "'undefined'; expected a rating from 1 to 5"),
        (["Anna,1,x,a1,3,1.0,1", "Anna,2,x,b1,4,1.0,1"], "Anna rated ours's x 2 times"),
        (["Anna,1,x,a1,3"], "is not a table of rater, trial, item"),
        ([], "no rating in it"),
    ],
)
def test_ratings_that_cannot_be_are_refused(save, key, lines, message):
    with pytest.raises(DataError, match=message):
        read_ratings([save("one.csv", *lines)], key)


def test_files_that_are_no_ratings_are_refused(save, key, tmp_path):
    with pytest.raises(DataError, match="is not a table of rater"):
        read_ratings([save("semicolons.csv", header=";".join(HEADER))], key)
    with pytest.raises(DataError, match=r"gone\.csv cannot be read"):
        read_ratings([tmp_path / "gone.csv"], key)
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="is not a CSV file"):
        read_ratings([binary], key)
    with pytest.raises(DataError, match="no file: no rating"):
        read_ratings([], key)
    other = tmp_path / "other.json"
    other.write_text('{"codes": []}')
    with pytest.raises(DataError, match="holds no codes"):
        read_ratings([save("one.csv")], other)
