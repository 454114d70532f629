"""The audio tower of CLAP (2211.06687) through transformers: 512 numbers per 10 s, on the unit sphere."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from torch import Tensor

from stemweave.errors import MissingExtra, ModelError, UsageError
from stemweave.evaluation.checks import Floats
from stemweave.model.checkpoint import WEIGHTS, digest

MUSIC, REVISION = "laion/larger_clap_music", "refs/pr/1"
"""The default model, and the revision of it that has safetensors."""
RATE, LONGEST = 48000, 10.0
"""Hz; seconds beyond which the model would cut a window at random."""
BATCH = 8


@dataclass(frozen=True, eq=False)
class Clap:
    """The embedding; `clap` loads one. Windows of ``seconds`` every ``hop`` seconds; short ones are repeated to 10 s.

    ``weights`` is the SHA-256 of the file they came from. Raises :class:`UsageError` for windows beyond 10 s.
    """

    model: Any
    extractor: Any
    source: str
    weights: str
    seconds: float = LONGEST
    hop: float = LONGEST
    rate: int = field(default=RATE, init=False)

    def __post_init__(self) -> None:
        if not 0 < self.seconds <= LONGEST or not self.hop > 0:
            raise UsageError(f"CLAP windows of {self.seconds:g} s every {self.hop:g} s, expected up to {LONGEST:g} s, hop > 0")

    @property
    def name(self) -> str:
        """As reports print it."""
        return f"CLAP {self.source}"

    @property
    def window(self) -> int:
        """Samples that a window takes."""
        return round(self.seconds * RATE)

    @property
    def dimension(self) -> int:
        """Of a point."""
        return int(self.model.config.projection_dim)

    def settings(self) -> Mapping[str, Any]:
        """All that decides the points."""
        return {"name": self.name, "weights": self.weights, "seconds": self.seconds, "hop": self.hop}

    def __call__(self, mono: Tensor) -> Floats:
        """Points (windows, 512) of (samples,) at 48 kHz."""
        windows = mono.unfold(0, self.window, round(self.hop * RATE)).split(BATCH)
        return torch.cat([self._points(batch) for batch in windows]).double().cpu().numpy()

    def _points(self, windows: Tensor) -> Tensor:
        # said outright, whatever the model's files say; nothing is ever truncated
        features = self.extractor(
            list(windows.cpu().numpy()),
            sampling_rate=RATE,
            truncation="rand_trunc",
            padding="repeatpad",
            return_tensors="pt",
        )
        with torch.inference_mode():
            found: Tensor = self.model(**features.to(self.model.device)).audio_embeds
        return torch.nn.functional.normalize(found, dim=-1)


def clap(
    source: str = MUSIC,
    revision: str | None = REVISION,
    seconds: float = LONGEST,
    hop: float = LONGEST,
    device: torch.device | str = "cpu",
    download: bool = False,
) -> Clap:
    """CLAP from a local folder or the hub's ``source`` at ``revision``; the hub is asked only with ``download``.

    Raises :class:`MissingExtra` without transformers; :class:`ModelError` where the weights are not on this machine, are not
    safetensors, or are of another model.
    """
    transformers = _transformers()
    folder = _folder(source, revision, download)
    try:
        extractor = transformers.ClapFeatureExtractor.from_pretrained(folder, local_files_only=True)
        model, told = transformers.ClapAudioModelWithProjection.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelError(f"{source} is not a CLAP model that transformers reads: {str(error).splitlines()[0]}") from error
    if told["missing_keys"]:
        raise ModelError(f"{source} lacks {len(told['missing_keys'])} of CLAP's weights, first {min(told['missing_keys'])}")
    if model.config.enable_fusion:
        raise ModelError(f"{source} is a fused CLAP, which treats short clips at random: use an unfused one, such as {MUSIC}")
    return Clap(model.to(device).eval(), extractor, Path(source).resolve().name, digest(folder), seconds, hop)


def _transformers() -> Any:
    try:
        return importlib.import_module("transformers")
    except ImportError as error:
        raise MissingExtra("CLAP needs transformers: pip install 'stemweave[text]'") from error


def _folder(source: str, revision: str | None, download: bool) -> Path:
    """Where configuration and weights lie; never pickled ones."""
    folder = Path(source)
    if not folder.is_dir():
        try:
            files = ["config.json", "preprocessor_config.json", WEIGHTS]
            folder = Path(snapshot_download(source, revision=revision, allow_patterns=files, local_files_only=not download))
        except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
            what = "could not be downloaded" if download else "is not on this machine and downloads were not asked for"
            raise ModelError(f"CLAP model {source!r} {what}: allow downloads, or give a local folder") from error
    if not (folder / WEIGHTS).is_file():
        raise ModelError(f"{source} holds no {WEIGHTS}; pickled weights are never loaded: take a revision with safetensors")
    return folder
