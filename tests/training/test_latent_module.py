"""Training over latents: what may be heard, a codec that stays as it is, and that given stems are listened to."""

import dataclasses
from pathlib import Path

import lightning as L
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from stemweave.diffusion.loss import Uniform
from stemweave.errors import ModelError, UsageError
from stemweave.model.checkpoint import load, save
from stemweave.model.codec import Codec
from stemweave.model.config import ModelConfig
from stemweave.model.model import Model
from stemweave.nets.dit import LatentTransformerConfig
from stemweave.training.callbacks import ExportAverage
from stemweave.training.conditions import Shares
from stemweave.training.module import StemTraining

HALVES = Shares(0.5, 0.5, 0.0, 0.0)
QUIET = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False, "accelerator": "cpu"}


@pytest.fixture(name="codec")
def make_codec(token_model: Model, tmp_path: Path) -> Path:
    """Another codec than the one in the model's configuration: other statistics, other weights."""
    assert token_model.config.codec is not None
    config = dataclasses.replace(token_model.config.codec, name="measured", mean=(0.5, 0.0, 0.25), std=(2.0, 1.0, 0.1))
    torch.manual_seed(7)
    save(Codec(config), tmp_path / "measured", precision=torch.float32)
    return tmp_path / "measured"


def make_training(config: ModelConfig, **settings: object) -> StemTraining:
    torch.manual_seed(0)
    return StemTraining(config, **({"shares": HALVES} | settings))  # type: ignore[arg-type]


def batches(count: int, size: int = 8) -> DataLoader[tuple[torch.Tensor, ...]]:
    """Latents in which the second stem is the first, and the others are their own."""
    latents = torch.randn(count * size, 4, 3, 8, generator=torch.Generator().manual_seed(0))
    latents[:, 1] = latents[:, 0]
    return DataLoader(TensorDataset(latents, torch.ones(count * size, 4, dtype=torch.bool)), size)


def trainer(place: Path, steps: int, **more: object) -> L.Trainer:
    average = ExportAverage(place / "model", decay=0.7)
    often = {"val_check_interval": steps, "check_val_every_n_epoch": None, "num_sanity_val_steps": 0}
    return L.Trainer(max_steps=steps, callbacks=[average], default_root_dir=place, **(QUIET | often | more))  # type: ignore[arg-type]


def test_shares_are_of_what_the_network_hears(token_model: Model, latent_model: Model, tiny_model: Model) -> None:
    for shares in (Shares(), Shares(1, 0, 1, 0), Shares(1, 0, 0, 1)):
        with pytest.raises(ModelError, match="tokens cannot be given mixtures: its shares of mixture and both must be 0"):
            make_training(token_model.config, shares=shares)
    with pytest.raises(ModelError, match="latent cannot be given stems: its share of given must be 0"):
        make_training(latent_model.config)
    make_training(latent_model.config, shares=Shares(1, 0, 0, 0))
    make_training(tiny_model.config, shares=Shares())


def test_noise_levels_as_published_end_above_nothing() -> None:
    drawn = Uniform(0.01, 3.0)(torch.tensor([0.0, 0.5, 1.0]))
    torch.testing.assert_close(drawn, torch.tensor([0.01, 1.505, 3.0]))
    for low, high in ((0.0, 3.0), (-1.0, 3.0), (3.0, 3.0)):
        with pytest.raises(UsageError, match=f"got noise levels from {low} to {high}; expected 0 < low < high"):
            Uniform(low, high)


def test_the_codec_becomes_the_model_s_own(token_model: Model, codec: Path) -> None:
    config = dataclasses.replace(token_model.config, codec=None)
    module = make_training(config, codec=codec)
    assert module.model.config.codec is not None
    assert (module.model.config.codec.name, module.model.config.codec.std) == ("measured", (2.0, 1.0, 0.1))
    assert not any(parameter.requires_grad for parameter in module.model.codec.parameters())
    assert all(parameter.requires_grad for parameter in module.model.net.parameters())
    assert make_training(token_model.config).model.config.codec == token_model.config.codec


def test_a_codec_that_does_not_fit_is_refused(token_model: Model, codec: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="tokens has 1 channels at 44100 Hz, but its codec measured 1 at 22050 Hz"):
        make_training(dataclasses.replace(token_model.config, codec=None, rate=44100), codec=codec)
    net = dataclasses.replace(token_model.config.net, latents=5)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=r"takes 4 x 5 signals, expected 4 x 3 .* codec measured"):
        make_training(dataclasses.replace(token_model.config, codec=None, net=net), codec=codec)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(ModelError, match=r"nothing holds no config\.json"):
        make_training(token_model.config, codec=tmp_path / "nothing")


def test_weights_to_start_from_leave_the_codec(token_model: Model, token_folder: Path, codec: Path) -> None:
    module, start = make_training(token_model.config, codec=codec, start_from=token_folder), load(token_folder)
    for name, value in module.model.net.state_dict().items():
        assert torch.equal(value, start.net.state_dict()[name]), name
    first = next(module.model.codec.parameters())
    assert not torch.equal(first, next(start.codec.parameters()))
    whole = make_training(token_model.config, start_from=token_folder)
    assert torch.equal(next(whole.model.codec.parameters()), next(start.codec.parameters()))


@pytest.mark.filterwarnings("ignore")
def test_the_exported_model_has_the_codec_as_it_was(token_model: Model, codec: Path, tmp_path: Path) -> None:
    """Nothing of it moves in training, nor in the average, nor where training resumes; and the folder makes sound."""
    module = make_training(dataclasses.replace(token_model.config, codec=None), codec=codec, warm_up=0, valid_sigmas=(0.5, 2.0))
    before = {name: value.clone() for name, value in module.model.state_dict().items()}
    first = trainer(tmp_path, 3)
    first.fit(module, batches(3), batches(1))
    assert {name for name in first.callback_metrics if name.startswith("valid/")} == {
        f"valid/{mode}-{level}" for mode in ("nothing", "given") for level in (0.5, 2.0)
    }
    optimised = {id(one) for group in first.optimizers[0].param_groups for one in group["params"]}
    assert optimised == {id(one) for one in module.model.net.parameters()}
    first.save_checkpoint(tmp_path / "last.ckpt")
    for name, value in module.model.codec.state_dict().items():
        assert torch.equal(value, before[f"codec.{name}"]), "here is the average now"
    again = make_training(dataclasses.replace(token_model.config, codec=None), codec=codec, warm_up=0)
    trainer(tmp_path, 5).fit(again, batches(5), batches(1), ckpt_path=tmp_path / "last.ckpt")
    exported = load(tmp_path / "model")
    assert exported.config.steps_trained == 5
    assert exported.config.codec is not None
    assert exported.config.codec.name == "measured"
    state = exported.state_dict()
    assert all(torch.equal(state[name], value) for name, value in before.items() if name.startswith("codec."))
    assert not torch.equal(state["net.leave.weight"], before["net.leave.weight"].bfloat16().float())
    audio = 0.1 * torch.randn(1, 4, 1, 200)
    assert exported.codec.decode(exported.codec.encode(audio), 200).square().mean() > 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_it_learns_what_given_stems_say(token_model: Model, tmp_path: Path) -> None:
    """The second stem is the first: with it given nothing is left to guess, without it the two tell of each other alone."""
    config = dataclasses.replace(token_model.config, net=LatentTransformerConfig(4, 3, 32, 1, 2, condition=8))
    module = make_training(config, warm_up=5, cool_down=40, rate_peak=1e-2, noise=Uniform(0.5, 3.0))
    trainer(tmp_path, 100).fit(module, batches(100, 16), batches(1))
    clean, _ = next(iter(batches(1, 256)))
    noise, level = torch.randn(clean.shape, generator=torch.Generator().manual_seed(3)), torch.tensor(1.0)
    with torch.no_grad():
        alone = module.model.prior()(clean + noise, level)
        told = module.model.given(clean, torch.tensor([True, False, False, False]))(clean + noise, level)
    errors = {name: (x - clean).square().mean((0, 2, 3)) for name, x in (("alone", alone), ("told", told))}
    torch.testing.assert_close(errors["alone"], torch.tensor([1 / 3, 1 / 3, 0.5, 0.5]), atol=0.1, rtol=0)
    assert errors["told"][1] < 0.25, "a third is what two noised copies leave"
