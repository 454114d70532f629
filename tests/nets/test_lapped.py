"""The lapped transform against its own definition and its promises."""

import math

import numpy as np
import pytest
import torch

from stemweave.nets.lapped import Lapped, powers


def test_equals_the_textbook_mdct() -> None:
    hop = 8
    x = torch.randn(5 * hop)
    padded = np.concatenate([np.zeros(hop), x.numpy().astype(float), np.zeros(hop)])
    ours = Lapped(hop).cosines(x)
    for frame in range(6):
        piece = padded[frame * hop : (frame + 2) * hop]
        for k in range(hop):
            theirs = sum(
                math.sqrt(2 / hop)
                * math.sin(math.pi * (n + 0.5) / (2 * hop))
                * piece[n]
                * math.cos(math.pi / hop * (n + 0.5 + hop / 2) * (k + 0.5))
                for n in range(2 * hop)
            )
            assert ours[frame, k].item() == pytest.approx(theirs, abs=1e-5)


@pytest.mark.parametrize("hop", [4, 64, 512])
def test_both_halves_reconstruct_and_keep_energy(hop: int) -> None:
    lapped, x = Lapped(hop), torch.randn(3, 6 * hop)
    inner = torch.nn.functional.pad(x, (hop, hop))
    for part in (lapped.cosines(x), lapped.sines(x)):
        assert part.shape == (3, 7, hop)
    torch.testing.assert_close(lapped.inverse(lapped.cosines(x)), x, atol=1e-4, rtol=0)
    both = lapped.inverse(lapped.cosines(inner), lapped.sines(inner)) / 2
    torch.testing.assert_close(both, inner, atol=1e-4, rtol=0)
    energy = lapped.cosines(inner).square().sum((1, 2))
    torch.testing.assert_close(energy, x.square().sum(1), rtol=1e-4, atol=0)


def test_white_noise_stays_white() -> None:
    noise = torch.randn(1, 512 * 400, generator=torch.Generator().manual_seed(0))
    spectrum = Lapped(512).cosines(noise)[0, 1:-1]
    assert spectrum.std().item() == pytest.approx(1.0, abs=0.01)
    neighbours = (spectrum[:, 1:] * spectrum[:, :-1]).mean()
    assert abs(neighbours.item()) < 0.01


def test_magnitudes_follow_a_steady_tone_whatever_its_phase() -> None:
    hop, n = 64, torch.arange(64 * 20)
    phases = torch.linspace(0, math.pi, 25)[:, None]
    tones = torch.cos(2 * math.pi * 10.5 / (2 * hop) * n + phases)
    plain = Lapped(hop).cosines(tones)[:, 8, 10]
    smooth = powers(Lapped(hop).cosines(tones))[:, 8, 10].sqrt()
    assert smooth.max() / smooth.min() < 2.5
    assert plain.abs().max() / plain.abs().min() > 5


@torch.no_grad()
def test_coefficients_are_not_rounded_where_training_multiplies_in_less() -> None:
    lapped, x = Lapped(8), torch.randn(2, 40)
    exact = (lapped.cosines(x), lapped.sines(x), lapped.inverse(torch.ones(2, 6, 8), torch.ones(2, 6, 8)))
    with torch.autocast("cpu", torch.bfloat16):
        assert (x @ x.T).dtype == torch.bfloat16
        ones = torch.ones(2, 6, 8, dtype=torch.bfloat16)
        found = (lapped.cosines(x), lapped.sines(x), lapped.inverse(ones, ones))
    torch.testing.assert_close(found, exact, atol=0, rtol=0)
