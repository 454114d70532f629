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
from stemweave.nets.dit import LatentTransformerConfig
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
    assert (paper_model.config.hears_stems, paper_model.config.hears_mixtures) == (False, False)


@pytest.mark.parametrize("inputs", [1, 3, 5])
def test_a_network_of_another_size_is_refused(paper_model: Model, inputs: int) -> None:
    config = dataclasses.replace(paper_model.config, net=dataclasses.replace(paper_model.config.net, inputs=inputs))
    with pytest.raises(ModelError, match=f"takes {inputs} signals, expected 4 for bass, drums, guitar, piano"):
        Model(config)


def test_a_stem_unet_of_another_size_is_refused(tiny_model: Model) -> None:
    config = tiny_model.config
    assert isinstance(config.net, UNetConfig)
    with pytest.raises(ModelError, match="takes 3 x 1 signals, expected 4 x 1 for bass, drums, guitar, piano"):
        Model(dataclasses.replace(config, net=dataclasses.replace(config.net, stems=3)))


@pytest.mark.parametrize(("stems", "latents"), [(3, 3), (4, 1), (4, 5), (2, 6), (12, 1)])
def test_a_transformer_of_another_size_is_refused(token_model: Model, stems: int, latents: int) -> None:
    """Also where the product of the two is right."""
    config = token_model.config
    assert isinstance(config.net, LatentTransformerConfig)
    message = rf"tokens: .* takes {stems} x {latents} signals, expected 4 x 3 for bass, .* 3 latents of codec tiny-codec each"
    with pytest.raises(ModelError, match=message):
        Model(dataclasses.replace(config, net=dataclasses.replace(config.net, stems=stems, latents=latents)))


def test_a_transformer_hears_given_stems_and_no_mixture(token_model: Model) -> None:
    """D = c_skip·x + c_out·F, where a given stem's level is 0 and its answer itself; the others' answers depend on it."""
    config, x = token_model.config, 0.3 * torch.randn(2, 4, 3, 20, generator=torch.Generator().manual_seed(1))
    assert (config.hears_stems, config.hears_mixtures, config.shortest) == (True, False, 1)
    known, mask = x.flip(-1), torch.tensor([True, False, True, False])
    answer = token_model.given(known, mask)(x, SIGMA)
    assert torch.equal(answer[:, mask], known[:, mask])
    level = 0.3 * (~mask)[None, :].expand(2, -1)
    heard = torch.where(mask[:, None, None], known, x) / (1 + level[..., None, None] ** 2).sqrt()
    said = token_model.net(heard, level, x[:, 0], x[:, 0, 0, 0])[:, ~mask]
    torch.testing.assert_close(answer[:, ~mask], x[:, ~mask] / 1.09 + 0.3 / 1.09**0.5 * said)
    assert not torch.allclose(answer[:, ~mask], token_model.given(x, mask)(x, SIGMA)[:, ~mask], atol=1e-3)
    with pytest.raises(ModelError, match="tokens never heard a mixture; use the likelihood dirac"):
        token_model.mixed(x.sum(1))


def test_independent_transformers_hear_nothing_of_each_other(token_model: Model) -> None:
    config = token_model.config
    assert isinstance(config.net, LatentTransformerConfig)
    torch.manual_seed(2)
    model = Model(dataclasses.replace(config, joint=False, net=dataclasses.replace(config.net, stems=1)))
    for parameter in model.net.parameters():
        parameter.data.add_(0.15 * torch.randn_like(parameter))
    assert (model.config.hears_stems, model.config.hears_mixtures) == (False, False)
    x = torch.randn(2, 4, 3, 20)
    changed = x.clone()
    changed[:, 2] += 1
    before, after = (model.prior()(x, SIGMA).detach() for x in (x, changed))
    assert torch.equal(before[:, [0, 1, 3]], after[:, [0, 1, 3]])
    assert not torch.allclose(before[:, 2], after[:, 2])
    with pytest.raises(ModelError, match="never heard given stems"):
        model.given(x, torch.tensor([True, False, False, False]))


def test_it_survives_the_disk_in_full_precision(paper_model: Model, tmp_path) -> None:
    checkpoint.save(paper_model, tmp_path / "paper", precision=torch.float32)
    again = checkpoint.load(tmp_path / "paper")
    assert again.config == paper_model.config
    assert torch.equal(again.prior()(noised(), SIGMA), paper_model.prior()(noised(), SIGMA))


def test_any_kind_of_network_survives_json(paper_model: Model, tiny_model: Model, token_model: Model) -> None:
    for config in (paper_model.config, tiny_model.config, token_model.config):
        assert ModelConfig.from_json(config.to_json()) == config
    with pytest.raises(ModelError, match="unknown keys \\['colour'\\]"):
        ModelConfig.from_json(tiny_model.config.to_json().replace('"hop"', '"colour"'))


def test_lower_precision_of_a_transformer_leaves_its_codec_as_it_is(token_model: Model) -> None:
    model = Model(token_model.config).eval().requires_grad_(False)
    model.load_state_dict(token_model.state_dict())
    place(model, torch.device("cpu"), torch.bfloat16)
    assert model.net.blocks[0].widen.weight.dtype == torch.bfloat16
    assert {parameter.dtype for parameter in model.codec.parameters()} == {torch.float32}
    x = torch.randn(2, 4, 3, 20)
    wanted, got = token_model.prior()(x, SIGMA), model.prior()(x, SIGMA)
    assert got.dtype == torch.float32
    assert 0 < (got - wanted).norm() / wanted.norm() < 0.02


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
    assert (config.hears_stems, config.hears_mixtures) == (False, False)
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


def test_text_and_networks_without_it_do_not_go_together(
    told_model: TextModel, text_model: TextModel, tiny_model: Model, token_model: Model
) -> None:
    for other in (tiny_model.config.net, token_model.config.net):
        with pytest.raises(ModelError, match=f"a model with text needs a network with text, got {type(other).__name__}"):
            TextModel(dataclasses.replace(told_model.config, net=other))
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
