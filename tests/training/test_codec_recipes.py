"""Every recipe of a codec, read as the command line reads it, at full size but without memory."""

from functools import cache
from pathlib import Path

import pytest
import torch
import yaml

from stemweave.adapters.msldm import SOURCE_VAE
from stemweave.model.codec import CodecConfig
from stemweave.model.config import build
from stemweave.training.codec_data import SingleStems
from stemweave.training.codec_module import CodecTraining, Weights
from stemweave.training.rates import Rates
from stemweave.training.run import StemCLI

RECIPES = {path.stem: path for path in sorted((Path(__file__).parents[2] / "recipes").glob("sourcevae-*.yaml"))}

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """A recipe's training and data as the command line makes them."""

    @cache
    def make(name):
        with pytest.MonkeyPatch.context() as patch, torch.device("meta"):
            patch.chdir(tmp_path_factory.mktemp(name))
            return StemCLI(["--config", str(RECIPES[name])], run=False)

    return make


def size(net):
    return f"{sum(parameter.numel() for parameter in net.parameters()):,}".replace(",", " ")


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_a_codec_that_can_be_trained(read, name):
    cli, written = read(name), yaml.safe_load(RECIPES[name].read_text())
    assert isinstance(cli.model, CodecTraining)
    assert isinstance(cli.datamodule, SingleStems)
    config = cli.model.codec.config
    assert config == build(CodecConfig, written["model"]["config"], name)
    assert (config.name, config.stems, config.mean, config.std, config.linear) == (name, (), (), (), False)
    assert written["average"]["folder"] == f".work/models/{name}"
    assert f"{size(cli.model.codec)} parameters" in RECIPES[name].read_text()
    assert abs(cli.datamodule.length / config.rate - 1) < 0.05, "chunks of one second"


def test_the_published_recipe(read):
    """2409.06190 and its code, as methods.md has them."""
    cli = read("sourcevae-slakh2100")
    model, data = cli.model, cli.datamodule
    assert model.codec.config.net == SOURCE_VAE.net
    assert model.codec.config.rate == SOURCE_VAE.rate
    assert size(model.codec) == "61 050 402", "with weight norm"
    assert size(model.discriminators) == "42 519 760"
    assert model.weights == Weights(mel=15, waveform=0, feature=2, adversarial=1, kl=10)
    assert (model.adversarial_from, model.additive) == (0, 0)
    assert (model.clip, model.clip_discriminators) == (1000, 10)
    assert model.rates == Rates(5e-5, 0, 0, 0.01, (0.8, 0.99), 0.999996)
    assert (data.batch_size, data.length, data.changes["train"]) == (28, 22050, (0.0, False))


def test_ours_is_small_and_its_crops_fill_its_frames(read):
    cli = read("sourcevae-band")
    net = cli.model.codec.config.net
    assert (net.hop, net.latent) == (1024, 96)
    assert sum(parameter.numel() for parameter in cli.model.codec.parameters()) < 1_850_000
    assert sum(parameter.numel() for parameter in cli.model.discriminators.parameters()) < 1_000_000
    assert (cli.datamodule.length + net.lost) % net.hop == 0
    assert cli.model.adversarial_from > cli.trainer.max_steps, "none act, as the recipe says"
