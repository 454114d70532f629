"""Where to run, in which precision, and how fast that is: bfloat16 only where the hardware multiplies it in hardware."""

import os
import time

import torch

from stemweave.errors import UsageError
from stemweave.model.model import Model
from stemweave.nets.dit import LatentTransformer
from stemweave.nets.textunet import TextUNet
from stemweave.nets.unet import StemUNet
from stemweave.nets.unet1d import UNet1d

FAST_ISAS = ("AVX512_CORE_BF16", "AVX512_CORE_FP16", "AVX512_CORE_AMX", "AVX10_1", "AVX10_2")
"""Values of ONEDNN_MAX_CPU_ISA (by prefix) that leave oneDNN its bfloat16 products."""


def pick_device(name: str = "auto") -> torch.device:
    """The device of that name; "auto" takes a GPU where there is one. Raises UsageError for what this machine lacks."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UsageError(f"device {name!r} cannot be used here ({reason}); try --device cpu") from error
    return device


def pick_precision(device: torch.device) -> torch.dtype:
    """bfloat16 on GPUs that have it and on CPUs with AMX or AVX512-BF16 (unless oneDNN is capped below), else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    if device.type != "cpu" or not cpu_multiplies_bf16():
        return torch.float32
    return torch.bfloat16


def cpu_multiplies_bf16() -> bool:
    """Whether this processor has bfloat16 products and oneDNN is allowed to use them."""
    cap = os.environ.get("ONEDNN_MAX_CPU_ISA") or os.environ.get("DNNL_MAX_CPU_ISA") or "DEFAULT"
    allowed = cap.upper() in ("DEFAULT", "ALL") or cap.upper().startswith(FAST_ISAS)
    return allowed and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def place(model: Model, device: torch.device, dtype: torch.dtype) -> Model:
    """Move a model to `device` and run its matrix products in `dtype`; the transforms stay in float32."""
    model.to(device)
    for net in model.modules():
        match net:
            case StemUNet() | TextUNet() | LatentTransformer():
                net.lower(dtype)
            case UNet1d():
                net.to(dtype)
    return model


def matmul_rate(device: torch.device, dtype: torch.dtype = torch.float32, size: int = 0, repeats: int = 8) -> float:
    """Matrix products in GFLOP/s, with torch's threads: the best of some.

    Of ``size`` × ``size``: by default as large as keeps the device busy, and on a GPU many between two looks at the clock.
    """
    usual, at_once = (8192, 20) if device.type == "cuda" else (2048, 1)
    size = size or usual
    a, b = torch.randn(2, size, size, device=device, dtype=dtype)
    best = 0.0
    for _ in range(repeats):
        start = time.perf_counter()
        for _ in range(at_once):
            made = a @ b
        made[0, 0].item()
        best = max(best, at_once * 2 * size**3 / (time.perf_counter() - start) / 1e9)
    return best
