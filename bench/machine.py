"""This machine: what it is, and how its time is taken."""

import platform
import time
from collections.abc import Callable
from pathlib import Path

import torch

from stemweave.cli.env import environment
from stemweave.model.precision import pick_precision

PACKAGES = ("stemweave", "torch", "python", "system")


def facts(device: torch.device) -> dict[str, str | int]:
    """What a benchmark was run on, as a report tells it."""
    known = environment()
    chosen = {name: known[name] for name in PACKAGES}
    name = f"{processor()} ({known['processor']})"
    return {**chosen, "processor": name, "threads": torch.get_num_threads(), "device": str(device), "gpu": known["cuda"]}


def processor() -> str:
    """Its name, as far as the system tells it."""
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text().splitlines() if listed.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def multiplies(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether this device has products of that precision in hardware."""
    return dtype is torch.float32 or pick_precision(device) is dtype


def seconds(work: Callable[[], object], device: torch.device) -> float:
    """What ``work`` takes, until the device has done it."""
    wait = torch.cuda.synchronize if device.type == "cuda" else _done
    wait()
    start = time.perf_counter()
    work()
    wait()
    return time.perf_counter() - start


def _done() -> None:
    """The processor is done when a call returns."""
