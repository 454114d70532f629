"""Weight norm (1602.07868), with which networks train and which the weights that are kept do not have."""

from typing import TypeVar

from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm
from torch.nn.utils.parametrize import is_parametrized

Net = TypeVar("Net", bound=nn.Module)


def normed(net: Net) -> Net:
    """The network itself, each of its convolutions now with a length for each index of its weight's first axis.

    Its function stays.
    """
    for module in [module for module in net.modules() if isinstance(module, nn.Conv1d | nn.Conv2d | nn.ConvTranspose1d)]:
        weight_norm(module)
    return net


def folded(net: nn.Module) -> dict[str, Tensor]:
    """The state of the same network without weight norm, of the same function."""
    state = {name: value for name, value in net.state_dict().items() if ".parametrizations." not in name}
    normed_ones = {name: module for name, module in net.named_modules() if is_parametrized(module, "weight")}
    return state | {f"{name}.weight": module.weight.detach() for name, module in normed_ones.items()}
