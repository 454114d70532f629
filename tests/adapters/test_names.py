"""Names and shapes are those of the published files, and tensors go where they belong."""

import hashlib

import pytest
import torch

from stemweave.adapters.names import counted, expected, folded, ours, source_vae, unet1d
from stemweave.errors import ModelError
from stemweave.nets.sourcevae import SourceVAE, SourceVAEConfig
from stemweave.nets.unet1d import ISDM, MSDM, MSLDM, MSLDM_LARGE, UNet1d


@pytest.mark.parametrize(
    ("make", "config", "published", "size", "digest"),
    [
        (UNet1d, MSDM, unet1d, (434, 405_497_700), "e022b4e197d51d7057bcdf26b7ae78b618083b96427b67adcf194c69c3cb01d4"),
        (UNet1d, ISDM, unet1d, (434, 405_491_100), "a7461227a554cb6c768631f817d153224d1d9e7db8e6b6eefa8bc2df05a89066"),
        (UNet1d, MSLDM, unet1d, (538, 364_416_864), "43b5a65a6a49f5dba727edb7c2a6784e24501fe511fef430bc39fad412aa0217"),
        (UNet1d, MSLDM_LARGE, unet1d, (826, 441_314_656), "9b22d4dd89e7ab63a3f056acfc38b7769ee05e3dbdb5c1907fc3c1c4f0c52b01"),
        (
            SourceVAE,
            SourceVAEConfig(),
            source_vae,
            (238, 61_050_402),
            "944a786767a6ebd1ca2909f9bbfa7177b7515dd240a990b8cef2b724f2af65a0",
        ),
    ],
    ids=["msdm", "isdm", "msldm", "msldm-large", "sourcevae"],
)
def test_names_and_shapes_are_the_published_ones(make, config, published, size, digest):
    """Digests are of the sorted lines "name<TAB>shape" that the official code implies at the published sizes."""
    with torch.device("meta"):
        net = make(config)
    known = expected(net, published)
    assert counted(known) == f"{size[0]} tensors ({size[1]} parameters)"
    lines = sorted(f"{name}\t{'x'.join(map(str, shape))}\n" for name, shape in known.items())
    assert hashlib.sha256("".join(lines).encode()).hexdigest() == digest


@pytest.mark.parametrize(
    ("name", "shape", "known", "known_shape"),
    [
        ("time.rates", (16,), "to_time.0.0.weights", (16,)),
        ("time.project.bias", (8,), "to_time.0.1.bias", (8,)),
        ("enter.norm1.weight", (4,), "to_in.module_list.0.block.block1.groupnorm.weight", (4,)),
        ("leave.skip.weight", (4, 8, 1), "to_out.module_list.0.block.to_out.weight", (4, 8, 1)),
        ("down.2.shorten.bias", (8,), "downsamples.2.downsample.bias", (8,)),
        ("down.2.blocks.1.film.weight", (8, 4), "downsamples.2.blocks.1.to_scale_shift.to_scale_shift.1.weight", (8, 4)),
        ("told.0.weight", (16, 8), "to_features.0.weight", (16, 8)),
        ("down.0.blocks.0.hearing.0.norm_in.weight", (8,), "downsamples.0.blocks.0.cross_attend.fn.norm_in.g", (8,)),
        ("bottom.after.hearing.0.norm_context.weight", (4,), "bottleneck.post_block.cross_attend.fn.norm_context.g", (4,)),
        ("up.1.blocks.0.hearing.0.key_value.weight", (8, 4), "upsamples.1.blocks.0.cross_attend.fn.to_kv.weight", (8, 4)),
        ("up.1.blocks.0.hearing.0.norm_out.weight", (8,), "upsamples.1.blocks.0.cross_attend.fn.attention.to_out.1.g", (8,)),
        ("up.0.blocks.2.conv2.weight", (8, 8, 3), "upsamples.0.blocks.2.block2.project.weight", (8, 8, 3)),
        ("up.0.lengthen.weight", (8, 8, 4), "upsamples.0.upsample.weight", (8, 8, 4)),
        ("bottom.before.norm2.bias", (8,), "bottleneck.pre_block.block2.groupnorm.bias", (8,)),
        ("bottom.attention.norm_out.weight", (8,), "bottleneck.attention.fn.attention.to_out.1.g", (8,)),
        ("bottom.attention.key_value.weight", (16, 8), "bottleneck.attention.fn.to_kv.weight", (16, 8)),
        ("up.0.transformers.0.attention.query.weight", (8, 8), "upsamples.0.transformer.attention.fn.to_q.weight", (8, 8)),
        ("down.0.transformers.0.feed_forward.norm.weight", (8,), "downsamples.0.transformer.feed_forward.0.g", (1, 8, 1)),
        (
            "down.0.transformers.0.feed_forward.narrow.weight",
            (8, 16),
            "downsamples.0.transformer.feed_forward.4.weight",
            (8, 16, 1),
        ),
    ],
)
def test_a_u_nets_names(name, shape, known, known_shape):
    assert unet1d(name, shape) == {known: known_shape}


def test_every_tensor_goes_to_one_place_of_its_own(small_unet):
    net = UNet1d(small_unet)
    tensors = {name: torch.randn(shape) for name, shape in expected(net, unet1d).items()}
    state = ours(net, unet1d, tensors, "file")
    net.load_state_dict(state)
    assert len(state) == len(tensors)
    assert sorted(float(value.sum()) for value in state.values()) == sorted(float(value.sum()) for value in tensors.values())


def test_weight_norm_is_folded_as_torch_computes_it():
    for conv in (torch.nn.Conv1d(3, 5, 4), torch.nn.ConvTranspose1d(3, 5, 4)):
        torch.nn.utils.parametrizations.weight_norm(conv)
        norm = conv.parametrizations.weight
        torch.nn.init.normal_(norm.original0)
        torch.testing.assert_close(folded([norm.original0, norm.original1]), conv.weight)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"to_mapping.0.bias": None}, r"1 tensors differ, first to_mapping\.0\.bias: expected \(128,\), found none"),
        ({"to_mapping.0.bias": 64}, r"1 tensors differ, first to_mapping\.0\.bias: expected \(128,\), found \(64,\)"),
        ({"alien": 3, "other": 4}, r"2 tensors differ, first alien: expected none, found \(3,\); expected \d+ tensors"),
    ],
)
def test_other_networks_are_refused(small_unet, change, message):
    net = UNet1d(small_unet)
    sizes = expected(net, unet1d) | {name: size and (size,) for name, size in change.items()}
    tensors = {name: torch.zeros(shape) for name, shape in sizes.items() if shape}
    with pytest.raises(ModelError, match=f"file is not this network: {message}"):
        ours(net, unet1d, tensors, "file")
