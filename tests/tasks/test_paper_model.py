"""The jobs with a model of the published kind: its own likelihood and conditioning, its whole window, songs at their level."""

import dataclasses

import pytest
import torch

import stemweave as sw
from stemweave.errors import ModelError
from stemweave.model.model import Model
from stemweave.tasks.accompany import own_conditioning, replacement
from stemweave.tasks.likelihoods import own_likelihood, own_sampling
from stemweave.tasks.studio import Studio

SONG = 0.1 * torch.randn(1, 4000, generator=torch.Generator().manual_seed(0))


@pytest.fixture(name="paper")
def make_paper(paper_model: Model) -> Studio:
    return Studio(paper_model, __file__)  # type: ignore[arg-type]


def test_it_separates_by_its_own_likelihood(paper: Studio) -> None:
    own = paper.separate(SONG, rate=22050, seed=3)
    named = paper.separate(SONG, rate=22050, seed=3, likelihood=sw.Dirac("guitar"))
    other = paper.separate(SONG, rate=22050, seed=3, likelihood=sw.Dirac("bass"))
    assert torch.equal(own.audio, named.audio)
    assert not torch.allclose(own.audio, other.audio)
    torch.testing.assert_close(own.mixture, SONG, atol=1e-5, rtol=0)


@pytest.mark.parametrize("samples", [1, 100, 1535])
def test_short_songs_are_worked_on_in_the_whole_window(paper: Studio, samples: int) -> None:
    stems = paper.separate(SONG[:, :samples], rate=22050, seed=1)
    assert stems.audio.shape == (4, 1, samples)
    torch.testing.assert_close(stems.mixture, SONG[:, :samples], atol=1e-5, rtol=0)
    padded = torch.nn.functional.pad(SONG[:, :samples], (0, 1536 - samples))
    whole = paper.separate(padded, rate=22050, seed=1, share=sw.direct)
    short = paper.separate(SONG[:, :samples], rate=22050, seed=1, share=sw.direct)
    torch.testing.assert_close(short.audio, whole.audio[..., :samples], atol=1e-5, rtol=0)


def test_short_pieces_are_made_and_accompanied(paper: Studio) -> None:
    assert paper.generate(0.01, seed=1).audio.shape == (4, 1, 220)
    torch.testing.assert_close(
        paper.generate(0.01, seed=1).audio, paper.generate(1536 / 22050, seed=1).audio[..., :220], atol=1e-5, rtol=0
    )
    given = SONG[:, :300]
    stems = paper.accompany({"drums": given}, rate=22050, seed=2)
    assert torch.equal(stems["drums"], given)
    assert stems.audio.shape == (4, 1, 300)
    same = paper.accompany({"drums": given}, rate=22050, seed=2, conditioning=replacement)
    assert torch.equal(same.audio, stems.audio)


def test_songs_keep_their_level(paper: Studio) -> None:
    """A network with a level of its own answers a louder song otherwise, since nothing brings it to one level."""
    quiet = paper.separate(SONG, rate=22050, seed=3, share=sw.direct).audio
    loud = paper.separate(10 * SONG, rate=22050, seed=3, share=sw.direct).audio
    assert not torch.allclose(loud, 10 * quiet, rtol=0.1, atol=1e-3)


def test_settings_name_what_there_is() -> None:
    settings = sw.Settings(likelihood="gaussian", conditioning="replacement", gaussian=sw.Sampling(5, 1.0, 0.1))
    assert own_likelihood(settings) == sw.Gaussian()
    assert own_sampling(settings, own_likelihood(settings)) == settings.gaussian
    assert own_conditioning(settings) is replacement
    assert own_likelihood(sw.Settings(likelihood="dirac")) == sw.Dirac(None)
    with pytest.raises(ModelError, match="likelihood 'telepathy'"):
        own_likelihood(sw.Settings(likelihood="telepathy"))
    with pytest.raises(ModelError, match="method 'telepathy'"):
        own_conditioning(sw.Settings(conditioning="telepathy"))


def test_every_likelihood_has_its_own_sampling() -> None:
    each = {name: sw.Sampling(count, 1.0, 0.1) for count, name in enumerate(("learned", "dirac", "gaussian", "even"), 1)}
    settings = sw.Settings(**each, posterior_mean=sw.Sampling(9, 1.0, 0.1), generate=sw.Sampling(10, 1.0, 0.1))
    rules = (sw.learned, sw.Dirac("bass"), sw.Gaussian(), sw.even, sw.posterior_mean, lambda model, mixture: None)
    assert [own_sampling(settings, rule).steps for rule in rules] == [1, 2, 3, 4, 9, 10]  # type: ignore[arg-type]


def test_the_mean_of_draws_is_the_mean_of_walks(studio: Studio) -> None:
    one = studio.config.settings.learned
    several = sw.Sampler.of(dataclasses.replace(one, draws=3))
    each = [studio.separate(SONG, rate=22050, seed=seed, share=sw.direct).audio for seed in (5, 6, 7)]
    mean = studio.separate(SONG, rate=22050, seed=5, share=sw.direct, sampler=several).audio
    torch.testing.assert_close(mean, torch.stack(each).mean(0), atol=1e-5, rtol=0)
    assert not torch.allclose(mean, each[0], atol=1e-4)


def test_a_model_may_hear_more_at_once_than_it_was_trained_on(tiny_model: Model) -> None:
    """One window of three instead of three: the same as a model whose window is that long, and other than the short one."""
    config = tiny_model.config
    settings = dataclasses.replace(config.settings, generate=sw.Sampling(2, 1.0, 0.1))
    made = []
    for changes in ({"span": 3}, {"window": 3 * config.window}, {}):
        model = Model(dataclasses.replace(config, settings=settings, **changes)).eval().requires_grad_(False)
        model.load_state_dict(tiny_model.state_dict())
        made.append(Studio(model, __file__).generate(3 * config.window / 22050, seed=1).audio)  # type: ignore[arg-type]
    assert torch.equal(made[0], made[1])
    assert not torch.allclose(made[0], made[2], atol=1e-4)
    with pytest.raises(ModelError, match="span"):
        dataclasses.replace(config, span=0)


@pytest.mark.parametrize(("start", "shares"), [("silence", (0, 0, 0, 0)), ("equal", (1, 1, 1, 1)), ("power", (36, 49, 25, 25))])
def test_a_walk_begins_at_the_mixture_shared_out(studio: Studio, start: str, shares: tuple[int, ...]) -> None:
    """At next to no noise a walk ends where it began; put onto the song, which spreads the rest evenly, that is seen."""
    sampler = sw.Sampler.of(sw.Sampling(1, 1e-6, 1e-7, start=start))
    song = studio.config.mixture_level * SONG / SONG.square().mean().sqrt()
    stems = studio.separate(song, rate=22050, seed=1, share=sw.direct, sampler=sampler, likelihood=sw.even).audio[:, 0]
    parts = torch.tensor(shares) / max(sum(shares), 1)
    expected = (parts + (1 - parts.sum()) / 4)[:, None] * song
    torch.testing.assert_close(stems, expected, atol=2e-4, rtol=0)


def test_an_unknown_start_is_refused() -> None:
    with pytest.raises(ModelError, match="start 'running'"):
        sw.Sampler.of(sw.Sampling(1, 1.0, 0.1, start="running"))
