"""A song shared out by the spectra that a model of text lets expect: as a likelihood and as a start."""

import pytest
import torch

import stemweave as sw
from stemweave.errors import ModelError
from stemweave.model.model import Model
from stemweave.model.texted import TextModel
from stemweave.tasks.likelihoods import expected, own_sampling
from stemweave.tasks.sampler import Sampler
from stemweave.tasks.starts import STARTS, best_known, by_power
from stemweave.tasks.studio import Studio

SONG = 0.1 * torch.randn(1, 1, 5000, generator=torch.Generator().manual_seed(0))


@pytest.fixture(name="taught")
def make_taught(text_model: TextModel) -> TextModel:
    """Expects bass below, guitar above, and of everything else the same everywhere."""
    model = TextModel(text_model.config).requires_grad_(False)
    net, hop = model.net, model.net.config.hop
    low, high, flat = torch.full((hop,), 1e-4), torch.full((hop,), 1e-4), torch.full((hop,), 0.01)
    low[: hop // 2] = high[hop // 2 :] = 1.0
    tokens = model.conditioner(model.conditioner.prepare(list(model.config.stems))).tokens[:, 0]
    net.sounds.answer.weight.zero_()
    net.sounds.expect(tokens, net.answers(torch.stack((low, flat, high, flat)).log()))
    for part in (net.presence.place, net.presence.kind):  # all are surely there
        part.weight.zero_()
        part.bias.fill_(1.0)
    return model


def test_parts_are_in_the_ratio_of_what_is_expected_and_sum_to_the_song(taught: TextModel) -> None:
    parts = taught.shares(SONG)
    assert parts.shape == (1, 4, 1, 5000)
    torch.testing.assert_close(parts.sum(1), SONG, atol=1e-5, rtol=0)
    frames = taught.net.lapped.cosines(taught.net.padded(parts))[0, :, 0].square().mean(1)
    half = taught.net.config.hop // 2
    below, above = frames[:, : half - 8].mean(1), frames[:, half + 8 :].mean(1)
    assert below[0] > 0.9 * below.sum()
    assert above[2] > 0.9 * above.sum()


def test_what_is_not_there_brings_nothing(taught: TextModel) -> None:
    """The more likely a stem is there at all, the more of the song is it."""
    drums = taught.conditioner(taught.conditioner.prepare(["drums"])).tokens[0, 0]
    there = taught.shares(SONG)
    taught.net.presence.kind.weight -= 10 * drums / drums.square().sum()
    parts = taught.shares(SONG)
    assert parts[:, 1].norm() < 1e-3 * there[:, 1].norm()
    torch.testing.assert_close(parts.sum(1), SONG, atol=1e-5, rtol=0)


def test_a_batch_is_its_items(taught: TextModel) -> None:
    two = torch.cat((SONG, SONG.flip(-1)))
    torch.testing.assert_close(taught.shares(two)[1:], taught.shares(two[1:]), atol=1e-6, rtol=1e-4)


def test_as_a_likelihood_it_is_one_evaluation(taught: TextModel) -> None:
    studio = Studio(taught, __file__)  # type: ignore[arg-type]
    stems = studio.separate(SONG[0], rate=22050, likelihood=expected, share=sw.direct, seed=1)
    again = studio.separate(SONG[0], rate=22050, likelihood=expected, share=sw.direct, seed=2)
    assert torch.equal(stems.audio, again.audio), "nothing in it is drawn"
    torch.testing.assert_close(stems.mixture, SONG[0], atol=1e-4, rtol=0)
    assert own_sampling(taught.config.settings, expected).steps == 1


def test_a_walk_that_begins_there_and_goes_nowhere_ends_there(taught: TextModel) -> None:
    parts = STARTS["expected"](taught, SONG)
    torch.testing.assert_close(best_known(taught, SONG), parts)
    studio, sampler = Studio(taught, __file__), Sampler.of(sw.Sampling(1, 1e-5, 1e-6, start="expected"))  # type: ignore[arg-type]
    walked = studio.separate(SONG[0], rate=22050, likelihood=sw.Dirac("bass"), sampler=sampler, share=sw.direct, seed=1)
    still = studio.separate(SONG[0], rate=22050, likelihood=expected, share=sw.direct, seed=1)
    torch.testing.assert_close(walked.audio, still.audio, atol=2e-3, rtol=0)


def test_other_models_expect_nothing(tiny_model: Model, taught: TextModel) -> None:
    with pytest.raises(ModelError, match="not told in words"):
        expected(tiny_model, SONG)
    torch.testing.assert_close(best_known(tiny_model, SONG), by_power(tiny_model, SONG))
    taught.net = torch.nn.Identity()
    with pytest.raises(ModelError, match="expects no spectra of what it is told; use the likelihood dirac"):
        taught.shares(SONG)
    assert not taught.expects
