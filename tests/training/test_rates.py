"""The course of the learning rate, and what the optimiser does to which parameters."""

import pytest
import torch
from torch import nn

from stemweave.training.rates import Rates, trapezoid


def test_learning_rate_is_a_trapezoid() -> None:
    rates = [trapezoid(step, 10, 20, 100) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9:81] == [1.0] * 72
    assert rates[90] == pytest.approx(0.5)
    assert rates[100] == 0


def test_a_run_without_ramps_is_flat_to_its_end() -> None:
    assert [trapezoid(step, 0, 0, 3) for step in range(5)] == [1, 1, 1, 0, 0]


def test_matrices_decay_and_vectors_do_not_at_the_rate_of_the_step() -> None:
    """Without gradients nothing but the decay moves: by 1 − rate·decay, step by step."""
    model = nn.Linear(3, 2)
    for parameter in model.parameters():
        nn.init.ones_(parameter)
    made = Rates(0.1, warm_up=2, cool_down=2, decay=0.5, betas=(0.9, 0.98)).optimizers(model, total=4)
    optimiser, schedule = made["optimizer"], made["lr_scheduler"]["scheduler"]
    expected = 1.0
    for rate in (0.05, 0.1, 0.1, 0.05):
        assert schedule.get_last_lr() == pytest.approx([rate, rate])
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimiser.step()
        schedule.step()
        expected *= 1 - 0.5 * rate
        torch.testing.assert_close(model.weight, torch.full((2, 3), expected))
        assert torch.equal(model.bias, torch.ones(2))
    assert made["lr_scheduler"]["interval"] == "step"
    assert optimiser.defaults["betas"] == (0.9, 0.98)


def test_a_rate_that_fades() -> None:
    """As published for 2409.06190: a factor at every step and no ramps; ours has ramps and does not fade."""
    published = Rates(5e-5, warm_up=0, cool_down=0, decay=0.01, betas=(0.8, 0.99), fade=0.999996)
    assert [published.factor(step, 10**6) for step in (0, 1, 1000)] == pytest.approx([1, 0.999996, 0.999996**1000])
    both = Rates(1.0, warm_up=4, cool_down=10, decay=0.0, betas=(0.9, 0.98), fade=0.5)
    assert [both.factor(step, 20) for step in (0, 3, 15)] == pytest.approx([0.25, 0.125, 0.5 * 0.5**15])
    schedule = both.optimizers(nn.Linear(3, 2), total=20)["lr_scheduler"]["scheduler"]
    assert schedule.get_last_lr() == pytest.approx([0.25, 0.25])
