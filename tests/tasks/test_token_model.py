"""The jobs with a transformer over latents, which hears given stems itself: any length, all subsets, and who hears whom."""

from itertools import combinations

import pytest
import torch

from stemweave.diffusion.noise import Noise
from stemweave.diffusion.problem import Problem
from stemweave.diffusion.projections import Replacement
from stemweave.diffusion.windowed import Windowed, windows
from stemweave.errors import ModelError
from stemweave.model.model import Model
from stemweave.tasks.accompany import at_model, replacement
from stemweave.tasks.priors import grid
from stemweave.tasks.sampler import Sampler
from stemweave.tasks.studio import Studio

RATE = 22050
STEMS = ("bass", "drums", "guitar", "piano")
LENGTHS = [1, 100, 638, 639, 1000, 1914]
"""Around one, between two, and three windows of 638 samples."""


def noise(channels: int, samples: int, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(channels, samples, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(name="tokens")
def make_tokens(token_model: Model) -> Studio:
    return Studio(token_model, __file__)  # type: ignore[arg-type]


@pytest.mark.parametrize("samples", LENGTHS)
def test_pieces_of_any_length_and_their_mixture(tokens: Studio, samples: int) -> None:
    band = tokens.generate(samples / RATE, seed=5)
    assert band.audio.shape == (4, 1, samples)
    assert band.audio.isfinite().all()
    assert band.audio.square().mean((1, 2)).min() > 0
    torch.testing.assert_close(band.mixture, band.audio.sum(0))
    again, other = (tokens.generate(samples / RATE, seed=seed) for seed in (5, 6))
    assert torch.equal(band.audio, again.audio)
    assert not torch.allclose(band.audio, other.audio)


@pytest.mark.parametrize("given", [some for count in (1, 2, 3) for some in combinations(STEMS, count)])
def test_every_subset_can_be_given_and_comes_back_as_it_was(tokens: Studio, given: tuple[str, ...]) -> None:
    sounds = {name: noise(2, 1500, seed) for seed, name in enumerate(given)}
    made = tokens.accompany(sounds, rate=44100, seed=2)
    assert made.names == STEMS
    for name in STEMS:
        assert torch.equal(made[name], sounds[name]) if name in given else made[name].square().mean() > 0
    torch.testing.assert_close(made.mixture, sum(made[name] for name in STEMS))


@pytest.mark.parametrize("samples", [300, 1914])
@torch.no_grad()
def test_playing_along_is_a_walk_over_latents_that_hears_the_given_ones(tokens: Studio, samples: int) -> None:
    """By hand: given sound at the model's level, its latents at noise level 0 in every window, decoded at its own level."""
    model, drums = tokens.model, noise(1, samples)
    known, gain = at_model(model.config, {"drums": drums}, RATE)
    assert gain == pytest.approx(0.07 / drums.square().mean().sqrt().item(), rel=1e-4)
    latents, mask = model.codec.encode(known[None]), torch.tensor([False, True, False, False])
    length, hop = grid(model.config)
    assert (length, hop) == (64, 32)
    prior = Windowed(model.given(windows(latents, length, hop), mask), length, hop)
    problem = Problem(prior, latents.shape, project=Replacement(latents, mask))
    x = Sampler.of(model.config.settings.accompany).run(problem, Noise((2,)), lambda _: None).x
    expected = model.codec.decode(x, samples)[0] / gain
    expected[1] = drums
    made = tokens.accompany({"drums": drums}, rate=RATE, seed=2)
    torch.testing.assert_close(made.audio, expected, atol=1e-6, rtol=1e-4)


def test_what_is_made_depends_on_what_is_given_and_how_it_is_heard(tokens: Studio) -> None:
    def bass(seed: int, **how: object) -> torch.Tensor:
        return tokens.accompany({"drums": noise(1, 900, seed)}, rate=RATE, seed=2, **how)["bass"]  # type: ignore[arg-type]

    assert torch.equal(bass(0), bass(0))
    assert not torch.allclose(bass(0), bass(1))
    assert not torch.allclose(bass(0), bass(0, conditioning=replacement))


def test_a_given_stem_s_level_does_not_matter_but_its_shape(tokens: Studio) -> None:
    """Given stems are brought to the level the model knows, and what is made back to theirs."""
    drums = noise(1, 900)
    one, loud = (tokens.accompany({"drums": gain * drums}, rate=RATE, seed=2)["bass"] for gain in (1, 8))
    torch.testing.assert_close(8 * one, loud, atol=1e-5, rtol=1e-3)


def test_songs_are_not_taken_apart_over_latents_that_do_not_add_up(tokens: Studio) -> None:
    with pytest.raises(ModelError, match=r"tokens works on latents in which stems do not sum"):
        tokens.separate(noise(1, 900), rate=RATE)
