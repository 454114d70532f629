"""What the published networks call the tensors of ours, and what shapes they have there.

One table per network, from our names to theirs: it says which tensors a published file must hold, and where each of ours is.
"""

import re
from collections.abc import Callable, Mapping
from math import prod

import torch
from torch import Tensor, nn

from stemweave.errors import ModelError
from stemweave.model.checkpoint import Shape, mismatch, shapes

Published = Callable[[str, Shape], dict[str, Shape]]
"""(our name, our shape) → the published tensors, by name, that hold it: itself, or a weight norm's g and v."""

UNET1D = (
    (r"^time\.rates", "to_time.0.0.weights"),
    (r"^time\.project", "to_time.0.1"),
    (r"^told\.0", "to_features.0"),
    (r"^mapping", "to_mapping"),
    (r"^enter", "to_in.module_list.0.block"),
    (r"^leave", "to_out.module_list.0.block"),
    (r"^(down|up)\.", r"\1samples."),
    (r"^bottom\.before", "bottleneck.pre_block"),
    (r"^bottom\.attention", "bottleneck.attention.fn"),
    (r"^bottom\.after", "bottleneck.post_block"),
    (r"\.shorten", ".downsample"),
    (r"\.lengthen", ".upsample"),
    (r"\.norm([12])\.", r".block\1.groupnorm."),
    (r"\.conv([12])\.", r".block\1.project."),
    (r"\.film\.", ".to_scale_shift.to_scale_shift.1."),
    (r"\.skip\.", ".to_out."),
    (r"\.hearing\.0", ".cross_attend.fn"),
    (r"\.fn\.norm_(in|context)\.weight", r".fn.norm_\1.g"),
    (r"\.transformers\.0\.attention", ".transformer.attention.fn"),
    (r"\.fn\.norm\.weight", ".fn.norm.g"),
    (r"\.fn\.query", ".fn.to_q"),
    (r"\.fn\.key_value", ".fn.to_kv"),
    (r"\.fn\.out\.", ".fn.attention.to_out.0."),
    (r"\.fn\.norm_out\.weight", ".fn.attention.to_out.1.g"),
    (r"\.transformers\.0\.feed_forward", ".transformer.feed_forward"),
    (r"\.feed_forward\.norm\.weight", ".feed_forward.0.g"),
    (r"\.feed_forward\.widen", ".feed_forward.1"),
    (r"\.feed_forward\.norm_wide\.weight", ".feed_forward.3.g"),
    (r"\.feed_forward\.narrow", ".feed_forward.4"),
)
"""`UNet1d` of audio-diffusion-pytorch 0.0.43: pattern in our name, replacement, applied in this order."""

SOURCE_VAE = ((r"\.(\d+)", r".block.\1"), (r"^decoder\.block", "decoder.model"))
"""The DAC-VAE of MSLDM."""


def renamed(name: str, rules: tuple[tuple[str, str], ...]) -> str:
    """A name after each rule in turn."""
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name


def unet1d(name: str, shape: Shape) -> dict[str, Shape]:
    """`Published` for `UNet1d`: feed-forward layers are convolutions over one position there."""
    if ".feed_forward." in name:
        shape = (*shape, 1) if len(shape) == 2 else (1, *shape, 1)
    return {renamed(name, UNET1D): shape}


def source_vae(name: str, shape: Shape) -> dict[str, Shape]:
    """`Published` for `SourceVAE`: every convolution has weight norm there."""
    known = renamed(name, SOURCE_VAE)
    if not name.endswith(".weight"):
        return {known: shape}
    return {f"{known}_g": (shape[0], 1, 1), f"{known}_v": shape}


def expected(net: nn.Module, published: Published) -> dict[str, Shape]:
    """Every tensor, by name, that a published file of this network holds."""
    known = (published(name, tuple(value.shape)) for name, value in net.state_dict().items())
    return {name: shape for parts in known for name, shape in parts.items()}


def ours(net: nn.Module, published: Published, tensors: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
    """Published tensors as the state of `net`. Raises ModelError where names or shapes are not exactly those expected."""
    check(expected(net, published), shapes(tensors), where)
    own = shapes(net.state_dict())
    return {name: folded([tensors[part] for part in published(name, shape)]).reshape(shape) for name, shape in own.items()}


def check(wanted: Mapping[str, Shape], found: Mapping[str, Shape], where: str) -> None:
    """Raises ModelError, naming the first difference, unless names and shapes agree."""
    if difference := mismatch(wanted, found):
        raise ModelError(f"{where} is not this network: {difference}; expected {counted(wanted)}, found {counted(found)}")


def counted(listed: Mapping[str, Shape]) -> str:
    """How many tensors and parameters."""
    return f"{len(listed)} tensors ({sum(map(prod, listed.values()))} parameters)"


def folded(parts: list[Tensor]) -> Tensor:
    """A tensor from its parts: itself, or weight norm's g·v/‖v‖ (1602.07868), with a norm for each index of the first axis."""
    if len(parts) == 1:
        return parts[0]
    g, v = parts
    return g * v / torch.linalg.vector_norm(v, dim=tuple(range(1, v.ndim)), keepdim=True)
