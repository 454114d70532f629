"""Windows over a long piece: identity for a local prior, the AR(1) numbers, batching, shapes."""

import pytest
import torch

from stemweave.diffusion import DiracAnchor, DiracTangent, Heun, Problem, Windowed, final, karras, mix, walk, windows
from stemweave.diffusion.windowed import starts
from stemweave.errors import UsageError

DOUBLE = {"dtype": torch.float64}
SIGMA = torch.tensor(0.5, **DOUBLE)


def correlated(samples):
    """AR(1) of variance 1 and correlation .95 from sample to sample."""
    place = torch.arange(samples, **DOUBLE)
    return 0.95 ** (place[:, None] - place).abs()


def in_time(x, sigma):
    """The exact denoiser of an AR(1) piece as long as x."""
    covariance = correlated(x.shape[-1])
    return x @ torch.linalg.inv(covariance + sigma**2 * torch.eye(len(covariance), **DOUBLE)) @ covariance


def local(x, sigma):
    return x / (1 + sigma**2) + 0.3 * torch.tanh(x)


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


@pytest.mark.parametrize(("samples", "length", "hop"), [(64, 16, 8), (65, 16, 8), (79, 16, 5), (100, 16, 16), (17, 16, 16)])
def test_identity_for_a_prior_local_in_time(samples, length, hop):
    x = random(2, 3, 2, samples)
    torch.testing.assert_close(Windowed(local, length, hop)(x, SIGMA), local(x, SIGMA), rtol=0, atol=1e-15)


@pytest.mark.parametrize("samples", [1, 15, 16])
def test_a_piece_no_longer_than_the_window_is_one_window(samples):
    x = random(2, 3, 1, samples)
    assert torch.equal(Windowed(in_time, 16, 8)(x, SIGMA), in_time(x, SIGMA))


@pytest.mark.parametrize(
    ("length", "hop", "percent"), [(128, 128, 23), (128, 96, 10), (128, 64, 5.7), (128, 32, 4.5), (256, 128, 1.1)]
)
def test_error_of_windows_on_ar1(length, hop, percent):
    """Relative RMS error of D at σ/s = 20, exactly: over x of covariance C + σ²I, four windows of 128 samples long."""
    samples, sigma = 512, torch.tensor(20.0, **DOUBLE)
    impulses = torch.eye(samples, **DOUBLE)[:, None, None]
    whole, cut = (denoise(impulses, sigma)[:, 0, 0] for denoise in (in_time, Windowed(in_time, length, hop)))
    noised = correlated(samples) + sigma**2 * torch.eye(samples, **DOUBLE)
    power, error = ((m.T @ noised @ m).trace() for m in (whole, cut - whole))
    assert 100 * (error / power).sqrt().item() == pytest.approx(percent, rel=0.025)


@pytest.mark.parametrize(("hop", "seam"), [(128, 0.0), (64, 0.946)])
def test_correlation_across_a_seam(hop, seam):
    """Of neighbours 127 and 128 in a sampled piece, exactly; truth .95."""
    samples = 256
    impulses = torch.eye(samples, **DOUBLE)[:, None, None]
    problem = Problem(Windowed(in_time, 128, hop), tuple(impulses.shape))
    out = final(walk(problem, karras(30, 1e-3, 20.0), Heun(), noise=lambda *_: impulses)).x[:, 0, 0]
    covariance = out.T @ out
    neighbours = covariance[127, 128] / (covariance[127, 127] * covariance[128, 128]).sqrt()
    assert neighbours.item() == pytest.approx(seam, abs=0.002)


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
def test_the_result_does_not_depend_on_how_windows_are_batched(batch):
    sizes = []

    def noting(x, sigma):
        sizes.append(len(x))
        return in_time(x, sigma)

    x = random(2, 2, 1, 70)
    out = Windowed(noting, 16, 8, batch)(x, SIGMA)
    torch.testing.assert_close(out, Windowed(in_time, 16, 8)(x, SIGMA), rtol=0, atol=1e-14)
    assert max(sizes) <= batch
    assert sum(sizes) == 2 * len(starts(70, 16, 8))


def test_items_do_not_hear_one_another():
    x = random(3, 2, 1, 70)
    alone = Windowed(in_time, 16, 8)(x[1:2], SIGMA)
    torch.testing.assert_close(Windowed(in_time, 16, 8)(x, SIGMA)[1:2], alone, rtol=0, atol=1e-14)


@pytest.mark.parametrize(("samples", "length", "hop"), [(70, 16, 8), (64, 16, 16), (17, 16, 4), (1000, 128, 96)])
def test_windows_cover_the_piece_and_the_last_is_flush(samples, length, hop):
    x = torch.arange(2 * samples, **DOUBLE).reshape(2, 1, 1, samples)
    cut = windows(x, length, hop)
    count = len(starts(samples, length, hop))
    assert cut.shape == (2 * count, 1, 1, length)
    assert set(cut.flatten().tolist()) == set(x.flatten().tolist())
    assert torch.equal(cut[count - 1], x[0, ..., -length:])
    assert torch.equal(cut[count], x[1, ..., :length])


def test_conditions_are_cut_as_the_state():
    """A prior bound to windows of a mixture hears, in each window, the mixture of that window."""
    mixture = random(2, 1, 70)
    cut = windows(mixture, 16, 8)

    def bound(x, sigma):
        return cut.unsqueeze(1).expand_as(x)

    out = Windowed(bound, 16, 8)(random(2, 3, 1, 70), SIGMA)
    torch.testing.assert_close(out, mixture.unsqueeze(1).expand_as(out))


def test_likelihoods_go_outside():
    mixture = random(1, 1, 70)
    rule = DiracTangent(Windowed(in_time, 16, 8), 0)
    problem = Problem(rule, (1, 2, 1, 70), project=DiracAnchor(mixture, 0))
    out = final(walk(problem, karras(8, 1e-3, 1.0), Heun(), noise=lambda draw, of: random(*of, seed=draw))).x
    torch.testing.assert_close(mix(out), mixture, rtol=0, atol=1e-12)


def test_windows_differentiate_even_after_inference_mode():
    """The fades are kept between calls; those made in inference mode must not spoil a later gradient."""
    with torch.inference_mode():
        Windowed(local, 24, 12)(random(1, 1, 1, 97), SIGMA)
    x = random(1, 1, 1, 97).requires_grad_()
    Windowed(local, 24, 12)(x, SIGMA).sum().backward()
    assert (x.grad > 0).all()


@pytest.mark.parametrize(("length", "hop", "batch"), [(0, 0, None), (16, 0, None), (16, 17, None), (16, 8, 0)])
def test_windows_that_cannot_be_are_refused(length, hop, batch):
    with pytest.raises(UsageError, match="expected"):
        Windowed(local, length, hop, batch)
