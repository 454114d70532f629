"""What every prior, guidance and likelihood is: an estimate of the clean stems."""

import hashlib
from dataclasses import fields
from types import MethodType
from typing import Protocol

import torch
from torch import Tensor, nn


class Denoiser(Protocol):
    """D(x; σ) = E[clean stems | stems noised to level σ] (2206.00364 eq. 2), or a rule that stands in for it.

    Shapes: x and the result (batch, stems, channels, samples or frames); `sigma` a 0-d tensor, one noise level for all
    stems. The walk keeps sigma on the CPU in float64, so that reading it never waits for an accelerator; PyTorch
    multiplies it into tensors of any device and precision.
    """

    def __call__(self, x: Tensor, sigma: Tensor, /) -> Tensor:
        """The estimate. Shape: x → x."""
        ...


def describe(rule: object) -> str:
    """The repr of a dataclass as an experiment's description: small tensors in full, large ones as shape and digest.

    With tensors of at most 64 numbers, `eval` of the text rebuilds the rule.
    """
    shown = (f"{f.name}={_shown(getattr(rule, f.name))}" for f in fields(rule) if f.repr)  # type: ignore[arg-type]
    return f"{type(rule).__qualname__}({', '.join(shown)})"


def _shown(value: object) -> str:
    if isinstance(value, Tensor):
        return _shown_tensor(value.detach())
    if isinstance(value, tuple):
        return f"({', '.join(map(_shown, value))}{',' * (len(value) == 1)})"
    if isinstance(value, nn.Module):
        return f"{type(value).__qualname__}()"
    if isinstance(value, MethodType):
        return f"{_shown(value.__self__)}.{value.__name__}"
    return str(getattr(value, "__qualname__", repr(value)))


def _shown_tensor(value: Tensor) -> str:
    if value.numel() <= 64:
        return f"torch.tensor({value.tolist()}, dtype={value.dtype})"
    data = value.cpu().contiguous().view(torch.uint8).numpy().tobytes()
    kind = str(value.dtype).removeprefix("torch.")
    return f"<{'x'.join(map(str, value.shape))} {kind} {hashlib.sha256(data).hexdigest()[:12]}>"
