"""The loop written anew against numbers frozen from the official one; the U-Net that is borrowed."""

from pathlib import Path

import numpy as np
import pytest
import torch

from bench.official import RELEASE, Preconditioned, Settings, dirac_loop, estimator, installed, unet
from stemweave.diffusion import GaussianDenoiser
from stemweave.nets.unet1d import MSDM, UNet1dConfig

FROZEN = {
    name: torch.from_numpy(array)
    for name, array in np.load(Path(__file__).parents[1] / "oracles" / "reference_loops.npz").items()
}
PRIOR = GaussianDenoiser(FROZEN["mu"], FROZEN["C"])
SMALL = UNet1dConfig(
    4, width=32, multipliers=(1, 2), factors=(2,), blocks=(1,), attention=(True,), heads=2, head_width=8, patch=4
)
needs_official = pytest.mark.skipif(not installed(), reason="needs audio-diffusion-pytorch 0.0.43")


@pytest.mark.parametrize("anchor", range(4))
@pytest.mark.parametrize(("churn", "resamples"), [(0, 1), (20, 1), (20, 2)])
def test_the_loop_equals_the_official_one(anchor, churn, resamples):
    """Its stale anchor included."""
    draws = iter(FROZEN["noise_bank"])

    def draw(x):
        return next(draws).reshape(x.shape)

    start, mixture = FROZEN["start_noise"].unsqueeze(2), FROZEN["mixture"].unsqueeze(2)
    made = dirac_loop(PRIOR, mixture, start, FROZEN["sigmas"], anchor, churn, resamples, draw)
    frozen = FROZEN[f"msdm_dirac{anchor}_churn{churn}_R{resamples}"]
    torch.testing.assert_close(made.squeeze(2), frozen, rtol=0, atol=1e-9)


def test_the_schedule_is_the_frozen_one_and_the_release_evaluates_300_times():
    levels = Settings(steps=len(FROZEN["sigmas"]) - 1).sigmas(torch.device("cpu"))
    torch.testing.assert_close(levels.double(), FROZEN["sigmas"], rtol=1e-5, atol=1e-9)
    assert RELEASE.evaluations == 300


def test_a_song_is_separated_at_its_own_level_window_by_window(tiny_model, monkeypatch):
    monkeypatch.setattr("bench.official.WINDOW", 3000)
    sizes = []
    handle = tiny_model.register_forward_pre_hook(lambda _, given: sizes.append(given[0].shape[-1]))
    references = 0.3 * torch.randn(4, 1, 5000)
    separate = estimator(tiny_model, Settings(steps=2))
    one, again = (separate(references, 22050, seed=3)["direct"] for _ in range(2))
    handle.remove()
    assert one.shape == references.shape
    assert torch.equal(one, again)
    assert sizes == 2 * (4 * [3000] + 4 * [2000])
    louder = separate(10 * references, 22050, seed=3)["direct"]
    assert (louder - 10 * one).norm() < 1e-3 * louder.norm()


@needs_official
def test_the_official_network_has_the_papers_size():
    with torch.device("meta"):
        assert sum(weight.numel() for weight in unet(MSDM).parameters()) == 405_497_700


@needs_official
def test_without_a_network_the_preconditioning_is_the_best_guess_for_white_data():
    net = unet(SMALL)
    for parameter in net.parameters():
        torch.nn.init.zeros_(parameter)
    x = torch.randn(2, 4, 1, 64)
    made = Preconditioned(net)(x, torch.tensor(0.3, dtype=torch.float64))
    torch.testing.assert_close(made, x * (0.2**2 / (0.2**2 + 0.3**2)))
