from functools import partial

import numpy as np
import pytest
from scipy.linalg import sqrtm

from stemweave.errors import DataError
from stemweave.evaluation.measures import sets
from stemweave.evaluation.measures.sets import Gaussian, coverage, density, frechet, frechet_distance, kad, kernel_width


def wishart(rng, d):
    root = rng.standard_normal((d, d + 2))
    return root @ root.T / d


def normal(rng, n, d=3, shift=0.0, scale=1.0):
    return shift + scale * rng.standard_normal((n, d))


def test_the_frechet_distance_of_gaussians_is_the_closed_form():
    rng = np.random.default_rng(0)
    one, other = wishart(rng, 5), wishart(rng, 5)
    mean = rng.standard_normal((2, 5))
    expected = np.square(mean[0] - mean[1]).sum() + np.trace(one + other - 2 * sqrtm(one @ other).real)
    roots = (Gaussian(mean[0], np.linalg.cholesky(one).T), Gaussian(mean[1], np.linalg.cholesky(other).T))
    assert frechet(*roots) == pytest.approx(expected)


def test_many_samples_come_near_the_closed_form():
    rng = np.random.default_rng(1)
    scales = np.array([1.0, 0.5, 2.0])
    found = frechet_distance(normal(rng, 50_000), normal(rng, 50_000, shift=0.3, scale=scales))
    assert found == pytest.approx(3 * 0.3**2 + np.square(scales - 1).sum(), rel=0.02)


def test_fewer_embeddings_than_dimensions_will_do():
    """The overlap of two covariances is the nuclear norm of the cross products of the centred data."""
    rng = np.random.default_rng(2)
    one, other = normal(rng, 20, 64), normal(rng, 12, 64, shift=0.1)
    centred = [(p - p.mean(0)) / np.sqrt(len(p) - 1) for p in (one, other)]
    overlap = np.linalg.norm(centred[0] @ centred[1].T, "nuc")
    spread = sum(np.square(c).sum() for c in centred)
    expected = np.square(one.mean(0) - other.mean(0)).sum() + spread - 2 * overlap
    assert frechet_distance(one, other) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(other, one) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("n", [2, 30, 500])
def test_a_set_is_at_no_distance_from_itself(n):
    points = normal(np.random.default_rng(3), n, 40)
    assert 0 <= frechet_distance(points, points) < 1e-10


def test_equal_embeddings_have_no_spread():
    assert frechet_distance(np.full((4, 3), 2.0), np.full((5, 3), 5.0)) == pytest.approx(27.0)


def test_the_bias_in_n_is_as_large_as_it_is_known_to_be():
    """128 dimensions, spectrum 1 / k, total variance 1, 200 samples against 20 000 of the same Gaussian: .094."""
    rng = np.random.default_rng(4)
    spectrum = 1 / np.arange(1, 129)
    scale = np.sqrt(spectrum / spectrum.sum())
    reference = Gaussian.of(normal(rng, 20_000, 128, scale=scale))
    found = [frechet(reference, Gaussian.of(normal(rng, 200, 128, scale=scale))) for _ in range(6)]
    assert np.mean(found) == pytest.approx(0.094, abs=0.003)


def test_the_kernel_width_is_the_median_distance():
    assert kernel_width(np.array([[0.0], [1.0], [6.0]])) == 5.0  # of 1, 5 and 6


def test_the_kernel_width_of_a_large_set_is_that_of_a_drawn_part():
    points = normal(np.random.default_rng(5), 600)
    width = kernel_width(points, seed=1, most=300)
    assert width == pytest.approx(kernel_width(points), rel=0.05)
    assert width == kernel_width(points, seed=1, most=300)
    assert width != kernel_width(points, seed=2, most=300)


def test_kad_is_the_unbiased_mmd_of_a_double_loop(monkeypatch):
    rng = np.random.default_rng(6)
    x, y = normal(rng, 9), normal(rng, 7, shift=0.4)

    def mean(one, other, same):
        values = [
            np.exp(-(np.linalg.norm(a - b) ** 2) / (2 * 1.7**2))
            for i, a in enumerate(one)
            for j, b in enumerate(other)
            if not (same and i == j)
        ]
        return np.mean(values)

    expected = 100 * (mean(x, x, True) + mean(y, y, True) - 2 * mean(x, y, False))
    assert kad(x, y, 1.7) == pytest.approx(expected)
    monkeypatch.setattr(sets, "CELLS", 20)
    assert kad(x, y, 1.7) == pytest.approx(expected)
    assert kad(y + 1e3, x + 1e3, 1.7) == pytest.approx(expected, rel=1e-6)


def test_kad_of_gaussians_comes_near_the_closed_form():
    """E k(x, y) = |I + (S + T) / w²|^(-1/2) exp(-½ δᵀ (w² I + S + T)⁻¹ δ)."""
    rng = np.random.default_rng(7)
    width, shift, scale = 1.5, 0.5, 1.3

    def mean(delta, variance):
        return (1 + variance / width**2) ** -1.5 * np.exp(-3 * delta**2 / (2 * (width**2 + variance)))

    expected = 100 * (mean(0, 2) + mean(0, 2 * scale**2) - 2 * mean(shift, 1 + scale**2))
    found = kad(normal(rng, 2000), normal(rng, 2000, shift=shift, scale=scale), width)
    assert expected > 5
    assert found == pytest.approx(expected, abs=0.7)


def test_kad_of_one_distribution_is_as_often_negative_as_positive():
    rng = np.random.default_rng(8)
    found = [kad(normal(rng, 40), normal(rng, 40), 2.0) for _ in range(60)]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(60)
    assert 15 < sum(value < 0 for value in found) < 50


def naive(reference, candidate, k):
    """Density and coverage, ball by ball."""
    inside = np.zeros((len(reference), len(candidate)))
    for i, x in enumerate(reference):
        radius = sorted(np.linalg.norm(x - other) for j, other in enumerate(reference) if j != i)[k - 1]
        inside[i] = [np.linalg.norm(x - y) < radius for y in candidate]
    return inside.sum() / (k * len(candidate)), (inside.sum(1) > 0).mean()


def test_density_and_coverage_count_balls(monkeypatch):
    rng = np.random.default_rng(9)
    x, y = normal(rng, 30), normal(rng, 22, shift=0.5)
    for k in (1, 3, 5):
        assert (density(x, y, k), coverage(x, y, k)) == pytest.approx(naive(x, y, k))
    monkeypatch.setattr(sets, "CELLS", 100)
    assert (density(x, y), coverage(x, y)) == pytest.approx(naive(x, y, 5))


def test_density_and_coverage_at_their_extremes():
    rng = np.random.default_rng(10)
    points = normal(rng, 50, 8)
    assert (density(points, points), coverage(points, points)) == (1.0, 1.0)
    assert (density(points, points + 100), coverage(points, points + 100)) == (0.0, 0.0)


def test_a_missing_mode_costs_coverage_but_not_density():
    rng = np.random.default_rng(11)
    modes = np.concatenate([normal(rng, 100), normal(rng, 100, shift=50.0)])
    assert coverage(modes, normal(rng, 100)) == pytest.approx(0.5, abs=0.05)
    assert density(modes, normal(rng, 100)) == pytest.approx(1.0, abs=0.2)
    collapsed = np.zeros((100, 3)) + 1e-3 * normal(rng, 100)
    assert density(modes, collapsed) > 1
    assert coverage(modes, collapsed) < 0.2


def test_coverage_of_one_distribution_depends_on_the_neighbours_alone():
    rng = np.random.default_rng(12)
    for k in (2, 5):
        found = np.mean([coverage(normal(rng, 150, 4), normal(rng, 150, 4), k) for _ in range(5)])
        assert found == pytest.approx(1 - 2.0**-k, abs=0.03)


WELL = np.random.default_rng(13).standard_normal((10, 3))
DISTANCES = [frechet_distance, partial(kad, width=1.0), density, coverage]


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize(
    ("reference", "candidate", "message"),
    [
        (WELL, WELL * np.nan, "NaN or infinite"),
        (WELL * np.inf, WELL, "NaN or infinite"),
        (WELL, WELL[:0], "0 embeddings, expected at least"),
        (WELL[:1], WELL, "1 embeddings, expected at least"),
        (WELL[0], WELL, r"shape \(3,\), expected \(n, d\)"),
        (WELL, WELL[:, :2], "3 and 2 dimensions"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_bad_sets_are_refused(distance, reference, candidate, message):
    with pytest.raises(DataError, match=message):
        distance(reference, candidate)


def test_bad_kernels_and_neighbours_are_refused():
    with pytest.raises(DataError, match="width is 0"):
        kad(WELL, WELL, 0.0)
    with pytest.raises(DataError, match="width is nan"):
        kad(WELL, WELL, float("nan"))
    with pytest.raises(DataError, match="the same"):
        kernel_width(np.ones((5, 3)))
    with pytest.raises(DataError, match="1 embeddings"):
        kernel_width(WELL[:1])
    with pytest.raises(DataError, match="10 embeddings, expected at least 11"):
        coverage(WELL, WELL, 10)
