"""How stems made together, or beside given ones, hear each other; the laws of the couplings are tested with their rules."""

import copy
import dataclasses
import itertools
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from stemweave.diffusion import Coherent, Constant, Euler, Problem, final, karras, walk
from stemweave.errors import ModelError
from stemweave.model.config import Settings
from stemweave.model.lineup import Lineup
from stemweave.model.model import Model
from stemweave.model.texted import TextModel
from stemweave.tasks.accompany import CONDITIONINGS
from stemweave.tasks.coupled import (
    COHERENT,
    COUPLINGS,
    UNDER,
    Beside,
    Imitating,
    Together,
    Under,
    by_power,
    joint,
    own_coupling,
)
from stemweave.tasks.prompting import accompanying, generating
from stemweave.tasks.studio import Studio

SIGMAS = karras(10, 1e-3, 1.0)
KNOWN = 0.1 * torch.randn(1, 3, 1, 6, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
THREE = {"bass": "bass", "drums": "drums", "piano": "piano"}


def noise(seed: int) -> Callable[[int, tuple[int, ...]], Tensor]:
    """The same for a stem whatever else is beside it."""

    def source(draw: int, shape: tuple[int, ...]) -> Tensor:
        every = torch.randn(shape[0], 8, *shape[2:], generator=torch.Generator().manual_seed(100 * seed + draw))
        return every[:, : shape[1]].double()

    return source


def quiet(draw: int, shape: tuple[int, ...]) -> Tensor:
    return torch.zeros(shape, dtype=torch.float64)


def made(problem: Problem, source: Callable[[int, tuple[int, ...]], Tensor] = noise(1)) -> Tensor:
    return problem.answer(final(walk(problem, SIGMAS, Euler(eta=1.0), noise=source)).x)


# all stems together


@pytest.mark.parametrize("name", COUPLINGS)
@pytest.mark.parametrize("prompts", [{"lead": "lead guitar"}, {"low": "slap bass", "kit": "jazz drums"}, None])
def test_every_coupling_gives_the_stems_asked_for(text_studio: Studio, name: str, prompts: dict[str, str] | None) -> None:
    studio = text_studio.told(prompts) if prompts else text_studio
    stems = studio.generate(0.02, seed=3, coupling=COUPLINGS[name])
    assert stems.names == tuple(prompts or ("bass", "drums", "guitar", "piano"))
    assert stems.audio.shape == (len(stems.names), 1, 441)
    assert stems.audio.isfinite().all()
    again, other = (studio.generate(0.02, seed=seed, coupling=COUPLINGS[name]).audio for seed in (3, 4))
    assert torch.equal(again, stems.audio)
    spent = name == "imitating" and len(stems.names) != 2  # only of two stems does its law leave anything of the noise
    assert torch.equal(other, stems.audio) == spent


def test_couplings_differ_and_the_settings_choose(text_studio: Studio) -> None:
    pieces = {name: text_studio.generate(0.02, seed=3, coupling=rule).audio for name, rule in COUPLINGS.items()}
    for one, other in itertools.combinations(pieces, 2):
        assert not torch.allclose(pieces[one], pieces[other], rtol=1e-3), (one, other)
    assert torch.equal(text_studio.generate(0.02, seed=3).audio, pieces["joint"])
    config = text_studio.config
    settings = dataclasses.replace(config.settings, coupling="coherent-root")
    chosen = text_studio.told({stem: stem for stem in config.stems})
    chosen.model.config = dataclasses.replace(chosen.config, settings=settings)
    assert torch.equal(chosen.generate(0.02, seed=3).audio, pieces["coherent-root"])


def test_a_coupling_of_no_strength_is_none(table: Lineup) -> None:
    """γ → ∞: the stems of the same noise, made independently."""
    shape = (2, 4, 1, 6)
    apart = made(joint(table, shape))
    torch.testing.assert_close(made(Together(Coherent(Constant(1e9)))(table, shape)), apart, rtol=1e-9, atol=1e-12)
    assert not torch.allclose(made(Together()(table, shape)), apart, rtol=1e-2)


def test_the_mixture_is_told_of_all_stems_and_asked_beside_them(table: Lineup) -> None:
    made(Together()(generating(table), (1, 4, 1, 6)))
    every = ("Bass", "Drums", "Guitar", "Piano", "Bass, Drums, Guitar, Piano")
    assert table.calls == [(*every, "Drums, Guitar", None, None, None, None)] * 10


def test_consistent_stems_have_their_mixtures_prior_in_their_sum(table: Lineup) -> None:
    """The sum moves as one signal under the prompt of all, at the noise level of a sum of four; the rest by the stems' own."""
    problem, sigma = Under()(table, (1, 4, 1, 6)), torch.tensor(0.3, dtype=torch.float64)
    x = torch.randn(1, 4, 1, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    variance = 0.1**2 + 0.2**2 + 0.05**2 + 0.08**2
    out = problem.denoiser(x, sigma)
    torch.testing.assert_close(out.sum(1), variance / (variance + 4 * 0.3**2) * x.sum(1), rtol=1e-9, atol=1e-12)
    apart = joint(table, (1, 4, 1, 6)).denoiser(x, sigma)
    torch.testing.assert_close(out - out.mean(1, keepdim=True), apart - apart.mean(1, keepdim=True), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("row", [None, torch.tensor([1.0, 0.7, 1.3])])
def test_what_is_missing_goes_where_there_is_power(row: torch.Tensor | None) -> None:
    """The sum is the mixture's either way; a low and a high tone each take their own part of what is missing."""
    time = torch.arange(8192) / 22050
    low, high = torch.sin(2 * math.pi * 200 * time), torch.sin(2 * math.pi * 4000 * time)
    x = torch.stack((low, high, torch.zeros_like(low)))[None, :, None]
    gains = torch.ones(3) if row is None else row
    wanted = 2 * low + 3 * high
    out = by_power(22050)(x, wanted[None, None], row)
    torch.testing.assert_close(torch.einsum("n,bnct->bct", gains, out)[0, 0], wanted, atol=1e-4, rtol=0)
    inner = slice(2048, -2048)
    for stem, tone in ((0, 2 * low), (1, 3 * high), (2, 0 * low)):
        torch.testing.assert_close((gains[stem] * out[0, stem, 0])[inner], tone[inner], atol=0.02, rtol=0)


def test_latents_have_no_spectra_to_share_by(text_model: TextModel) -> None:
    latent = copy.deepcopy(text_model)
    latent.codec = torch.nn.Identity()
    with pytest.raises(ModelError, match="works on latents, which have no spectra to share by: use consistent"):
        UNDER["consistent-power"](latent, (1, 4, 1, 256))


def test_settings_name_couplings() -> None:
    assert own_coupling(Settings()) is joint
    assert own_coupling(Settings(coupling="coherent-proportional")) == Together(COHERENT["coherent-proportional"])
    assert own_coupling(Settings(coupling="imitating")) == Imitating()
    with pytest.raises(ModelError, match="coupling 'telepathy'; this stemweave has"):
        own_coupling(Settings(coupling="telepathy"))


def test_a_model_that_is_not_told_in_words_has_joint_and_imitating_only(studio: Studio, tiny_model: Model) -> None:
    own = studio.generate(0.02, seed=1)
    assert torch.equal(studio.generate(0.02, seed=1, coupling=joint).audio, own.audio)
    assert studio.generate(0.02, seed=1, coupling=Imitating()).audio.shape == own.audio.shape
    for name in ("coherent", "consistent"):
        with pytest.raises(ModelError, match="tiny is not told in words what sounds"):
            studio.generate(0.02, seed=1, coupling=COUPLINGS[name])
    with pytest.raises(ModelError, match="tiny is not told in words what sounds"):
        Beside()(tiny_model, KNOWN, torch.tensor([True, False, False]))


# beside given stems

MASKS = [mask for mask in itertools.product((True, False), repeat=3) if 0 < sum(mask) < 3]


@pytest.mark.parametrize("mask", MASKS)
def test_given_stems_come_out_untouched_and_in_their_place(table: Lineup, mask: tuple[bool, ...]) -> None:
    given = torch.tensor(mask)
    x = made(Beside()(table.told(THREE), KNOWN, given))
    assert x.shape == KNOWN.shape
    assert torch.equal(x[:, given], KNOWN[:, given])
    assert not torch.allclose(x[:, ~given], KNOWN[:, ~given])


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("order", list(itertools.permutations(range(3)))[1:])
def test_the_order_of_the_stems_does_not_matter(table: Lineup, mask: tuple[bool, ...], order: tuple[int, ...]) -> None:
    """Without noise what is made depends on the prompts alone, whose variances differ."""
    names, given = list(THREE), torch.tensor(mask)
    told = table.told({names[n]: THREE[names[n]] for n in order})
    straight = made(Beside()(table.told(THREE), KNOWN, given), quiet)
    turned = made(Beside()(told, KNOWN[:, order], given[list(order)]), quiet)
    torch.testing.assert_close(turned, straight[:, order], rtol=1e-9, atol=1e-12)
    assert straight[:, ~given].abs().min() > 1e-6


def test_what_the_prior_is_told_beside_given_stems(table: Lineup) -> None:
    """The free stems with their negatives, and a mixture of all, given ones too; the guidance of accompaniment."""
    told = accompanying(table.told(THREE, {"piano": "drums", "drums": "piano"}))
    made(Beside()(told, KNOWN, torch.tensor([False, True, False])))
    every = ("bass", "piano", "bass, drums, piano")
    assert set(table.calls) == {(*every, None, "drums", None)}


@pytest.mark.parametrize("name", UNDER)
@pytest.mark.parametrize("mask", MASKS)
def test_under_the_mixtures_prior_given_stems_come_out_untouched_too(table: Lineup, mask: tuple[bool, ...], name: str) -> None:
    given = torch.tensor(mask)
    one, other = (made(UNDER[name].beside(table.told(THREE), scale * KNOWN, given)) for scale in (1.0, 3.0))
    assert torch.equal(one[:, given], KNOWN[:, given])
    assert not torch.allclose(one[:, ~given], other[:, ~given], rtol=1e-2)
    assert "bass, drums, piano" in {text for call in table.calls for text in call}


def test_a_coupling_of_no_strength_hears_no_given_stem(table: Lineup) -> None:
    mask = torch.tensor([True, False, False])
    loose = Beside(Coherent(Constant(1e9)))
    one, other = (made(loose(table.told(THREE), scale * KNOWN, mask)) for scale in (1.0, 5.0))
    torch.testing.assert_close(one[:, 1:], other[:, 1:], rtol=1e-9, atol=1e-12)
    one, other = (made(Beside()(table.told(THREE), scale * KNOWN, mask)) for scale in (1.0, 5.0))
    assert not torch.allclose(one[:, 1:], other[:, 1:], rtol=1e-2)


@pytest.mark.parametrize("given", [("drums",), ("piano", "bass"), ("kit",), ("low", "kit")])
def test_a_studio_plays_along(text_studio: Studio, given: tuple[str, ...]) -> None:
    told = given[0] in ("kit", "low")
    studio = text_studio.told({"lead": "lead guitar", "kit": "jazz drums", "low": "slap bass"}) if told else text_studio
    sounds = {name: 0.1 * torch.randn(2, 1501, generator=torch.Generator().manual_seed(len(name))) for name in given}
    stems = studio.accompany(sounds, rate=44100, seed=2)
    assert stems.names == studio.stems
    assert stems.audio.shape == (len(studio.stems), 2, 1501)
    assert all(torch.equal(stems[name], sounds[name]) for name in given)
    new = [name for name in stems.names if name not in given]
    assert all(stems[name].abs().max() > 0 for name in new)
    root = studio.accompany(sounds, rate=44100, seed=2, conditioning=CONDITIONINGS["coherent-root"])
    assert not torch.allclose(root[new[0]], stems[new[0]])


def test_independent_priors_do_not_hear_by_replacement(text_studio: Studio) -> None:
    with pytest.raises(ModelError, match="hears no others by this method: play along by the method coherent or consistent"):
        text_studio.accompany({"bass": torch.zeros(1, 500)}, rate=22050, conditioning=CONDITIONINGS["replacement"])
