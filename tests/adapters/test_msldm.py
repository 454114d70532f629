"""The published networks of 2409.06190, from files of their form."""

from dataclasses import replace

import pytest
import torch

from stemweave.adapters import msldm
from stemweave.adapters.names import expected, ours, source_vae
from stemweave.errors import ModelError
from stemweave.nets.sourcevae import SourceVAE, SourceVAEConfig

TINY = SourceVAEConfig(latent=3, encoder_width=4, decoder_width=8, strides=(2, 5))


@pytest.mark.parametrize("larger_first", [True, False])
def test_the_size_is_found(larger_first, publish, small_unet, tmp_path):
    published = publish(tmp_path / "msldm.ckpt", hyper_parameters={"diffusion_sigma_data": 0.4})
    sizes = [replace(small_unet, blocks=(2,)), small_unet]
    net, container = msldm.prior(tmp_path / "msldm.ckpt", sizes if larger_first else sizes[::-1])
    assert net.config == small_unet
    assert all(torch.equal(value, net.state_dict()[name]) for name, value in published.state_dict().items())
    assert len(container.sha256) == 64


def test_no_such_size(publish, small_unet, tmp_path):
    publish(tmp_path / "msldm.ckpt", hyper_parameters={"diffusion_sigma_data": 0.4})
    with pytest.raises(ModelError, match=r"is not this network: .* tensors differ"):
        msldm.prior(tmp_path / "msldm.ckpt", [replace(small_unet, blocks=(2,))])
    publish(tmp_path / "msdm.ckpt")
    with pytest.raises(ModelError, match=r"first diffusion_sigma_data: expected 0\.4, found 0\.2"):
        msldm.prior(tmp_path / "msdm.ckpt", [small_unet])


def test_the_codec(tmp_path):
    torch.manual_seed(0)
    tensors = {name: torch.randn(shape) for name, shape in expected(SourceVAE(TINY), source_vae).items()}
    torch.save({"generator": tensors}, tmp_path / "sourcevae_ckpt")
    net, _ = msldm.codec(tmp_path / "sourcevae_ckpt", TINY)
    state = ours(net, source_vae, tensors, "here")
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    assert net.decode(net.encode(torch.zeros(1, 1, 33)), 33).isfinite().all()
    with pytest.raises(ModelError, match=r"sourcevae_ckpt is not this network: .* expected 238 tensors"):
        msldm.codec(tmp_path / "sourcevae_ckpt")
