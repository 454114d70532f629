"""The model inside the package: there, small, documented, and better than doing nothing."""

import dataclasses
import runpy
import sys
from pathlib import Path

import pytest
import torch

import stemweave as sw
from stemweave.evaluation.measures.separation import active_scores
from stemweave.model.checkpoint import WEIGHTS, build_model, embedded, load_weights, read_config
from stemweave.tasks.likelihoods import LIKELIHOODS, own_likelihood
from stemweave.tasks.presets import gmsdi
from stemweave.tasks.sampler import Sampler

ROOT = Path(__file__).parents[1]
SONG = ROOT / "examples" / "song"
LARGEST = {"band": 20e6}
"""Bytes of weights; others at most 12 MB."""


@pytest.mark.parametrize("name", sorted(embedded()))
def test_every_embedded_model_has_a_card_and_a_licence(name: str) -> None:
    folder = embedded()[name]
    config = read_config(folder)
    card = (folder / "README.md").read_text()
    assert config.name == name
    assert config.licence
    assert config.licence in card
    assert config.trained_on
    load_weights(build_model(config), folder)
    assert (folder / WEIGHTS).stat().st_size < LARGEST.get(name, 12e6)


def test_the_example_song_comes_apart() -> None:
    """Well above the song itself, stem for stem; the figures proper are in docs/results.md."""
    truth = sw.Stems.read(SONG)
    stems = sw.load(device="cpu").separate(truth.mixture, rate=truth.rate, seed=0)
    order = torch.stack([truth[name] for name in stems])
    gains = active_scores(stems.audio, order, truth.rate).improvement.nanmean(0)
    assert gains.nanmean() > 4
    assert gains[~gains.isnan()].min() > 0
    error = (stems.mixture - truth.mixture).square().mean() / truth.mixture.square().mean()
    assert 10 * error.log10() < -80


def test_the_example_song_comes_apart_by_names() -> None:
    """By a model that never heard a stem alone; better than the song itself, and the stems sum to it."""
    truth = sw.Stems.read(SONG)
    prompts = {"low": "bass", "kit": "drums", "strings": "guitar", "keys": "piano"}
    stems = sw.load("gmsdi-band", device="cpu").told(prompts).separate(truth.mixture, rate=truth.rate, seed=0)
    assert tuple(stems) == tuple(prompts)
    order = torch.stack([truth[name] for name in prompts.values()])
    gains = active_scores(stems.audio, order, truth.rate).improvement.nanmean(0)
    assert gains.nanmean() > 1
    error = (stems.mixture - truth.mixture).square().mean() / truth.mixture.square().mean()
    assert 10 * error.log10() < -80


def test_one_sound_comes_out_by_its_name_and_what_it_leaves_is_the_rest() -> None:
    truth = sw.Stems.read(SONG)
    made = sw.load("gmsdi-band", device="cpu").extract(truth.mixture, "drums", rate=truth.rate, seed=0)
    assert tuple(made) == ("target",)
    assert made.residual is not None
    assert (made["target"] + made.residual - truth.mixture).abs().max() < 1e-4
    drums = torch.stack((truth["drums"], truth.mixture - truth["drums"]))
    assert active_scores(torch.stack((made["target"], made.residual)), drums, truth.rate).improvement[:, 0].nanmean() > 0


@pytest.mark.parametrize("name", sorted(embedded()))
def test_it_plays_along_to_the_example_song(name: str) -> None:
    truth = sw.Stems.read(SONG)
    drums = truth["drums"][:, : 3 * truth.rate]
    made = sw.load(name, device="cpu").accompany({"drums": drums}, rate=truth.rate, seed=7)
    assert torch.equal(made["drums"], drums)
    assert any(present for stem, present in made.presence.items() if stem != "drums")


@pytest.mark.parametrize("likelihood", sorted(set(LIKELIHOODS) - {"learned"}))
def test_every_likelihood_walks_as_the_model_has_it(likelihood: str) -> None:
    truth = sw.Stems.read(SONG)
    studio = sw.load("gmsdi-band", device="cpu")
    rule = own_likelihood(dataclasses.replace(studio.config.settings, likelihood=likelihood))
    made = studio.separate(truth.mixture[:, : 2 * truth.rate], rate=truth.rate, likelihood=rule, seed=0)
    assert (made.audio.square().mean((1, 2)) > 0).all()
    torch.testing.assert_close(made.mixture, truth.mixture[:, : 2 * truth.rate], atol=1e-4, rtol=0)


def test_the_papers_separator_finds_every_stem() -> None:
    """Begun at silence with the noise of a walk that begins at the song, all of the song would be the constrained stem's."""
    truth = sw.Stems.read(SONG)
    studio = sw.load("gmsdi-band", device="cpu")
    paper = gmsdi(studio.model)
    few = Sampler.of(dataclasses.replace(paper.config.settings.dirac, steps=8))
    made = dataclasses.replace(studio, model=paper).separate(
        truth.mixture[:, : 4 * truth.rate], rate=truth.rate, sampler=few, seed=0
    )
    levels = 10 * made.audio.square().mean((1, 2)).log10()
    assert levels.min() > 10 * made.mixture.square().mean().log10() - 30


@pytest.mark.parametrize("name", sorted(embedded()))
def test_what_it_invents_sounds(name: str) -> None:
    band = sw.load(name, device="cpu").generate(3, seed=7)
    assert band.mixture.square().mean().sqrt() > 10 ** (-50 / 20)
    assert band.mixture.abs().max() < 2
    assert any(band.presence.values())


@pytest.mark.slow
def test_the_five_lines_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["five_lines.py", str(tmp_path)])
    runpy.run_path(str(ROOT / "examples" / "five_lines.py"))
    for job in ("band", "more", "stems"):
        assert {path.stem for path in (tmp_path / job).iterdir()} == {"bass", "drums", "guitar", "piano", "mix"}
