"""Noise is a function of (seed, stem, draw, absolute sample): windows, batches and devices see the same numbers."""

from dataclasses import replace

import pytest
import torch

from stemweave.diffusion import Noise
from stemweave.diffusion.noise import BLOCK, by_level
from stemweave.errors import UsageError

FIRST = [-1.7444787, -0.4871583, 1.5449836]
PIECE = Noise((7,))(3, (1, 2, 1, 5 * BLOCK))


@pytest.mark.parametrize("offset", [0, 1, BLOCK - 1, BLOCK, 2 * BLOCK + 17])
@pytest.mark.parametrize("length", [1, 5, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 3])
def test_windows_of_a_piece_agree_with_the_piece(offset, length):
    window = Noise((7,), offsets=(offset,))(3, (1, 2, 1, length))
    assert torch.equal(window, PIECE[..., offset : offset + length])


def test_windows_may_begin_before_the_piece():
    assert torch.equal(Noise((7,), offsets=(-10,))(3, (1, 2, 1, 30))[..., 10:], PIECE[..., :20])


def test_an_item_does_not_change_with_its_neighbours():
    batch = Noise((5, 7, 7), offsets=(9, 0, 100))(3, (3, 2, 1, 400))
    assert torch.equal(batch[1:2], PIECE[..., :400])
    assert torch.equal(batch[2:3], PIECE[..., 100:500])


def test_noise_follows_a_stem():
    swapped = Noise((7,), stems=(1, 0))(3, (1, 2, 1, 400))
    assert torch.equal(swapped, PIECE[:, [1, 0], :, :400])


def test_everything_named_makes_other_noise():
    shape = (1, 2, 2, 2000)
    one = Noise((7,))(3, shape)
    others = [Noise((8,))(3, shape), Noise((7,))(4, shape), one.roll(1, 1), one.roll(1, 2), one.roll(1, 3)]
    for other in others:
        correlation = (one * other).mean() / one.square().mean()
        assert abs(correlation) < 4 / 8000**0.5


def test_noise_is_standard_normal():
    noise = Noise((1, 2))(0, (2, 4, 1, 50_000)).double()
    count = noise.numel() ** 0.5
    assert abs(noise.mean()) < 4 / count
    assert abs(noise.square().mean() - 1) < 4 * 2**0.5 / count
    assert abs(noise.pow(4).mean() - 3) < 4 * 96**0.5 / count


def test_precision_does_not_change_the_numbers():
    noise = Noise((7,))
    double = replace(noise, dtype=torch.float64)(3, (1, 2, 1, 100))
    assert double.dtype == torch.float64
    assert torch.equal(double.float(), noise(3, (1, 2, 1, 100)))


def test_first_numbers_are_frozen():
    """A change here changes every seeded result."""
    first = Noise((2**64 - 1,))(0, (1, 1, 1, 3)).flatten()
    torch.testing.assert_close(first, torch.tensor(FIRST), rtol=0, atol=1e-6)


def test_held_noise_belongs_to_the_level():
    noise, shape = Noise((7,)), (1, 2, 1, 10)
    low, high = (torch.tensor(v, dtype=torch.float64) for v in (0.5, 0.6))
    assert torch.equal(by_level(noise, low, shape), by_level(noise, low, shape))
    assert not torch.equal(by_level(noise, low, shape), by_level(noise, high, shape))


@pytest.mark.parametrize("noise", [Noise((1, 2)), Noise((1,), offsets=(0, 1)), Noise((1,), stems=(0,))])
def test_counts_must_fit(noise):
    with pytest.raises(UsageError, match="one seed"):
        noise(0, (1, 2, 1, 4))


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_seeds_out_of_range_are_refused(seed):
    with pytest.raises(UsageError, match="seeds"):
        Noise((seed,))
