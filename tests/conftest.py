"""What many tests share: one thread, and a tiny model that is quick and knows nothing."""

from pathlib import Path

import pytest
import torch

from stemweave.model.checkpoint import save
from stemweave.model.config import ModelConfig, Sampling
from stemweave.model.model import Model
from stemweave.nets.unet import UNetConfig
from stemweave.tasks.studio import Studio, load

torch.set_num_threads(1)

TINY = ModelConfig(
    name="tiny",
    stems=("bass", "drums", "guitar", "piano"),
    rate=22050,
    window=4096,
    net=UNetConfig(stems=4, hop=64, coefficients=48, widths=(64, 64), blocks=(1, 1), condition=16, bands=16),
    sigma_data=0.06,
    levels=(0.06, 0.07, 0.05, 0.05),
    generate=Sampling(3, 2.0, 1e-3),
    accompany=Sampling(3, 2.0, 1e-3),
    separate=Sampling(2, 2.0, 1e-3),
    licence="apache-2.0",
)


@pytest.fixture(scope="session")
def tiny_model() -> Model:
    """An untrained joint model of four stems; its answers are neither silent nor good."""
    torch.manual_seed(0)
    model = Model(TINY)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    return model.eval().requires_grad_(False)


@pytest.fixture(scope="session")
def tiny_folder(tiny_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model on disk."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save(tiny_model, folder)
    return folder


@pytest.fixture(scope="session")
def studio(tiny_folder: Path) -> Studio:
    """The tiny model, loaded as a user would."""
    return load(tiny_folder, device="cpu", precision="float32")
