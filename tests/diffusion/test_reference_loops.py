"""Equality with public reference samplers, by their frozen numbers (tests/oracles/README.md)."""

from pathlib import Path

import numpy as np
import pytest
import torch

from stemweave.diffusion import (
    ADPM2,
    DiracAnchor,
    DiracTangent,
    DPMSolver2M,
    Euler,
    GaussianDenoiser,
    GaussianLikelihood,
    Heun,
    Problem,
    Proportional,
    final,
    walk,
)

FROZEN = {
    name: torch.from_numpy(array)
    for name, array in np.load(Path(__file__).parents[1] / "oracles" / "reference_loops.npz").items()
}
PRIOR = GaussianDenoiser(FROZEN["mu"], FROZEN["C"])
SHAPE = (2, 4, 1, 8)
MIXTURE = FROZEN["mixture"]


def frozen_noise(draw, shape):
    noise = FROZEN["start_noise"] if draw == 0 else FROZEN["noise_bank"][draw - 1]
    return noise.reshape(shape)


def walked(step, denoiser=PRIOR, sigmas=FROZEN["sigmas"], **options):
    problem = options.pop("problem", None) or Problem(denoiser, SHAPE)
    return final(walk(problem, sigmas, step, noise=frozen_noise, **options)).x.squeeze(2)


def assert_close(ours, name, stems=slice(None)):
    torch.testing.assert_close(ours[:, stems], FROZEN[name][:, stems], rtol=0, atol=1e-9)


@pytest.mark.parametrize("anchor", range(4))
@pytest.mark.parametrize(("churn", "resamples"), [(0, 1), (20, 1), (20, 2)])
def test_dirac_equals_the_official_loop(anchor, churn, resamples):
    problem = Problem(DiracTangent(PRIOR, anchor), SHAPE, project=DiracAnchor(MIXTURE, anchor))
    ours = walked(Euler(), problem=problem, churn=churn, resamples=resamples)
    free = [n for n in range(4) if n != anchor]
    assert_close(ours, f"msdm_dirac{anchor}_churn{churn}_R{resamples}", free)
    torch.testing.assert_close(ours.sum(1, keepdim=True), MIXTURE, rtol=0, atol=1e-14)


def test_explicit_gaussian_equals_the_official_loop():
    true_width = Proportional(0.75 * 2**0.5)
    ours = walked(Euler(), GaussianLikelihood(PRIOR, MIXTURE, true_width))
    assert_close(ours, "msdm_gaussian_churn0_R1")


@pytest.mark.parametrize(
    ("step", "name"),
    [
        (Euler(), "kdiffusion_sample_euler"),
        (Heun(), "kdiffusion_sample_heun"),
        (DPMSolver2M(), "kdiffusion_sample_dpmpp_2m"),
        (Euler(eta=1.0), "kdiffusion_sample_euler_ancestral"),
    ],
)
def test_solvers_equal_k_diffusion(step, name):
    assert_close(walked(step), name)


@pytest.mark.parametrize(("step", "name"), [(ADPM2(rho=1.0), "adp_ADPM2_rho1"), (Euler(eta=1.0), "adp_AEuler")])
def test_solvers_equal_audio_diffusion_pytorch(step, name):
    """Its loops stop at the last level above 0."""
    assert_close(walked(step, sigmas=FROZEN["sigmas"][:-1]), name)
