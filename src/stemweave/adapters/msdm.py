"""The published models of 2302.02257: a joint one (MSDM), and one per stem ("weakly supervised", ISDM)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from stemweave.adapters.containers import Container, Watch, came_from, lightning
from stemweave.adapters.unets import state_of
from stemweave.errors import ModelError
from stemweave.model.config import ModelConfig, Sampling, Settings
from stemweave.model.model import Model
from stemweave.nets import unet1d
from stemweave.nets.unet1d import UNet1d

SEPARATE = Sampling(150, 1.0, 1e-4, churn=20.0, resamples=2)
PUBLISHED = Settings(
    generate=Sampling(150, 20.0, 1e-4, churn=20.0),
    accompany=Sampling(256, 20.0, 1e-4, churn=10.0),
    conditioning="replacement",
    likelihood="dirac",
    anchor="bass",
    dirac=SEPARATE,
    gaussian=replace(SEPARATE, churn=40.0),
    even=SEPARATE,
    posterior_mean=Sampling(18, 1.0, 1e-4, solver="heun"),
)
"""Sampling as released. The last two rules are ours: even as Dirac's, the posterior mean as our oracle found it right."""

MSDM = ModelConfig(
    name="msdm",
    stems=("bass", "drums", "guitar", "piano"),
    rate=22050,
    window=2**18,
    net=unet1d.MSDM,
    sigma_data=0.2,
    levels=(0.0265,) * 4,
    mixture_level=0.0,
    settings=PUBLISHED,
    best=PUBLISHED,
    trained_on="Slakh2100, by the authors of arXiv 2302.02257",
)
"""One network over four stems, songs at their own level. Levels: the waveforms' standard deviation in MSLDM's code."""

WEAK = replace(PUBLISHED, dirac=replace(SEPARATE, churn=40.0))
ISDM = replace(MSDM, name="isdm", net=unet1d.ISDM, joint=False, settings=WEAK, best=WEAK)
"""Four networks, each over one stem."""

RUNS: Mapping[str, str] = {
    "laced-dream-329": "bass",
    "ancient-voice-289": "drums",
    "honest-fog-332": "guitar",
    "ruby-dew-290": "piano",
}
"""The folders of the one-stem files as published, and the stem of each."""


def convert(config: ModelConfig, files: Sequence[Path], watch: Watch = int) -> Model:
    """A model of ours from published files: one, or one for each stem in the configuration's order.

    Its configuration says where it comes from. The tensors stay in the files until they are used or written. Raises ModelError
    for a file that is damaged, unsafe or another network's, that was published for another stem, or that is given twice.
    """
    check_runs(config, files)
    with torch.device("meta"):
        model = Model(config)
    nets = [module for module in model.modules() if isinstance(module, UNet1d)]
    containers: list[Container] = []
    for net, path in zip(nets, files, strict=True):
        container = lightning(path, watch)
        if twin := next((other for other in containers if other.sha256 == container.sha256), None):
            raise ModelError(f"{twin.path} and {path} hold the same; expected one file for each stem")
        net.load_state_dict(state_of(container, net, config.sigma_data), assign=True)
        containers.append(container)
    steps = max(container.steps for container in containers)
    model.config = replace(config, trained_on=came_from(config.trained_on, *containers), steps_trained=steps)
    return model


def check_runs(config: ModelConfig, files: Sequence[Path]) -> None:
    """Raises ModelError when a file lies in the folder of another stem."""
    if config.joint:
        return
    for stem, path in zip(config.stems, files, strict=True):
        for run in RUNS.keys() & set(path.absolute().parts):
            if RUNS[run] != stem:
                raise ModelError(f"{path} was published for {RUNS[run]}, but is given as {stem}; give each as NAME=FILE")
