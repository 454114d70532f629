import numpy as np
import pytest
import torch

from stemweave.errors import DataError
from stemweave.evaluation.measures.apa import apa, pairs


def means(one, other):
    """The Fréchet distance of Gaussians that share a covariance."""
    return float(np.square(one.mean(0) - other.mean(0)).sum())


def cloud(shift=0.0, n=50, seed=0):
    return np.random.default_rng(seed).standard_normal((n, 6)) + shift


def test_real_is_one_strangers_are_zero_and_half_way_is_half():
    real, shuffled = cloud(), cloud(2.0, seed=1)
    assert apa(real, shuffled, real, means) == 1.0
    assert apa(real, shuffled, shuffled, means) == 0.0
    assert apa(real, shuffled, (real + shuffled) / 2, means) == pytest.approx(0.5)


@pytest.mark.parametrize(("shift", "value"), [(-3, 1), (-1, 1), (0, 1), (0.5, 0.75), (1, 0.5), (1.6, 0.2), (2, 0), (5, 0)])
def test_gaussians_moved_from_real_to_shuffled(shift, value):
    """Squared distances to 0 and to 2 differ by 4 (1 - shift), of which 4 is the whole scale, and more is clipped."""
    assert apa(cloud(), cloud(2.0), cloud(float(shift)), means) == pytest.approx(value)


def test_what_lies_aside_is_between():
    aside = np.eye(6)[0] * 7.0
    shuffled = np.eye(6)[1] * 3.0
    assert apa(cloud(), cloud() + shuffled, cloud() + aside + shuffled / 2, means) == pytest.approx(0.5)


def test_negative_distances_count_as_none():
    distances = {(2, 1): 4.0, (2, 0): -3.0, (0, 1): 5.0}

    def distance(one, other):
        return distances[int(one[0, 0]), int(other[0, 0])]

    real, shuffled, candidate = (np.full((3, 2), float(k)) for k in range(3))
    assert apa(real, shuffled, candidate, distance) == pytest.approx(0.5 + 4 / 10)


def test_the_candidates_may_be_more_or_fewer():
    assert apa(cloud(), cloud(2.0), np.concatenate([cloud(), cloud()]), means) == pytest.approx(1.0)


def test_bad_sets_are_refused():
    with pytest.raises(DataError, match="shuffled pairs are no farther from real ones than 0"):
        apa(cloud(), cloud(), cloud(4.0), means)
    with pytest.raises(DataError, match=r"shapes \(50, 6\), \(49, 6\), \(50, 6\), expected \(n, d\), \(n, d\), \(m, d\)"):
        apa(cloud(), cloud(1.0, 49), cloud(), means)
    with pytest.raises(DataError, match=r"shapes \(50, 6\), \(50, 6\), \(50, 5\)"):
        apa(cloud(), cloud(1.0), cloud()[:, :5], means)
    with pytest.raises(DataError, match="the set of candidates holds 1 embeddings, expected at least 2"):
        apa(cloud(), cloud(1.0), cloud()[:1], means)
    with pytest.raises(DataError, match="the set of shuffled pairs holds NaN"):
        apa(cloud(), cloud(np.nan), cloud(), means)


def test_pairs_are_sums_at_their_levels():
    contexts, stems = list(torch.randn(3, 2, 40)), list(torch.randn(3, 2, 40) * 0.01)
    mixed = pairs(contexts, stems)
    assert all(torch.equal(mix, context + stem) for mix, context, stem in zip(mixed, contexts, stems, strict=True))
    with pytest.raises(DataError, match="3 contexts and 2 stems, expected one stem per context"):
        pairs(contexts, stems[:2])
    with pytest.raises(DataError, match=r"context and stem 1 have shapes \(2, 40\) and \(2, 39\), expected the same; cut"):
        pairs(contexts, [stems[0], stems[1][:, 1:], stems[2]])
    with pytest.raises(DataError, match="stem 2 holds NaN"):
        pairs(contexts, [*stems[:2], stems[2] * torch.nan])
