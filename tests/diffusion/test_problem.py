"""Which stems of a state were asked for."""

import pytest
import torch

from stemweave.diffusion import GaussianDenoiser, Problem
from stemweave.diffusion.problem import Chosen

X = torch.randn(2, 4, 1, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("places", [(0,), (2, 0), (3, 1, 2), (1, 1)])
def test_stems_are_chosen_in_the_order_asked(places):
    chosen = Chosen(places)(X)
    assert chosen.shape == (2, len(places), 1, 8)
    for place, stem in enumerate(places):
        assert torch.equal(chosen[:, place], X[:, stem])


def test_by_itself_a_problem_asks_for_its_whole_state():
    problem = Problem(GaussianDenoiser(torch.zeros(4), torch.eye(4)), tuple(X.shape))
    assert problem.answer(X) is X
