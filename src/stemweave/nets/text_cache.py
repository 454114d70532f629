"""What frozen encoders said of each text, kept, so that no text is encoded twice."""

import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from stemweave.errors import DataError, OutputError


class Encoder(Protocol):
    """A frozen model that turns a text into a sequence of vectors on the CPU, (n, features) each."""

    @property
    def features(self) -> int:
        """Numbers in a vector."""

    @property
    def fingerprint(self) -> str:
        """Of everything that decides what it says."""

    def __call__(self, texts: Sequence[str], /) -> list[Tensor]:
        """One sequence per text, the same whatever the other texts are."""


class TextCache:
    """Encoded texts by the hash of encoder and text, in memory; with ``path`` also in a safetensors file, read at once.

    `write` writes that file. Raises :class:`DataError` for a file that is not such a cache.
    """

    def __init__(self, path: Path | str | None = None) -> None:
        self.path = None if path is None else Path(path)
        self._known: dict[str, Tensor] = {}
        if self.path is not None and self.path.exists():
            try:
                self._known = load_file(self.path)
            except (SafetensorError, OSError) as error:
                raise DataError(f"{self.path} is not a cache of encoded texts: delete it, or name another file") from error

    def __len__(self) -> int:
        return len(self._known)

    def encoded(self, encoder: Encoder, texts: Sequence[str]) -> list[Tensor]:
        """One sequence (n, features) per text; the encoder hears only what is new, and each of it once."""
        keys = [_key(encoder, text) for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._known}
        if new:
            self._known.update(zip(new, encoder(list(new.values())), strict=True))
        return [self._known[key] for key in keys]

    def write(self) -> None:
        """Write all to the file at once: to a temporary name first. Raises :class:`OutputError` where that cannot be."""
        if self.path is None:
            raise OutputError("this cache of encoded texts has no file: give it a path")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self.path.parent) as place:
                fresh = Path(place) / self.path.name
                save_file({key: value.contiguous() for key, value in self._known.items()}, fresh)
                fresh.replace(self.path)
        except OSError as error:
            raise OutputError(f"{self.path} cannot be written: {error}") from error


def _key(encoder: Encoder, text: str) -> str:
    return hashlib.sha256(f"{encoder.fingerprint}\n{text}".encode()).hexdigest()
