"""The U-Net of a published Lightning file, checked against the one it should be."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from stemweave.adapters.containers import Container
from stemweave.adapters.names import ours, unet1d
from stemweave.errors import ModelError
from stemweave.nets.unet1d import UNet1d, UNet1dConfig


def state_of(container: Container, net: UNet1d, sigma_data: float) -> dict[str, Tensor]:
    """The state of `net` that the file holds. Raises ModelError when it is another network, or was trained as another."""
    check_settings(container, made_with(net.config) | {"diffusion_sigma_data": sigma_data})
    return ours(net, unet1d, container.tensors, str(container.path))


def made_with(net: UNet1dConfig) -> dict[str, Any]:
    """What audio-diffusion-pytorch is told to make this network."""
    return {
        "in_channels": net.inputs,
        "channels": net.width,
        "patch_factor": net.patch,
        "patch_blocks": 1,
        "resnet_groups": net.groups,
        "kernel_multiplier_downsample": 2,
        "multipliers": list(net.multipliers),
        "factors": list(net.factors),
        "num_blocks": list(net.blocks),
        "attentions": list(net.attention),
        "attention_heads": net.heads,
        "attention_features": net.head_width,
        "attention_multiplier": 2,
        "use_nearest_upsample": False,
        "use_skip_scale": True,
        "use_attention_bottleneck": True,
    }


def check_settings(container: Container, wanted: Mapping[str, Any]) -> None:
    """Raises ModelError, naming the first, where the file says that its network was made with something else."""
    found = {name: plain(container.made_with[name]) for name in wanted if name in container.made_with}
    if wrong := [name for name in found if found[name] != wanted[name]]:
        name = wrong[0]
        raise ModelError(
            f"{container.path} is not this network: {len(wrong)} of its hyper_parameters differ, first {name}: "
            f"expected {wanted[name]}, found {found[name]}"
        )


def plain(value: object) -> object:
    """Sequences as lists."""
    return list(value) if isinstance(value, tuple | list) else value
