"""Networks in the form that a model calls, and what a model of the published kind refuses."""

import dataclasses
import math

import pytest
import torch

from stemweave.errors import ModelError
from stemweave.model import checkpoint
from stemweave.model.config import ModelConfig
from stemweave.model.model import Model
from stemweave.model.networks import Conditioned, Unconditioned
from stemweave.model.precision import place
from stemweave.model.texted import TextModel
from stemweave.nets.prompts import Prompt
from stemweave.nets.textunet import TextUNetConfig
from stemweave.nets.unet import UNetConfig
from stemweave.nets.unet1d import UNet1dConfig

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


@pytest.fixture(name="told_model")
def make_told_model(paper_model: Model, text_model: TextModel) -> TextModel:
    """An untrained model of text with a network of the published kind; its gains are moved, so that prompts count."""
    assert isinstance(paper_model.config.net, UNet1dConfig)
    net = dataclasses.replace(paper_model.config.net, inputs=1, context=16)
    torch.manual_seed(0)
    model = TextModel(dataclasses.replace(text_model.config, net=net, window=1536, sigma_data=0.2))
    for parameter in model.net.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    return model.eval().requires_grad_(False)


def test_the_published_formulas_of_one_signal_and_a_prompt(told_model: TextModel) -> None:
    x, data = noised()[:, :1], told_model.config.sigma_data
    sigma, prompt = torch.tensor([0.3, 0.02]), told_model.heard(("Bass, slap", "Drums"))
    assert isinstance(told_model.net, Conditioned)
    each = sigma[:, None, None]
    total = (each**2 + data**2).sqrt()
    answer = told_model.net.net(x[:, 0] / total, sigma.log() / 4, prompt)
    expected = data**2 / total**2 * x[:, 0] + each * data / total * answer
    torch.testing.assert_close(told_model.denoised(x, sigma, prompt)[:, 0], expected, rtol=1e-4, atol=1e-6)
    swapped = told_model.heard(("Drums", "Bass, slap"))
    assert (told_model.denoised(x, sigma, swapped)[:, 0] - expected).abs().max() > 0.01


def test_a_text_model_of_the_published_kind_is_used_like_any(told_model: TextModel, tmp_path) -> None:
    config, x = told_model.config, noised()
    assert not config.conditioned
    assert config.shortest == config.window == 1536
    told = told_model.told({"low": "bass", "high": "piano", "beat": "drums", "lead": "lead guitar"})
    estimate = told.prior()(x, SIGMA)
    assert estimate.shape == x.shape
    changed = x.clone()
    changed[:, 2] += 1
    assert torch.allclose(told.prior()(changed, SIGMA)[:, :2], estimate[:, :2], rtol=1e-4, atol=1e-5)
    checkpoint.save(told_model, tmp_path / "told", precision=torch.float32)
    again = checkpoint.load(tmp_path / "told")
    assert again.config == config
    assert torch.equal(again.prior()(x, SIGMA), told_model.prior()(x, SIGMA))


def test_a_text_model_of_the_published_kind_in_lower_precision(told_model: TextModel) -> None:
    low = TextModel(told_model.config).eval().requires_grad_(False)
    low.load_state_dict(told_model.state_dict())
    place(low, torch.device("cpu"), torch.bfloat16)
    x = noised()
    wanted, got = told_model.prior()(x, SIGMA), low.prior()(x, SIGMA)
    assert got.dtype == torch.float32
    assert 0 < (got - wanted).norm() / wanted.norm() < 0.05


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"context": 0}, "its network takes 1 channels and prompts of 0, expected 1 and 16"),
        ({"context": 8}, "its network takes 1 channels and prompts of 8, expected 1 and 16"),
        ({"inputs": 4}, "its network takes 4 channels and prompts of 16, expected 1 and 16"),
    ],
)
def test_a_network_that_does_not_fit_its_text_is_refused(told_model: TextModel, change: dict[str, int], message: str) -> None:
    assert isinstance(told_model.config.net, UNet1dConfig)
    with pytest.raises(ModelError, match=message):
        TextModel(dataclasses.replace(told_model.config, net=dataclasses.replace(told_model.config.net, **change)))


def test_text_and_networks_without_it_do_not_go_together(told_model: TextModel, text_model: TextModel, tiny_model) -> None:
    with pytest.raises(ModelError, match="a model with text needs a network with text, got UNetConfig"):
        TextModel(dataclasses.replace(told_model.config, net=tiny_model.config.net))
    for config in (told_model.config, text_model.config):
        with pytest.raises(ModelError, match="told in words what sounds, but the model has no text"):
            Model(dataclasses.replace(config, text=None))


def test_a_network_of_our_own_kind_that_does_not_fit_its_text_is_refused(text_model: TextModel) -> None:
    assert isinstance(text_model.config.net, TextUNetConfig)
    with pytest.raises(ModelError, match="its network takes 2 channels and prompts of 16, expected 1 and 16"):
        TextModel(dataclasses.replace(text_model.config, net=dataclasses.replace(text_model.config.net, channels=2)))


def test_a_prompt_of_another_width_is_refused(told_model: TextModel) -> None:
    prompt = Prompt(torch.zeros(2, 1, 8), torch.ones(2, 1, dtype=torch.bool), torch.zeros(2, 8))
    with pytest.raises(ModelError, match="got prompts of width 8; this network takes 16"):
        told_model.denoised(noised()[:, :1], torch.full((2,), 0.3), prompt)
