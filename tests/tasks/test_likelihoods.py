"""The Gaussian likelihood's two forms against the released code's frozen numbers and each other."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import stemweave as sw
from stemweave.diffusion import Constant, Euler, GaussianDenoiser, Proportional, final, karras, walk
from stemweave.diffusion.mixing import share
from stemweave.tasks.likelihoods import explicit

FROZEN = {
    name: torch.from_numpy(array)
    for name, array in np.load(Path(__file__).parents[1] / "oracles" / "reference_loops.npz").items()
}
MIXTURE = FROZEN["mixture"]
ORACLE = SimpleNamespace(
    config=SimpleNamespace(stems=("bass", "drums", "guitar", "piano"), span=1, window=8, frames=lambda samples: samples),
    prior=lambda: GaussianDenoiser(FROZEN["mu"], FROZEN["C"]),
)


def frozen_noise(draw, shape):
    return (FROZEN["start_noise"] if draw == 0 else FROZEN["noise_bank"][draw - 1]).reshape(shape)


def walked(rule, sigmas=FROZEN["sigmas"]):
    return final(walk(rule(ORACLE, MIXTURE), sigmas, Euler(), noise=frozen_noise))


def test_explicit_steps_are_the_released_code_then_put_onto_the_mixture():
    end = walked(sw.Gaussian(relaxation=explicit))
    frozen = FROZEN["msdm_gaussian_churn0_R1"]
    torch.testing.assert_close(end.denoised.squeeze(2), frozen, rtol=0, atol=1e-9)
    torch.testing.assert_close(end.x, share(frozen.unsqueeze(2), MIXTURE), rtol=0, atol=1e-9)


@pytest.mark.parametrize("gamma", [Proportional(1.5), Constant(0.5)])
def test_both_forms_meet_at_many_steps(gamma):
    """Their difference falls with the steps' size, at any γ(σ)."""

    def apart(steps):
        sigmas = karras(steps, 1e-3, 1.0)
        return (walked(sw.Gaussian(gamma), sigmas).x - walked(sw.Gaussian(gamma, explicit), sigmas).x).norm()

    coarse, fine = apart(50), apart(200)
    assert 0 < fine < 0.3 * coarse
    assert fine < 0.01 * MIXTURE.norm()


def test_the_width_matters():
    one, other = (walked(sw.Gaussian(gamma)).x for gamma in (Proportional(3.0), Constant(0.3)))
    assert (one - other).abs().max() > 1e-3


def test_a_description_names_the_form():
    assert repr(sw.Gaussian(Constant(0.05), explicit)) == "Gaussian(gamma=Constant(gamma=0.05), relaxation=explicit)"
    assert "relaxation=exact" in repr(sw.Gaussian())
