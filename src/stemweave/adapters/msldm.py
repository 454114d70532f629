"""The published models of 2409.06190: a prior over four stems' latents (MSLDM, MSLDM-Large), and the codec of every stem."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from stemweave.adapters.containers import Container, Watch, came_from, generator, lightning
from stemweave.adapters.names import expected, ours, source_vae, unet1d
from stemweave.adapters.unets import state_of
from stemweave.errors import ModelError
from stemweave.model.checkpoint import load_codec
from stemweave.model.codec import Codec, CodecConfig
from stemweave.model.config import ModelConfig, Sampling, Settings
from stemweave.model.model import Model
from stemweave.nets import unet1d as nets
from stemweave.nets.sourcevae import SourceVAEConfig
from stemweave.nets.unet1d import UNet1d, UNet1dConfig

EVERY = Sampling(150, 3.0, 1e-2, churn=20.0)
PUBLISHED = Settings(
    generate=EVERY,
    accompany=EVERY,
    conditioning="replacement",
    likelihood="dirac",
    learned=EVERY,
    dirac=EVERY,
    gaussian=EVERY,
    even=EVERY,
    posterior_mean=EVERY,
)
"""Sampling as released, for generation and accompaniment; the released codec is not linear, so there is no separation."""

SOURCE_VAE = CodecConfig("sourcevae", 22050, SourceVAEConfig(), trained_on="Slakh2100, by the authors of arXiv 2409.06190")
"""Its latents are taken as they are, as the released models were trained on them."""

MSLDM = ModelConfig(
    name="msldm",
    stems=("bass", "drums", "guitar", "piano"),
    rate=22050,
    window=327_672,
    net=nets.MSLDM,
    sigma_data=0.4,
    codec=SOURCE_VAE,
    mixture_level=0.0,
    settings=PUBLISHED,
    best=PUBLISHED,
    trained_on=SOURCE_VAE.trained_on,
)
"""One network over four stems' latents, sounds at their own level; the window is 1024 frames."""

MSLDM_LARGE = replace(MSLDM, name="msldm-large", net=nets.MSLDM_LARGE)


def convert(file: Path, codec: Codec, sizes: Sequence[ModelConfig] = (MSLDM, MSLDM_LARGE), watch: Watch = int) -> Model:
    """A model of ours from a published Lightning file, of whichever size has as many tensors, and its codec.

    Its configuration says where it comes from. The network's tensors stay in the file until they are used or written. Raises
    ModelError for a file that is damaged, unsafe or of no such size, and a codec that does not fit the network or whose latents
    are not as they are.
    """
    if codec.config.mean or codec.config.std or codec.config.compand:
        raise ModelError(
            f"codec {codec.config.name} hands out whitened or companded latents; the published models walk over latents as "
            "they are: give the published codec, or the folder that `stemweave convert sourcevae` made of it"
        )
    container = lightning(file, watch)
    config = replace(size_of(container, sizes), codec=codec.config)
    with torch.device("meta"):
        model = Model(config)
    (net,) = (module for module in model.modules() if isinstance(module, UNet1d))
    net.load_state_dict(state_of(container, net, config.sigma_data), assign=True)
    model.codec = codec
    model.config = replace(config, trained_on=came_from(config.trained_on, container), steps_trained=container.steps)
    return model


def size_of(container: Container, sizes: Sequence[ModelConfig]) -> ModelConfig:
    """The configuration whose network has as many tensors as the file, or the first, which then says what differs."""
    return next((size for size in sizes if tensors_of(size.net) == len(container.tensors)), sizes[0])


def tensors_of(config: object) -> int:
    """How many tensors a published file of a network holds."""
    if not isinstance(config, UNet1dConfig):
        return 0
    with torch.device("meta"):
        return len(expected(UNet1d(config), unet1d))


def codec_of(path: Path, config: CodecConfig = SOURCE_VAE, watch: Watch = int) -> Codec:
    """The codec of a published file, or of a folder that one was converted to. Raises ModelError as both do."""
    return load_codec(path) if path.is_dir() else convert_codec(path, config, watch)


def convert_codec(file: Path, config: CodecConfig = SOURCE_VAE, watch: Watch = int) -> Codec:
    """A codec of ours from a published file, weight norm folded; its configuration says where it comes from.

    Raises ModelError for a file that is damaged, unsafe or another network's.
    """
    container = generator(file, watch)
    with torch.device("meta"):
        codec = Codec(config)
    codec.net.load_state_dict(ours(codec.net, source_vae, container.tensors, str(file)), assign=True)
    codec.config = replace(config, trained_on=came_from(config.trained_on, container))
    return codec
