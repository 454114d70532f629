"""Networks in the form that a model calls, and what a model of the published kind refuses."""

import dataclasses
import math

import pytest
import torch

from stemweave.errors import ModelError
from stemweave.model import checkpoint
from stemweave.model.config import ModelConfig
from stemweave.model.model import Model
from stemweave.model.networks import Unconditioned
from stemweave.model.precision import place
from stemweave.nets.unet import UNetConfig

SIGMA = torch.tensor(0.3, dtype=torch.float64)


def noised(samples: int = 1536) -> torch.Tensor:
    return 0.3 * torch.randn(2, 4, 1, samples, generator=torch.Generator().manual_seed(1))


def test_the_published_formulas(paper_model: Model) -> None:
    """D = c_skip·x + c_out·F(c_in·x, ln(σ)/4) with σ itself, not in units of the data (2206.00364 eq. 7)."""
    x, sigma, data = noised(), 0.3, paper_model.config.sigma_data
    assert isinstance(paper_model.net, Unconditioned)
    total = math.sqrt(sigma**2 + data**2)
    answer = paper_model.net.net(x.flatten(1, 2) / total, torch.full((2,), math.log(sigma) / 4)).view_as(x)
    expected = data**2 / total**2 * x + sigma * data / total * answer
    torch.testing.assert_close(paper_model.prior()(x, SIGMA), expected, rtol=1e-4, atol=1e-6)


def test_independent_networks_of_the_published_kind(paper_model: Model) -> None:
    config = dataclasses.replace(paper_model.config, joint=False, net=dataclasses.replace(paper_model.config.net, inputs=1))
    torch.manual_seed(2)
    model, x = Model(config).eval().requires_grad_(False), noised()
    changed = x.clone()
    changed[:, 2] += 1
    before, after = model.prior()(x, SIGMA), model.prior()(changed, SIGMA)
    assert torch.equal(before[:, [0, 1, 3]], after[:, [0, 1, 3]])
    assert not torch.allclose(before[:, 2], after[:, 2])
    assert not torch.allclose(before[:, 0], before[:, 1])


def test_what_it_never_learned_to_hear_is_refused(paper_model: Model) -> None:
    x = noised()
    with pytest.raises(ModelError, match="paper never heard a mixture; use the likelihood dirac"):
        paper_model.mixed(x.sum(1))
    with pytest.raises(ModelError, match="paper never heard given stems; use the method replacement"):
        paper_model.given(x, torch.tensor([True, False, False, False]))
    assert not paper_model.config.conditioned


@pytest.mark.parametrize("inputs", [1, 3, 5])
def test_a_network_of_another_size_is_refused(paper_model: Model, inputs: int) -> None:
    config = dataclasses.replace(paper_model.config, net=dataclasses.replace(paper_model.config.net, inputs=inputs))
    with pytest.raises(ModelError, match=f"takes {inputs} signals, expected 4 for bass, drums, guitar, piano"):
        Model(config)


def test_a_stem_unet_of_another_size_is_refused(tiny_model: Model) -> None:
    config = tiny_model.config
    assert isinstance(config.net, UNetConfig)
    with pytest.raises(ModelError, match="takes 3 signals, expected 4"):
        Model(dataclasses.replace(config, net=dataclasses.replace(config.net, stems=3)))


def test_it_survives_the_disk_in_full_precision(paper_model: Model, tmp_path) -> None:
    checkpoint.save(paper_model, tmp_path / "paper", precision=torch.float32)
    again = checkpoint.load(tmp_path / "paper")
    assert again.config == paper_model.config
    assert torch.equal(again.prior()(noised(), SIGMA), paper_model.prior()(noised(), SIGMA))


def test_either_kind_of_network_survives_json(paper_model: Model, tiny_model: Model) -> None:
    for config in (paper_model.config, tiny_model.config):
        assert ModelConfig.from_json(config.to_json()) == config
    with pytest.raises(ModelError, match="unknown keys \\['colour'\\]"):
        ModelConfig.from_json(tiny_model.config.to_json().replace('"hop"', '"colour"'))


def test_lower_precision_stays_close(paper_model: Model) -> None:
    model = Model(paper_model.config).eval().requires_grad_(False)
    model.load_state_dict(paper_model.state_dict())
    low = place(model, torch.device("cpu"), torch.bfloat16)
    x = noised()
    wanted = paper_model.prior()(x, SIGMA)
    got = low.prior()(x, SIGMA)
    assert got.dtype == torch.float32
    assert 0 < (got - wanted).norm() / wanted.norm() < 0.02
