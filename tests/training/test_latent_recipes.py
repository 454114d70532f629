"""Every recipe of a model over latents, read as the command line reads it, at full size but without memory or codecs."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
import yaml

from stemweave.adapters.msldm import MSLDM, MSLDM_LARGE, SOURCE_VAE
from stemweave.diffusion.loss import LogNormal, Uniform
from stemweave.model.codec import Codec, CodecConfig
from stemweave.model.config import ModelConfig, build
from stemweave.nets.dit import LatentTransformerConfig
from stemweave.tasks.accompany import learned, own_conditioning, replacement
from stemweave.tasks.coupled import own_coupling
from stemweave.tasks.likelihoods import Dirac, own_likelihood, own_sampling
from stemweave.tasks.sampler import Sampler
from stemweave.training import module
from stemweave.training.latent_data import LatentCrops
from stemweave.training.module import StemTraining
from stemweave.training.run import StemCLI

FOLDER = Path(__file__).parents[2] / "recipes"
RECIPES = {path.stem: path for path in sorted(FOLDER.glob("*ldm*.yaml"))}
PUBLISHED = {"msldm-slakh2100": MSLDM, "msldm-large-slakh2100": MSLDM_LARGE}
OURS = ["isldm-band", "mixldm-band", "msldm-band"]

pytestmark = pytest.mark.filterwarnings("ignore")


def codec_of(folder: Path) -> Codec:
    """The codec that a recipe of codecs makes in that folder, without weights."""
    recipe = yaml.safe_load((FOLDER / f"{folder.name}.yaml").read_text())
    assert recipe["average"]["folder"] == str(folder)
    return Codec(build(CodecConfig, recipe["model"]["config"], folder.name))


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """A recipe's training and data as the command line makes them."""

    @cache
    def make(name):
        with pytest.MonkeyPatch.context() as patch, torch.device("meta"):
            patch.setattr(module, "load_codec", codec_of)
            patch.chdir(tmp_path_factory.mktemp(name))
            return StemCLI(["--config", str(RECIPES[name])], run=False)

    return make


def test_all_are_here():
    assert set(RECIPES) == {*PUBLISHED, *OURS, "msldm-linear-band"}


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_a_model_that_can_be_trained_and_used(read, name):
    cli = read(name)
    config, data = cli.model.model.config, cli.datamodule
    assert isinstance(cli.model, StemTraining)
    assert isinstance(data, LatentCrops)
    assert config.name == name
    assert ModelConfig.from_json(config.to_json()) == config
    assert data.length == config.frames(config.window) == config.frames(config.window + 1) - 1
    assert config.codec.name == Path(data.codec).name
    for settings in (config.settings, config.best):
        assert own_coupling(settings)
        for sampling in (settings.generate, settings.accompany, own_sampling(settings, own_likelihood(settings))):
            assert Sampler.of(sampling).total == sampling.steps
            assert (sampling.sigma_min, sampling.sigma_max) == (cli.model.noise.low, cli.model.noise.high)
    trained = {name for name, value in cli.model.named_parameters() if value.requires_grad}
    assert trained == {name for name, _ in cli.model.named_parameters() if name.startswith("model.net.")}


@pytest.mark.parametrize("name", OURS)
def test_ours_are_of_one_size(read, name):
    model = read(name).model.model
    assert isinstance(model.config.net, LatentTransformerConfig)
    assert model.config.sigma_data == 0.5
    each = list(getattr(model.net, "experts", [model.net]))
    size = sum(parameter.numel() for parameter in each[0].parameters())
    told = f"{size:,}".replace(",", " ")
    assert (f"{len(each)} x {told}" if len(each) > 1 else told) in RECIPES[name].read_text()
    assert 3.7e6 < size * len(each) < 4.3e6


def test_ours_hear_what_they_are_said_to(read):
    heard = {name: read(name).model.model.config for name in OURS}
    assert {name: config.stems for name, config in heard.items()} == {
        "isldm-band": MSLDM.stems, "mixldm-band": ("band",), "msldm-band": MSLDM.stems,
    }  # fmt: skip
    assert [name for name, config in heard.items() if config.hears_stems and len(config.stems) > 1] == ["msldm-band"]
    assert own_conditioning(heard["msldm-band"].settings) is learned
    assert read("msldm-band").model.shares.weights == (0.5, 0.5, 0, 0)
    assert isinstance(read("msldm-band").model.noise, LogNormal)
    assert [name for name, config in heard.items() if not config.joint] == ["isldm-band"]


def test_the_model_that_takes_songs_apart_is_a_prior_over_the_linear_codec(read):
    cli, codec = read("msldm-linear-band"), codec_of(Path(".work/models/sourcevae-linear-band"))
    config, net = cli.model.model.config, codec.config.net
    assert (net.latent, net.passed) == (config.net.latents, config.net.latents), "every latent is straight"
    assert cli.model.shares.weights == (1, 0, 0, 0)
    assert own_conditioning(config.settings) is replacement
    assert own_likelihood(config.settings) == Dirac()
    size = sum(parameter.numel() for parameter in cli.model.model.net.parameters())
    assert f"{size:,}".replace(",", " ") in RECIPES["msldm-linear-band"].read_text()


def test_the_embedded_model_is_small_with_its_codec(read):
    model = read("msldm-band").model.model
    assert sum(parameter.numel() for parameter in model.parameters()) <= 6e6


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_paper_s_recipes_are_the_published_models(read, name):
    cli, published = read(name), PUBLISHED[name]
    config = cli.model.model.config
    assert replace(config, name=published.name, codec=SOURCE_VAE, trained_on=published.trained_on) == published
    assert cli.model.noise == Uniform(0.01, 3.0)
    assert config.codec.net == SOURCE_VAE.net
    assert (config.codec.mean, config.codec.std) == ((), ())
    assert own_conditioning(config.settings) is replacement
    assert config.frames(config.window) % config.net.grain == 0
    size = sum(parameter.numel() for parameter in cli.model.model.net.parameters())
    assert f"{size:,}".replace(",", " ") in RECIPES[name].read_text()


def test_the_page_s_commands_put_things_where_the_recipe_takes_them():
    recipe = yaml.safe_load(RECIPES["msldm-band"].read_text())
    page = (FOLDER.parent / "docs" / "msldm.md").read_text()
    latents = Path(recipe["data"]["init_args"]["train"]).parent
    assert f"preprocess latents .work/cache -n {recipe['model']['codec']} -o {latents}\n" in page
    assert f"-o {recipe['model']['codec']} --overwrite\n" in page
