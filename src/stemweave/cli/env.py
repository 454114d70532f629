"""``stemweave env``: what this machine and this installation are."""

import json
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

_PACKAGES = ("stemweave", "torch", "numpy", "scipy", "soundfile", "soxr", "safetensors", "huggingface_hub", "typer")
_EXTRAS = ("pyfluidsynth", "lightning", "torchmetrics", "matplotlib")


def env(as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False) -> None:
    """Show versions, devices and settings, for bug reports."""
    facts = environment()
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    for name, value in facts.items():
        typer.echo(f"{name:20} {value}")


def environment() -> dict[str, str | int]:
    """Versions of this installation and what it can compute on."""
    import soundfile
    import torch

    cuda = torch.cuda.get_device_name() if torch.cuda.is_available() else "no"
    return {
        **{name: _version(name) for name in (*_PACKAGES, *_EXTRAS)},
        "libsndfile": soundfile.__libsndfile_version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "cuda": cuda,
        "mps": "yes" if torch.backends.mps.is_available() else "no",
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
