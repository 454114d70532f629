"""Weight norm for training: the function stays, the numbers are the published ones, and it folds away."""

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from stemweave.nets.sourcevae import SourceVAE, SourceVAEConfig
from stemweave.nets.weightnorm import folded, normed

TINY = SourceVAEConfig(latent=3, encoder_width=4, decoder_width=8, strides=(2, 5))


@pytest.fixture(name="net")
def make_net() -> SourceVAE:
    torch.manual_seed(0)
    return SourceVAE(TINY)


def test_the_published_network_has_as_many_parameters_with_it() -> None:
    with torch.device("meta"):
        net = normed(SourceVAE(SourceVAEConfig()))
    assert sum(parameter.numel() for parameter in net.parameters()) == 61_050_402


def test_the_function_stays(net: SourceVAE) -> None:
    sound = torch.randn(1, 1, 48)
    before = net.decode(net.encode(sound), 48)
    assert normed(net) is net
    torch.testing.assert_close(net.decode(net.encode(sound), 48), before)


def test_every_convolution_gets_a_length_for_each_index_of_its_first_axis(net: SourceVAE) -> None:
    kinds = nn.Conv1d | nn.ConvTranspose1d
    shapes = {name: module.weight.shape for name, module in net.named_modules() if isinstance(module, kinds)}
    state = normed(net).state_dict()
    assert len(shapes) == sum(is_parametrized(module) for module in net.modules())
    for name, shape in shapes.items():
        assert state[f"{name}.parametrizations.weight.original0"].shape == (shape[0], 1, 1)
        assert state[f"{name}.parametrizations.weight.original1"].shape == shape


def test_what_is_folded_is_the_plain_network_of_the_same_function(net: SourceVAE) -> None:
    normed(net)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    plain, sound = SourceVAE(TINY), torch.randn(1, 1, 48)
    plain.load_state_dict(folded(net))
    torch.testing.assert_close(plain.encode(sound), net.encode(sound))
    torch.testing.assert_close(plain.decode(plain.encode(sound), 48), net.decode(net.encode(sound), 48))


def test_folding_what_has_none_changes_nothing(net: SourceVAE) -> None:
    state = net.state_dict()
    again = folded(net)
    assert again.keys() == state.keys()
    for name, value in state.items():
        assert torch.equal(value, again[name])
