import numpy as np
import pytest

from stemweave.errors import DataError
from stemweave.evaluation.measures.classes import nearest


def kinds(seed, counts=(30, 20, 25), width=3):
    rng = np.random.default_rng(seed)
    return {f"kind{k}": rng.normal(k, 1 + k, (count, width)) * (1, 100, 0.01) for k, count in enumerate(counts)}


def test_by_hand_point_by_point():
    examples, rng = kinds(0), np.random.default_rng(1)
    points = rng.normal(1, 2, (40, 3)) * (1, 100, 0.01)
    spread = np.std(np.vstack(list(examples.values())), axis=0)
    expected = []
    for point in points:
        away = {
            name: np.mean(sorted(float(np.sqrt((((point - one) / spread) ** 2).sum())) for one in kind)[:4])
            for name, kind in examples.items()
        }
        expected.append(min(away, key=away.get))
    assert nearest(points, examples, 4) == expected
    assert set(expected) == set(examples)


def test_far_kinds_are_told_apart_and_equal_ones_are_not():
    rng = np.random.default_rng(2)
    apart = {name: rng.normal(place, 1, (50, 8)) for name, place in (("low", 0), ("high", 20))}
    assert nearest(rng.normal(20, 1, (30, 8)), apart) == ["high"] * 30
    alike = {name: rng.normal(0, 1, (200, 8)) for name in ("one", "other")}
    assert 0.35 < np.mean(np.array(nearest(rng.normal(0, 1, (300, 8)), alike)) == "one") < 0.65


def test_units_do_not_matter_and_a_dimension_that_never_changes_is_no_fault():
    examples, points = kinds(3), np.random.default_rng(4).normal(1, 2, (40, 3))
    scale = np.array([1e3, 1e-3, 7.0])
    found = nearest(points, examples)
    assert nearest(points * scale, {name: kind * scale for name, kind in examples.items()}) == found
    constant = {name: np.column_stack([kind, np.full(len(kind), 3.0)]) for name, kind in examples.items()}
    assert nearest(np.column_stack([points, np.full(40, 3.0)]), constant) == found


@pytest.mark.parametrize(
    ("points", "examples", "message"),
    [
        (np.zeros((2, 3)), {"one": np.zeros((9, 3))}, "1 kinds of sound, expected at least two"),
        (np.zeros((2, 3)), {"one": np.zeros((9, 3)), "few": np.zeros((4, 3))}, "the kind 'few' holds 4 embeddings"),
        (np.zeros((2, 4)), {"one": np.zeros((9, 3)), "two": np.zeros((9, 3))}, r"have \[3, 4\] dimensions"),
        (np.full((2, 3), np.nan), {"one": np.zeros((9, 3)), "two": np.zeros((9, 3))}, "the set of sounds holds NaN"),
        (np.zeros((0, 3)), {"one": np.zeros((9, 3)), "two": np.zeros((9, 3))}, "the set of sounds holds 0 embeddings"),
    ],
)
def test_refusals(points, examples, message):
    with pytest.raises(DataError, match=message):
        nearest(points, examples)
