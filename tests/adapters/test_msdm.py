"""The published models of 2302.02257: the recipe, and a model of ours from files of their form."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml

from stemweave.adapters import msdm
from stemweave.adapters.msdm import ISDM, MSDM, RUNS, convert
from stemweave.errors import ModelError
from stemweave.model.checkpoint import load, save
from stemweave.model.config import ModelConfig, build
from stemweave.model.model import Model


@pytest.fixture(name="joint")
def make_joint(small_unet):
    return replace(MSDM, net=small_unet, window=512)


@pytest.fixture(name="single")
def make_single(small_unet):
    return replace(ISDM, net=replace(small_unet, inputs=1), window=512)


def test_the_recipe_is_the_published_one():
    for config in (MSDM, ISDM):
        assert (config.stems, config.rate, config.window) == (("bass", "drums", "guitar", "piano"), 22050, 262_144)
        assert (config.sigma_data, config.channels, config.mixture_level) == (0.2, 1, 0)
        assert (config.hears_stems, config.hears_mixtures) == (False, False)
        assert ModelConfig.from_json(config.to_json()) == config
        assert config.window % config.net.grain == 0
        settings = config.settings
        assert (settings.likelihood, settings.anchor, settings.conditioning) == ("dirac", "bass", "replacement")
        assert [settings.dirac.steps, settings.dirac.sigma_max, settings.dirac.sigma_min, settings.dirac.resamples] == [
            150,
            1,
            1e-4,
            2,
        ]
        assert [settings.generate.steps, settings.generate.sigma_max, settings.generate.churn] == [150, 20, 20]
        assert [settings.accompany.steps, settings.accompany.sigma_max, settings.accompany.churn] == [256, 20, 10]
        assert settings.gaussian.churn == 40
    assert (MSDM.settings.dirac.churn, ISDM.settings.dirac.churn) == (20, 40)
    assert (MSDM.net.inputs, MSDM.joint, ISDM.net.inputs, ISDM.joint) == (4, True, 1, False)


def test_sizes_are_the_published_ones():
    with torch.device("meta"):
        sizes = [sum(parameter.numel() for parameter in Model(config).parameters()) for config in (MSDM, ISDM)]
    assert sizes == [405_497_700, 4 * 405_491_100]


def test_a_joint_model_round_trips(publish, joint, tmp_path):
    net = publish(tmp_path / "a=b.ckpt")
    model = convert(joint, [tmp_path / "a=b.ckpt"])
    save(model, tmp_path / "model", precision=torch.float32)
    back = load(tmp_path / "model")
    state = {name.removeprefix("net.net."): value for name, value in back.state_dict().items()}
    assert state.keys() == net.state_dict().keys()
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    sha256 = msdm.lightning(tmp_path / "a=b.ckpt").sha256
    assert back.config.trained_on == f"{joint.trained_on}; converted from a=b.ckpt (sha256 {sha256})"
    assert back.config == replace(joint, trained_on=back.config.trained_on, steps_trained=40)
    assert sha256 in (tmp_path / "model" / "README.md").read_text()


def test_the_model_evaluates_the_published_network(publish, joint, tmp_path):
    """D = c_skip x + c_out F(c_in x, ln σ / 4), with all stems as the network's channels."""
    net = publish(tmp_path / "x.ckpt")
    model = convert(joint, [tmp_path / "x.ckpt"])
    x, sigma, data = torch.randn(2, 4, 1, 512), torch.tensor(0.7), 0.2
    total = (sigma**2 + data**2).sqrt()
    with torch.no_grad():
        answer = net(x[:, :, 0] / total, (sigma.log() / 4).expand(2)).unsqueeze(2)
        denoised = model.prior()(x, sigma)
    torch.testing.assert_close(denoised, (data / total) ** 2 * x + sigma * data / total * answer)


def test_one_file_per_stem_in_the_stems_order(publish, single, tmp_path):
    files = [tmp_path / f"{stem}.ckpt" for stem in single.stems]
    nets = [publish(path, inputs=1, seed=seed) for seed, path in enumerate(files)]
    model = convert(single, files)
    for index, net in enumerate(nets):
        for name, value in net.state_dict().items():
            assert torch.equal(value, model.state_dict()[f"net.experts.{index}.net.{name}"])
    assert model.config.trained_on.count("sha256") == 4
    save(model, tmp_path / "model", precision=torch.float32)
    assert load(tmp_path / "model").config == model.config


def test_other_networks_are_refused(publish, joint, single, tmp_path):
    path = tmp_path / "x.ckpt"
    publish(path, inputs=1)
    with pytest.raises(ModelError, match=r"1 of its hyper_parameters differ, first in_channels: expected 4, found 1"):
        convert(joint, [path])
    publish(path, inputs=1, hyper_parameters={})
    with pytest.raises(ModelError, match=r"x\.ckpt is not this network: \d+ tensors differ, first to_in"):
        convert(joint, [path])
    publish(path, hyper_parameters={"attention_heads": 4, "factors": (2,), "diffusion_sigma_data": 0.2})
    with pytest.raises(ModelError, match="first attention_heads: expected 2, found 4"):
        convert(joint, [path])
    publish(path, hyper_parameters={"diffusion_sigma_data": 0.4})
    with pytest.raises(ModelError, match=r"first diffusion_sigma_data: expected 0\.2, found 0\.4"):
        convert(joint, [path])


def test_files_of_other_stems_are_refused(publish, single, tmp_path):
    files = [tmp_path / run / "epoch=1-valid_loss=0.1.ckpt" for run in RUNS]
    for seed, path in enumerate(files):
        publish(path, inputs=1, seed=seed)
    assert convert(single, files).config.joint is False
    with pytest.raises(ModelError, match="was published for drums, but is given as bass"):
        convert(single, sorted(files))
    shutil.copy(files[0], tmp_path / "copy.ckpt")
    with pytest.raises(ModelError, match="hold the same; expected one file for each stem"):
        convert(single, [files[0], tmp_path / "copy.ckpt", *files[2:]])


@pytest.mark.parametrize(("config", "name"), [(MSDM, "msdm"), (ISDM, "isdm")])
def test_the_recipes_train_what_was_published(config, name):
    """The same network, window, scale and sampling; the likelihoods that are ours, and the levels, are the converter's own."""
    text = (Path(__file__).parents[2] / "recipes" / f"{name}-slakh2100.yaml").read_text()
    recipe = yaml.safe_load(text)["model"]
    made = build(ModelConfig, recipe["config"], name)
    fields = ("stems", "rate", "window", "net", "sigma_data", "joint", "channels", "mixture_level")
    assert [getattr(made, field) for field in fields] == [getattr(config, field) for field in fields]
    for field in ("generate", "likelihood", "anchor", "dirac", "gaussian"):
        assert getattr(made.settings, field) == getattr(config.settings, field)
    assert recipe["shares"]["nothing"] == 1
    assert (recipe["noise"]["mean"], recipe["noise"]["std"], recipe["betas"]) == (-3.0, 1.0, [0.9, 0.99])
