"""2403.11706's extractor and ensemble where each prompt is a Gaussian: eq. 14 is the two-stem problem of eq. 13."""

import dataclasses
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import stemweave as sw
from stemweave.diffusion import Euler, Guidance, Heun, Problem, final, karras, log_linear, walk
from stemweave.diffusion.problem import At, everything
from stemweave.diffusion.solve import Step
from stemweave.errors import ModelError, UsageError
from stemweave.model.config import Prompting, Settings
from stemweave.model.lineup import Lineup
from stemweave.model.model import Model
from stemweave.tasks.apart import Ensemble, Extractor, halves
from stemweave.tasks.extract import duet
from stemweave.tasks.likelihoods import Dirac, own_likelihood, own_sampling
from stemweave.tasks.prompting import separating
from stemweave.tasks.sampler import Sampler
from stemweave.tasks.starts import begun, by_power
from stemweave.tasks.studio import Studio

STEMS = ("bass", "drums", "guitar", "piano")
MIXTURE = 0.3 * torch.randn(2, 1, 5, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
SIGMAS = karras(8, 1e-3, 1.0)
Numbers = tuple[int, ...]


def noise_of(numbers: Numbers) -> Callable[[int, tuple[int, ...]], Tensor]:
    """The noise of some signals, by number, out of that of twelve."""

    def source(draw: int, shape: tuple[int, ...]) -> Tensor:
        every = torch.randn(2, 12, 1, 5, generator=torch.Generator().manual_seed(draw), dtype=torch.float64)
        return every[:, list(numbers)]

    return source


def walked(problem: Problem, numbers: Numbers, step: Step = Euler(eta=1.0)) -> Tensor:
    return final(walk(problem, SIGMAS, step, noise=noise_of(numbers), churn=2.0, resamples=2)).x


def alone(table: Lineup, place: int, numbers: Numbers) -> Tensor:
    """A stem and the rest by the two-stem separator on a duet, begun as the extractor begins."""
    told = duet(table, table.prompts[place])
    problem = dataclasses.replace(Dirac("residual")(told, MIXTURE), start=At(halves(by_power(table, MIXTURE), MIXTURE, place)))
    return walked(problem, numbers)


def test_the_extractor_is_the_two_stem_problem_of_each_target(table: Lineup) -> None:
    problem = Extractor()(table, MIXTURE)
    x = walked(problem, tuple(range(8)))
    for place in range(4):
        pair = alone(table, place, (2 * place, 2 * place + 1))
        torch.testing.assert_close(x[:, 2 * place : 2 * place + 2], pair, rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(problem.answer(x)[:, place], pair[:, 0], rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(pair.sum(1), MIXTURE, rtol=0, atol=1e-12)


@pytest.mark.parametrize("place", range(4))
def test_gains_in_the_flow_limit_are_amplitudes(table: Lineup, place: int) -> None:
    """s/(s + s_rest) instead of the powers' ratio: the law of the Dirac rule for two stems, without guidance."""
    told = table.told(dict(zip(STEMS, table.prompts, strict=True)), guidance=Guidance(1.0))
    problem = Extractor()(told, torch.ones(1, 1, 1, dtype=torch.float64))
    silent = lambda draw, shape: torch.zeros(shape, dtype=torch.float64)  # noqa: E731
    x = final(walk(problem, log_linear(150, 1e-4, 50.0), Heun(), noise=silent)).x
    levels = [0.10, 0.20, 0.05, 0.08]
    own, rest = levels[place], math.sqrt(sum(level**2 for level in levels) - levels[place] ** 2)
    assert problem.answer(x)[0, place].item() == pytest.approx(own / (own + rest), rel=0.01)


def test_prompts_of_the_extractor(table: Lineup) -> None:
    """Each stem, and all others in one prompt; negatives of those stems that have one; all in one forward pass a step."""
    problem = Extractor()(separating(table), MIXTURE)
    final(walk(problem, SIGMAS, Euler(), noise=noise_of(tuple(range(8)))))
    rests = ("Drums, Guitar, Piano", "Bass, Guitar, Piano", "Bass, Drums, Piano", "Bass, Drums, Guitar")
    pairs = tuple(text for pair in zip(("Bass", "Drums", "Guitar", "Piano"), rests, strict=True) for text in pair)
    negatives = ("Drums", None, "Bass", None, None, None, None, None)
    assert table.calls == [pairs + negatives] * 8


def test_the_extractor_s_stems_do_not_sum_to_the_mixture_but_the_separator_s_do(table: Lineup) -> None:
    apart = Extractor()(table, MIXTURE)
    extracted = apart.answer(walked(apart, tuple(range(8))))
    separated = walked(Dirac("drums")(separating(table), MIXTURE), (0, 1, 2, 3))
    torch.testing.assert_close(separated.sum(1), MIXTURE, rtol=0, atol=1e-12)
    assert (extracted.sum(1) - MIXTURE).square().mean() > 0.01 * MIXTURE.square().mean()


def separated(table: Lineup, anchor: str) -> Tensor:
    problem = Dirac(anchor)(separating(table), MIXTURE)
    return walked(dataclasses.replace(problem, start=At(by_power(table, MIXTURE))), (0, 1, 2, 3))


@pytest.mark.parametrize("extracted", [(), ("bass",), ("piano", "bass"), ("bass", "guitar", "piano"), STEMS])
@pytest.mark.parametrize("anchor", ["drums", "guitar"])
def test_the_ensemble_has_each_stem_from_where_it_was_chosen(table: Lineup, extracted: tuple[str, ...], anchor: str) -> None:
    problem = Ensemble(extracted, anchor)(separating(table), MIXTURE)
    found = problem.answer(walked(problem, tuple(range(4 + 2 * len(extracted)))))
    assert found.shape == (2, 4, 1, 5)
    others = separated(table, anchor)
    for place, name in enumerate(STEMS):
        first = 4 + 2 * extracted.index(name) if name in extracted else 0
        wanted = alone(table, place, (first, first + 1))[:, 0] if name in extracted else others[:, place]
        torch.testing.assert_close(found[:, place], wanted, rtol=1e-9, atol=1e-12)
    whole = torch.allclose(found.sum(1), MIXTURE, rtol=0, atol=1e-9)
    assert whole == (not extracted)


def test_the_ensemble_s_anchor_is_by_default_the_loudest(table: Lineup) -> None:
    own, drums = (walked(Ensemble((), anchor)(table, MIXTURE), (0, 1, 2, 3)) for anchor in (None, "drums"))
    assert torch.equal(own, drums)
    assert not torch.allclose(own, walked(Ensemble((), "piano")(table, MIXTURE), (0, 1, 2, 3)))


def test_shares_at_the_start_are_of_power_and_sum_to_the_mixture(table: Lineup) -> None:
    parts = by_power(table, MIXTURE)
    total = 0.06**2 + 0.07**2 + 0.05**2 + 0.05**2
    torch.testing.assert_close(parts[:, 1], MIXTURE * 0.07**2 / total, rtol=1e-6, atol=0)
    torch.testing.assert_close(parts.sum(1), MIXTURE, rtol=1e-6, atol=1e-9)
    pair = halves(parts, MIXTURE, 1)
    torch.testing.assert_close(pair[:, 0], parts[:, 1])
    torch.testing.assert_close(pair.sum(1), MIXTURE)


# by name, and in a studio


def test_settings_name_them_and_an_ensemble_walks_as_the_separator() -> None:
    settings = Settings(likelihood="ensemble", anchor="drums", extracted=("bass",), extractor=sw.Sampling(7, 1.0, 0.1))
    rule = own_likelihood(settings)
    assert rule == Ensemble(("bass",), "drums")
    assert own_likelihood(Settings(likelihood="ensemble")) == Ensemble((), None)
    assert own_likelihood(Settings(likelihood="extractor")) == Extractor()
    assert own_sampling(settings, Extractor()) == settings.extractor
    assert own_sampling(settings, rule) == settings.dirac != settings.extractor


@pytest.mark.parametrize("rule", [Extractor(), Ensemble(("bass", "guitar"), "drums")], ids=["extractor", "ensemble"])
@pytest.mark.parametrize("draws", [1, 2])
def test_songs_are_taken_apart_in_stereo_at_their_own_rate(text_studio: Studio, rule: Extractor, draws: int) -> None:
    song = 0.1 * torch.randn(2, 9001, generator=torch.Generator().manual_seed(1))
    sampler = Sampler.of(dataclasses.replace(text_studio.config.settings.extractor, draws=draws))
    masked, direct = (
        text_studio.separate(song, rate=44100, likelihood=rule, sampler=sampler, share=share, seed=2)
        for share in (sw.masked, sw.direct)
    )
    assert masked.audio.shape == direct.audio.shape == (4, 2, 9001)
    torch.testing.assert_close(masked.mixture, song, atol=1e-5, rtol=0)
    assert not torch.allclose(direct.mixture, song, atol=1e-2)
    rest = text_studio.separate(song, rate=44100, likelihood=rule, sampler=sampler, share=sw.direct, residual=True, seed=2)
    torch.testing.assert_close(rest.mixture, song, atol=1e-5, rtol=0)


# refusals


@pytest.mark.parametrize("rule", [Extractor(), Ensemble()])
def test_models_that_are_not_told_in_words_cannot(tiny_model: Model, rule: Extractor) -> None:
    with pytest.raises(ModelError, match=r"tiny is not told in words what sounds, as the e\w+ needs; use one such as"):
        rule(tiny_model, MIXTURE)


@pytest.mark.parametrize("rule", [Extractor(), Ensemble(("bass",))])
def test_one_stem_has_no_rest(table: Lineup, rule: Extractor) -> None:
    with pytest.raises(ModelError, match="name what else sounds"):
        rule(table.told({"bass": "bass"}), MIXTURE)


def test_stems_and_anchors_that_are_not_there(table: Lineup) -> None:
    with pytest.raises(UsageError, match="got 'flute' to extract; expected some of bass, drums, guitar, piano"):
        Ensemble(("bass", "flute"))(table, MIXTURE)
    with pytest.raises(UsageError, match="got anchor 'flute'"):
        Ensemble(("bass",), "flute")(table, MIXTURE)


@pytest.mark.parametrize("rule", [Extractor(), Ensemble(("guitar", "bass"), "drums")], ids=["extractor", "ensemble"])
def test_they_begin_where_settings_say(table: Lineup, rule: Extractor) -> None:
    """Pairs at a stem and what it leaves of the mixture; answered as they were begun."""
    parts = torch.arange(40, dtype=torch.float64).view(2, 4, 1, 5)
    started = begun(rule(separating(table), MIXTURE), parts)
    state = started.start(torch.zeros(started.shape), torch.tensor(1.0))
    torch.testing.assert_close(started.answer(state), parts, rtol=0, atol=0)
    for first in range(0 if isinstance(rule, Extractor) else 4, state.shape[1], 2):
        torch.testing.assert_close(state[:, first : first + 2].sum(1), MIXTURE, rtol=0, atol=1e-12)


def test_a_start_of_another_state_is_refused(table: Lineup) -> None:
    problem = dataclasses.replace(Extractor()(table, MIXTURE), enter=everything)
    with pytest.raises(ModelError, match="a start of 4 stems, but this likelihood walks with 8 signals"):
        begun(problem, torch.zeros(2, 4, 1, 5))


def test_guidance_of_extraction_and_separation_are_their_own(table: Lineup) -> None:
    """An ensemble's separator has the former, its extractor the latter."""
    text = dataclasses.replace(table.config.text, separate=Prompting(3.0, negatives=(("piano", "Drums"),)))
    table.config = dataclasses.replace(table.config, text=text)
    problem = Ensemble(("bass",), "drums")(separating(table), MIXTURE)
    final(walk(problem, SIGMAS[-2:], Euler(), noise=noise_of(tuple(range(6)))))
    names = ("Bass", "Drums", "Guitar", "Piano")
    assert table.calls == [(*names, None, None, None, "Drums"), ("Bass", "Drums, Guitar, Piano", "Drums", None)]
