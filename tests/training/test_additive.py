"""Sums and gains for near-linear codecs: their formula, how often, and that linear codecs meet them exactly."""

import pytest
import torch

from stemweave.training.additive import GAIN, Change, draw_change, draw_sums


def test_a_change_by_hand() -> None:
    x = torch.tensor([1.0, 10.0, 100.0])[:, None, None].expand(3, 2, 4)
    change = Change(torch.tensor([1.0, 0.0, 1.0]), torch.tensor([2.0, -1.0, 0.5]))
    expected = torch.tensor([2 * (1.0 + 100), -10.0, 0.5 * (100 + 10)])
    torch.testing.assert_close(change(x), expected[:, None, None].expand(3, 2, 4))


def test_without_it_nothing_is_changed() -> None:
    x = torch.randn(5, 2, 7)
    assert torch.equal(draw_sums(x, 0.0)(x), x)
    assert torch.equal(draw_change(x, 0.0)(x), x)


@pytest.mark.parametrize("share", [0.25, 1.0])
def test_sums_come_as_often_as_said_and_gains_as_wide(share: float) -> None:
    torch.manual_seed(0)
    sums, change = draw_sums(torch.zeros(8000, 1), share), draw_change(torch.zeros(8000, 1), share)
    assert (sums.gains == 1).all()
    for drawn in (sums, change):
        assert set(drawn.sums.tolist()) <= {0.0, 1.0}
        assert drawn.sums.mean().item() == pytest.approx(share, abs=0.02)
    decibels = 20 * change.gains.abs().log10()
    assert decibels.mean().item() == pytest.approx(0, abs=0.2)
    assert decibels.std().item() == pytest.approx(GAIN, abs=0.2)
    assert change.gains.sign().mean().abs() < 0.05


def test_a_linear_codec_gives_what_is_asked_of_it_and_another_does_not() -> None:
    torch.manual_seed(0)
    basis, _ = torch.linalg.qr(torch.randn(8, 8))
    sound = torch.randn(16, 3, 8)
    change = draw_change(sound, 0.5)
    torch.testing.assert_close(change(sound @ basis) @ basis.T, change(sound))
    bent = change((sound @ basis).tanh()).clamp(-0.999, 0.999).atanh() @ basis.T
    assert not torch.allclose(bent, change(sound), atol=0.1)
