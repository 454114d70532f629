"""VGGish (1609.09430) without its PCA and its last activation: 128 numbers per 0.96 s, from weights that the user has."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from stemweave.errors import ModelError
from stemweave.evaluation.checks import Floats
from stemweave.evaluation.measures.mel import magnitudes, mel_bands

RATE, SIZE, HOP, TRANSFORM = 16000, 400, 160, 512
"""Hz; samples of a frame, between frames, and of its Fourier transform."""
FRAMES, BANDS, LOWEST, HIGHEST, OFFSET = 96, 64, 125.0, 7500.0, 0.01
"""Frames and mel bands of an example, their range in Hz, and what is added before the logarithm."""
WIDTHS, HIDDEN, DIMENSION = ((64,), (128,), (256, 256), (512, 512)), 4096, 128
BATCH = 32


@dataclass(frozen=True, eq=False)
class Vggish:
    """The embedding; `vggish` loads one. ``weights`` is the SHA-256 of the file they came from."""

    network: "Network"
    weights: str
    name: str = field(default="VGGish", init=False)
    rate: int = field(default=RATE, init=False)
    window: int = field(default=SIZE + (FRAMES - 1) * HOP, init=False)
    dimension: int = field(default=DIMENSION, init=False)

    def settings(self) -> Mapping[str, Any]:
        """All that decides the points."""
        return {"name": self.name, "weights": self.weights, "pca": False, "activation": False, "hop": FRAMES * HOP / RATE}

    def __call__(self, mono: Tensor) -> Floats:
        """Points (examples, 128) of (samples,) in ±1 at 16 kHz."""
        batches = examples(mono).split(BATCH)
        with torch.inference_mode():
            return torch.cat([self.network(batch) for batch in batches]).double().cpu().numpy()


class Network(nn.Module):
    """(examples, 96 frames, 64 bands) → (examples, 128); parameters are named as torchvggish names them."""

    def __init__(self, widths: Sequence[Sequence[int]] = WIDTHS, hidden: int = HIDDEN) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        for group in widths:
            for width in group:
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                channels = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        flat = channels * (FRAMES >> len(widths)) * (BANDS >> len(widths))
        heads = [nn.Linear(flat, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, DIMENSION)]
        self.embeddings = nn.Sequential(*heads)

    def forward(self, spectrograms: Tensor) -> Tensor:
        """The points, channels being the innermost of what the convolutions hand on, as in the original."""
        found: Tensor = self.features(spectrograms[:, None])
        return self.embeddings(found.permute(0, 2, 3, 1).flatten(1))


def vggish(path: str | Path) -> Vggish:
    """The embedding with weights from ``path``: safetensors, or a state dict that ``torch.load(weights_only=True)`` reads.

    Raises :class:`ModelError` where the file is missing, is neither, or holds other names or shapes than torchvggish's.
    """
    with torch.device("meta"):  # no memory and no time for weights that are replaced at once
        network = Network()
    weights = fill(network, Path(path))
    return Vggish(network.eval(), weights)


def fill(network: Network, path: Path) -> str:
    """Put the weights of a file into ``network`` and return the file's SHA-256; raises as `vggish` does."""
    tensors = _read(path)
    expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in tensors.items() if not name.startswith("pproc.")}  # the PCA
    if wrong := sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)):
        name = wrong[0]
        raise ModelError(
            f"{path} does not hold VGGish's weights: {len(wrong)} tensors differ, first {name}: expected"
            f" {expected.get(name, 'none')}, found {found.get(name, 'none')}; use torchvggish's state dict"
        )
    network.load_state_dict({name: tensors[name].float() for name in expected}, assign=True)
    network.requires_grad_(False)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def examples(mono: Tensor) -> Tensor:
    """Log-mel spectrograms (examples, 96, 64) of (samples,) at 16 kHz, end to end; a last one that is not full is dropped."""
    mel = magnitudes(mono, SIZE, HOP, TRANSFORM) @ mel_bands(TRANSFORM // 2 + 1, RATE, BANDS, LOWEST, HIGHEST).T.to(mono)
    return (mel + OFFSET).log().unfold(0, FRAMES, FRAMES).transpose(1, 2)


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise ModelError(f"{path} does not exist: VGGish needs torchvggish's weights in a file, which is not downloaded")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, RuntimeError, EOFError, UnpicklingError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(f"{path} cannot be read as plain tensors ({reason}): expected safetensors or a state dict") from error
    if not isinstance(tensors, dict) or not all(isinstance(value, Tensor) for value in tensors.values()):
        raise ModelError(f"{path} holds no state dict: expected names and tensors, as torchvggish saves them")
    return tensors
