"""The jobs with a model over latents: sound in, sound out, of any length; and separation where latents add up."""

import dataclasses

import pytest
import torch

import stemweave as sw
from stemweave.diffusion.algebra import DiracTangent
from stemweave.diffusion.noise import Noise
from stemweave.diffusion.problem import Problem
from stemweave.diffusion.projections import DiracAnchor
from stemweave.errors import ModelError
from stemweave.model.codec import Codec, CodecConfig
from stemweave.model.model import Model
from stemweave.nets.sourcevae import SourceVAEConfig
from stemweave.tasks.accompany import learned
from stemweave.tasks.priors import whole
from stemweave.tasks.sampler import Sampler
from stemweave.tasks.studio import Studio

RATE = 22050
CHURNING = Sampler.of(sw.Sampling(4, 2.0, 0.01, churn=2.0, resamples=2))
LENGTHS = [1, 100, 637, 638, 639, 1000, 1500, 1914]
"""Around one, between two, and three windows of 638 samples."""


def noise(channels: int, samples: int, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(channels, samples, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(name="latent")
def make_latent(latent_model: Model) -> Studio:
    return Studio(latent_model, __file__)  # type: ignore[arg-type]


@pytest.mark.parametrize("samples", LENGTHS)
def test_generation_is_a_walk_over_latents_decoded(latent: Studio, samples: int) -> None:
    band = latent.generate(samples / RATE, seed=5)
    assert band.audio.shape == (4, 1, samples)
    model = latent.model
    problem = Problem(whole(model), model.shape(1, max(samples, 638)))
    assert problem.shape[2:] == (3, max(64, -(-(samples + 2) // 10)))
    x = Sampler.of(latent.config.settings.generate).run(problem, Noise((5,)), lambda _: None).x
    with torch.no_grad():
        assert torch.equal(band.audio, model.codec.decode(x, samples)[0])
    assert band.audio.square().mean((1, 2)).min() > 0


@pytest.mark.parametrize("samples", LENGTHS)
def test_given_stems_come_back_as_they_were(latent: Studio, samples: int) -> None:
    given = {"drums": noise(1, samples), "piano": noise(1, samples, 1)}
    made = latent.accompany(given, rate=RATE, seed=2)
    assert made.audio.shape == (4, 1, samples)
    for name, audio in given.items():
        assert torch.equal(made[name], audio)
    assert made["bass"].square().mean() > 0
    assert made.audio.isfinite().all()


def test_given_stems_of_other_rates_and_channels(latent: Studio) -> None:
    drums = noise(2, 3001)
    made = latent.accompany({"drums": drums}, rate=44100, seed=2)
    assert made.audio.shape == (4, 2, 3001)
    assert torch.equal(made["drums"], drums)


def test_what_is_made_depends_on_what_is_given(latent: Studio) -> None:
    made = [latent.accompany({"drums": noise(1, 900, seed)}, rate=RATE, seed=2)["bass"] for seed in (0, 0, 1)]
    assert torch.equal(made[0], made[1])
    assert not torch.allclose(made[0], made[2])


def test_stems_keep_their_level(latent: Studio) -> None:
    """Nothing brings a given stem to a level of the model's."""
    quiet, loud = (latent.accompany({"drums": gain * noise(1, 900)}, rate=RATE, seed=2)["bass"] for gain in (1, 20))
    assert not torch.allclose(quiet, loud)
    assert not torch.allclose(20 * quiet, loud, rtol=0.1)


def test_short_pieces_are_the_beginning_of_a_window(latent: Studio) -> None:
    whole_window, short = (latent.generate(samples / RATE, seed=1).audio for samples in (638, 220))
    assert torch.equal(short, whole_window[..., :220])


def test_separation_is_refused(latent: Studio) -> None:
    for likelihood in (None, sw.learned, sw.Dirac("bass"), sw.Gaussian(), sw.even, sw.posterior_mean):
        with pytest.raises(
            ModelError, match=r"latent works on latents in which stems do not sum .* use a model over wave"
        ) as told:
            latent.separate(noise(1, 900), rate=RATE, likelihood=likelihood)
        assert "\n" not in str(told.value)
    with pytest.raises(ModelError, match="never heard given stems; use the method replacement"):
        latent.accompany({"drums": noise(1, 900)}, rate=RATE, conditioning=learned)


def orthonormal(scale: tuple[float, ...] = ()) -> Codec:
    """A codec that is an orthonormal matrix: pairs of samples, rotated; its Snakes are straight at α = 0."""
    codec = Codec(CodecConfig("rotation", RATE, SourceVAEConfig(1, 2, 1, 2, (2,)), std=scale, linear=True))
    for parameter in codec.parameters():
        torch.nn.init.zeros_(parameter)
    rotation = torch.tensor([[0.6, 0.8], [-0.8, 0.6]])
    enter, shorter, _, leave = codec.net.encoder
    enter.weight.data[0, 0, 3] = 1
    shorter[-1].weight.data[[0, 1], 0, [1, 2]] = 1
    leave.weight.data[:2, :, 1] = rotation
    enter, longer, _, leave = codec.net.decoder
    enter.weight.data[:, :, 3] = rotation.T
    longer[1].weight.data[[0, 1], 0, [1, 2]] = 1
    leave.weight.data[0, 0, 3] = 1
    return codec


@pytest.fixture(name="linear", params=[(False, ()), (False, (0.5, 3.0)), (True, (0.5, 3.0))], ids=["plain", "scaled", "tokens"])
def make_linear(latent_model: Model, token_model: Model, request: pytest.FixtureRequest) -> Studio:
    """Either network over such a codec's latents."""
    tokens, scale = request.param
    codec, own = orthonormal(scale), (token_model if tokens else latent_model).config.net
    net = dataclasses.replace(own, **({"latents": 2} if tokens else {"inputs": 8}))  # type: ignore[arg-type]
    torch.manual_seed(0)
    model = Model(dataclasses.replace(latent_model.config, window=128, net=net, codec=codec.config))
    model.codec = codec
    for parameter in model.net.parameters() if tokens else ():
        parameter.data.add_(0.15 * torch.randn_like(parameter))
    return Studio(model.eval().requires_grad_(False), __file__)  # type: ignore[arg-type]


def test_the_matrix_is_orthonormal() -> None:
    codec, audio = orthonormal(), noise(4, 50)[None, :, None]
    latents = codec.encode(audio)
    assert latents.shape == (1, 4, 2, 25)
    torch.testing.assert_close(latents.square().sum((2, 3)), audio.square().sum((2, 3)))
    torch.testing.assert_close(codec.decode(latents, 50), audio)
    assert not torch.allclose(latents[0, 0].T.flatten(), audio[0, 0, 0])


@torch.no_grad()
def test_dirac_over_latents_is_dirac_over_waveforms(linear: Studio) -> None:
    """The same prior and the same noise, seen through the codec (methods: a linear codec changes no rule of sums)."""
    model, mixture = linear.model, noise(1, 300)
    prior, codec = whole(model), model.codec
    over_latents = sw.Dirac("guitar")(model, codec.encode(mixture[None, None]).squeeze(1))

    def through(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        return codec.decode(prior(codec.encode(x), sigma), x.shape[-1])

    def drawn(draw: int, shape: tuple[int, ...]) -> torch.Tensor:
        return codec.decode(Noise((7,))(draw, over_latents.shape), shape[-1])

    over_waves = Problem(DiracTangent(through, 2), (1, 4, 1, 300), project=DiracAnchor(mixture[None], 2))
    latents = CHURNING.run(over_latents, Noise((7,)), lambda _: None).x
    waves = CHURNING.run(over_waves, drawn, lambda _: None).x
    torch.testing.assert_close(codec.decode(latents, 300), waves, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(waves.sum(1), mixture[None], atol=1e-4, rtol=0)
    stems = linear.separate(mixture, rate=RATE, likelihood=sw.Dirac("guitar"), sampler=CHURNING, share=sw.direct, seed=7)
    torch.testing.assert_close(stems.audio, waves[0], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("rule", [sw.Dirac(), sw.Gaussian(), sw.even, sw.posterior_mean])
@pytest.mark.parametrize("samples", [1, 127, 1001])
def test_stems_over_linear_latents_sum_to_the_song(linear: Studio, rule: sw.Dirac, samples: int) -> None:
    song = noise(1, samples)
    stems = linear.separate(song, rate=RATE, likelihood=rule, share=sw.direct, seed=1)
    assert stems.audio.shape == (4, 1, samples)
    torch.testing.assert_close(stems.mixture, song, atol=1e-4, rtol=0)


def test_no_mixture_is_heard_over_linear_latents_either(linear: Studio) -> None:
    with pytest.raises(ModelError, match="never heard a mixture; use the likelihood dirac"):
        linear.separate(noise(1, 900), rate=RATE, likelihood=sw.learned)


def test_the_mean_of_draws_and_the_residual_are_of_sounds(linear: Studio) -> None:
    song = noise(1, 200)
    three = Sampler.of(dataclasses.replace(linear.config.settings.dirac, draws=3))
    each = [linear.separate(song, rate=RATE, seed=seed, share=sw.direct).audio for seed in (5, 6, 7)]
    mean = linear.separate(song, rate=RATE, seed=5, share=sw.direct, sampler=three).audio
    torch.testing.assert_close(mean, torch.stack(each).mean(0), atol=1e-4, rtol=0)
    rest = linear.separate(song, rate=RATE, seed=5, share=sw.direct, residual=True)
    torch.testing.assert_close(rest.mixture, song, atol=1e-5, rtol=0)
    assert rest.residual is not None
    assert rest.residual.square().mean() > 0
