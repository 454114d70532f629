"""Several models as one are the mean of their denoisers, which is the product of their priors."""

import dataclasses
from collections.abc import Callable

import pytest
import torch

from stemweave.diffusion.algebra import Product
from stemweave.errors import ModelError
from stemweave.model.blend import Blend
from stemweave.model.model import Model
from stemweave.nets.unet1d import UNet1dConfig
from stemweave.tasks.likelihoods import Dirac, Gaussian, Likelihood, even, explicit, posterior_mean

SIGMA = torch.tensor(0.3, dtype=torch.float64)
X = 0.3 * torch.randn(2, 4, 1, 512, generator=torch.Generator().manual_seed(0))

Make = Callable[..., Model]


@pytest.fixture
def make(tiny_model: Model) -> Make:
    """An untrained model as the tiny one, but for what is named; other weights each time."""

    def make(**changes: object) -> Model:
        model = Model(dataclasses.replace(tiny_model.config, **changes))
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.05)
        return model.eval().requires_grad_(False)

    torch.manual_seed(1)
    return make


@pytest.fixture
def independent(tiny_model: Model, make: Make) -> Model:
    net = dataclasses.replace(tiny_model.config.net, stems=1)
    return make(name="independent", joint=False, net=net, sigma_data=0.1)


def test_it_is_the_product_of_the_priors(tiny_model: Model, independent: Model) -> None:
    """The mean, the algebra's product, and the scores' mean by their definition, with networks of different sigma_data."""
    both, experts = Blend(tiny_model, independent).prior()(X, SIGMA), (tiny_model.prior(), independent.prior())
    one, two = (expert(X, SIGMA) for expert in experts)
    assert not torch.allclose(one, two, atol=1e-3)
    torch.testing.assert_close(both, (one + two) / 2)
    torch.testing.assert_close(both, Product(experts, (0.5, 0.5))(X, SIGMA))
    score = ((one - X) / SIGMA**2 + (two - X) / SIGMA**2) / 2
    torch.testing.assert_close(both, (X + SIGMA**2 * score).float(), rtol=1e-4, atol=1e-5)


def test_three_have_equal_weights_and_one_alone_is_itself(tiny_model: Model, independent: Model, make: Make) -> None:
    models = tiny_model, independent, make(name="third")
    mean = sum(model.prior()(X, SIGMA) for model in models) / 3
    torch.testing.assert_close(Blend(*models).prior()(X, SIGMA), mean)
    assert torch.equal(Blend(tiny_model).prior()(X, SIGMA), tiny_model.prior()(X, SIGMA))


@pytest.mark.parametrize("rule", [Dirac(), Gaussian(), Gaussian(relaxation=explicit), even, posterior_mean])
def test_likelihoods_hear_all_of_it(tiny_model: Model, independent: Model, rule: Likelihood) -> None:
    """So what a likelihood makes of the blend is the mean of what it makes of the models."""
    both, one, two = (rule(model, X.sum(1)).denoiser for model in (Blend(tiny_model, independent), tiny_model, independent))
    torch.testing.assert_close(both(X, SIGMA), (one(X, SIGMA) + two(X, SIGMA)) / 2, rtol=1e-4, atol=1e-5)


def test_what_all_hear_can_be_given(tiny_model: Model, make: Make) -> None:
    models, mask = (tiny_model, make(name="other")), torch.tensor([True, False, False, True])
    known, mixture = 0.05 * torch.randn(2, 4, 1, 512), 0.1 * torch.randn(2, 1, 512)
    given = Blend(*models).given(known, mask)(X, SIGMA)
    assert torch.equal(given[:, mask], known[:, mask])
    torch.testing.assert_close(given, sum(model.given(known, mask)(X, SIGMA) for model in models) / 2)
    torch.testing.assert_close(
        Blend(*models).mixed(mixture)(X, SIGMA), sum(model.mixed(mixture)(X, SIGMA) for model in models) / 2
    )


@pytest.mark.parametrize("first", [0, 1])
def test_what_one_of_them_never_heard_cannot_be_given(tiny_model: Model, independent: Model, first: int) -> None:
    models = (tiny_model, independent)
    blend = Blend(models[first], models[1 - first])
    with pytest.raises(ModelError, match=r"(tiny\*independent|independent\*tiny) never heard a mixture; use the likelihood"):
        blend.mixed(torch.zeros(2, 1, 512))
    with pytest.raises(ModelError, match="never heard given stems; use the method replacement"):
        blend.given(X, torch.tensor([True, False, False, False]))


def test_its_configuration_is_the_firsts(tiny_model: Model, independent: Model, make: Make) -> None:
    first, second = tiny_model.config, independent.config
    assert Blend(tiny_model, make(name="b")).config == dataclasses.replace(first, name="tiny*b")
    blend = Blend(independent, tiny_model)
    assert blend.config == dataclasses.replace(second, name="independent*tiny")
    assert (blend.shape(2, 512), blend.device, blend.codec) == (X.shape, torch.device("cpu"), independent.codec)


def test_sound_is_made_long_enough_for_all(tiny_model: Model, paper_model: Model) -> None:
    """A published network needs its whole window, whichever comes first, and hears nothing but noised stems."""
    net = paper_model.config.net
    assert isinstance(net, UNet1dConfig)
    paper = Model(dataclasses.replace(tiny_model.config, net=net, name="paper"))
    for blend in (Blend(tiny_model, paper), Blend(paper, tiny_model)):
        assert (blend.config.shortest, blend.config.hears_stems, blend.config.hears_mixtures) == (4096, False, False)


def test_none_hears_more_at_once_than_it_can(make: Make) -> None:
    wide, narrow = make(span=4), make(span=2)
    assert [Blend(*models).config.span for models in ((wide, narrow), (narrow, wide), (wide, wide))] == [2, 2, 4]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stems": ("bass", "drums", "guitar", "kazoo")}, "stems .*tiny: bass, drums, guitar, piano; b: bass, .* kazoo"),
        ({"rate": 44100}, r"rate \(tiny: 22050 Hz; b: 44100 Hz\)"),
        ({"window": 8192}, r"window \(tiny: 4096 samples; b: 8192 samples\)"),
        ({"mixture_level": 0.0}, r"level of songs \(tiny: 0.1 RMS; b: their own\)"),
    ],
)
def test_refuses_models_of_different_sound(tiny_model: Model, make: Make, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=rf"tiny\*b differ in {message}.*: blend models of the same stems, rate, channels"):
        Blend(tiny_model, make(name="b", **changes))


def test_refuses_models_of_other_channels(tiny_model: Model, make: Make) -> None:
    stereo = make(name="b", channels=2, net=dataclasses.replace(tiny_model.config.net, channels=2))
    with pytest.raises(ModelError, match=r"tiny\*b differ in channels \(tiny: 1; b: 2\)"):
        Blend(tiny_model, stereo)


def test_refuses_latents(tiny_model: Model, latent_model: Model) -> None:
    for models in ((latent_model, latent_model), (tiny_model, latent_model)):
        with pytest.raises(ModelError, match="latent works on latents of codec tiny-codec; blend models of sound"):
            Blend(*models)
