"""Every recipe of a model of text, read as the command line reads it, at full size but without memory or text models."""

from functools import cache
from pathlib import Path

import pytest
import torch

from stemweave.model import texted
from stemweave.model.config import ModelConfig
from stemweave.nets.text import Words
from stemweave.nets.unet1d import UNet1d, UNet1dConfig
from stemweave.tasks.accompany import own_conditioning
from stemweave.tasks.coupled import own_coupling
from stemweave.tasks.likelihoods import own_likelihood, own_sampling
from stemweave.tasks.sampler import Sampler
from stemweave.training import sound_data
from stemweave.training.run import StemCLI
from stemweave.training.text_data import Jamendo, SubMixtures
from stemweave.training.text_module import TextTraining

RECIPES = {path.stem: path for path in sorted((Path(__file__).parents[2] / "recipes").glob("gmsdi-*.yaml"))}
PAPER = ["gmsdi-jamendo", "gmsdi-slakh2100"]


pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """A recipe's training and data as the command line makes them, and the text models that they asked for and did not get."""

    @cache
    def make(name):
        asked = []
        command = ["--config", str(RECIPES[name])]
        with pytest.MonkeyPatch.context() as patch, torch.device("meta" if name in PAPER else "cpu"):
            patch.setattr(texted, "reader", lambda config: asked.append(config.reader) or Words(("bass", "drums")))
            patch.setattr(sound_data, "clap", asked.append)
            patch.chdir(tmp_path_factory.mktemp(name))
            return StemCLI(command, run=False), asked

    return make


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_a_model_that_can_be_made_and_used(read, name):
    cli, _ = read(name)
    config, settings = cli.model.model.config, cli.model.model.config.settings
    assert isinstance(cli.model, TextTraining)
    assert config.name == name
    assert config.text
    assert ModelConfig.from_json(config.to_json()) == config
    likelihood = own_likelihood(settings)
    for sampling in (settings.generate, settings.accompany, own_sampling(settings, likelihood)):
        assert Sampler.of(sampling).total == sampling.steps
    assert own_coupling(settings)
    assert own_conditioning(settings)
    assert {settings.anchor, *settings.extracted} - {""} <= set(config.stems)
    jobs = (config.text.generate, config.text.accompany, config.text.separate, config.text.extract)
    assert {stem for job in jobs for stem, _ in job.negatives} <= set(config.stems)
    data = getattr(cli.datamodule, "mixtures", cli.datamodule)
    assert data.length == config.window
    assert getattr(data, "rate", config.rate) == config.rate


@pytest.mark.parametrize("name", PAPER)
def test_the_paper_s_recipes_are_of_its_scale(read, name):
    cli, asked = read(name)
    config = cli.model.model.config
    assert config.net == UNet1dConfig(1, context=512)
    (net,) = (module for module in cli.model.model.modules() if isinstance(module, UNet1d))
    assert sum(parameter.numel() for parameter in net.parameters()) == 493_118_364
    assert "493 118 364 parameters" in RECIPES[name].read_text()
    assert config.window % config.net.grain == 0
    assert asked[-1] == config.text.reader


def test_the_small_published_network_is_as_large_as_its_recipe_says_and_learns_from_labels_alone(read):
    cli, _ = read("gmsdi-unet-band")
    numbers = sum(parameter.numel() for parameter in cli.model.model.net.parameters())
    assert f"{numbers:,} parameters".replace(",", " ") in RECIPES["gmsdi-unet-band"].read_text()
    assert isinstance(cli.datamodule, SubMixtures)
    assert cli.datamodule.folders["train"][1] is None
    assert (cli.model.spectrum, cli.model.presence, cli.model.spectra) == (0, 0, 0)


def test_what_is_said_in_training_is_said_by_the_model_s_own_reader(read):
    cli, (source, reader) = read("gmsdi-jamendo")
    assert source == reader.source
    assert (cli.model.model.config.window / 22050, type(cli.datamodule.mixtures)) == (pytest.approx(24, abs=0.5), Jamendo)
    cli, _ = read("gmsdi-slakh2100")
    assert isinstance(cli.datamodule, SubMixtures)
    assert cli.datamodule.folders["train"][1] is None, "labels only"
