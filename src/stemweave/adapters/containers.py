"""Published checkpoint files, opened without executing what they hold.

They are pickles inside a zip archive, written by PyTorch Lightning or `torch.save`, and beside tensors they may hold objects of
their project. torch's own safe unpickler reads them, with inert stand-ins for the few classes that are known to be there; a
file that asks for anything else is refused.
"""

import hashlib
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from stemweave.errors import ModelError

Watch = Callable[[int], object]
"""Is told how many bytes were read, each time; `work` says how many there will be."""

STAND_INS: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    type("LogNormalDistribution", (), {"__module__": "audio_diffusion_pytorch.diffusion"}),  # MSDM
    type("UniformDistribution", (), {"__module__": "main.diffusion"}),  # MSLDM
]
"""Classes whose objects the published files hold: these bear their names and hold their numbers, and do nothing."""

UNET, AGAIN = "model.unet.", "model.diffusion.net."
"""Where a Lightning file holds the network, and where it holds it a second time."""

BLOCK = 1 << 22


@dataclass(frozen=True)
class Container:
    """What a file holds: tensors by their published name; what the network was made with, and steps trained, if it says so."""

    path: Path
    sha256: str
    tensors: dict[str, Tensor]
    made_with: Mapping[str, Any]
    steps: int


def came_from(trained_on: str, *containers: Container) -> str:
    """On what a model was trained, and which files it was converted from."""
    sources = ", ".join(f"{container.path.name} (sha256 {container.sha256})" for container in containers)
    return f"{trained_on}; converted from {sources}"


def work(path: Path) -> int:
    """How many bytes `lightning` or `generator` will tell its `watch`. Raises ModelError where there is no file."""
    if not path.exists():
        raise ModelError(f"{path} does not exist; expected a published checkpoint file")
    if not path.is_file():
        raise ModelError(f"{path} is a folder; expected a published checkpoint file")
    return 2 * path.stat().st_size


def lightning(path: Path, watch: Watch = int) -> Container:
    """A U-Net from a Lightning file, where each tensor is held twice; the second is compared with the first and dropped.

    Raises ModelError when the file is missing, damaged, unsafe, or not of this kind.
    """
    sha256, content = opened(path, watch)
    state = tensors_in(content, "state_dict", path)
    if strange := [name for name in state if not name.startswith((UNET, AGAIN))]:
        raise ModelError(f"{path} holds {len(strange)} tensors outside {UNET}* and {AGAIN}*, first {strange[0]}")
    first, second = ({n.removeprefix(at): state[n] for n in state if n.startswith(at)} for at in (UNET, AGAIN))
    tensors = usable(first, path)
    wrong = sorted(name for name in first.keys() | second.keys() if not same(first.get(name), second.get(name)))
    if wrong:
        raise ModelError(
            f"{path} should hold each tensor twice, as {UNET}* and {AGAIN}*, but {len(wrong)} differ, first {wrong[0]}; "
            "it is damaged or not a published file: fetch it again"
        )
    made_with, steps = content.get("hyper_parameters"), content.get("global_step")
    made_with = made_with if isinstance(made_with, Mapping) else {}
    return Container(path, sha256, tensors, made_with, steps if isinstance(steps, int) else 0)


def generator(path: Path, watch: Watch = int) -> Container:
    """A codec from a file of the form {'generator': state}. Raises ModelError as `lightning` does."""
    sha256, content = opened(path, watch)
    return Container(path, sha256, usable(tensors_in(content, "generator", path), path), {}, 0)


def opened(path: Path, watch: Watch) -> tuple[str, Mapping[str, Any]]:
    """SHA-256 and content of a file that is whole and asks for nothing foreign."""
    work(path)
    try:
        with path.open("rb") as file:
            if found := kind(file.read(512)):
                raise ModelError(f"{path} is {found}; expected a PyTorch checkpoint as its authors published it")
            file.seek(0)
            digest = hashlib.sha256()
            while block := file.read(BLOCK):
                digest.update(block)
                watch(len(block))
    except OSError as error:
        raise ModelError(f"could not read {path}: {error.strerror or error}") from error
    check_whole(path, watch)
    return digest.hexdigest(), unpickled(path)


KINDS = (
    (0, b"RIFF", "a WAV file"),
    (0, b"fLaC", "a FLAC file"),
    (5, b"\0\0\0{", "a safetensors file"),
    (257, b"ustar", "a tar archive: unpack it first"),
    (0, b"\x1f\x8b", "a gzip archive: unpack it first"),
    (0, b"<", "a web page, as when a download is refused: fetch it again"),
    (0, b"\x80", "a bare pickle"),
)
"""What files begin with (from which byte) that are taken for checkpoints."""


def kind(head: bytes) -> str:
    """What a file is that is no zip archive, by its first 512 bytes; "" for a zip archive."""
    if head.startswith(b"PK\x03\x04"):
        return ""
    if not head.strip(b"\0"):
        return "empty" if not head else "a file of zeros, as when a download was cut short: fetch it again"
    for start, mark, name in KINDS:
        if head[start:].startswith(mark):
            return name
    return "text" if head.isascii() else "of an unknown kind"


def check_whole(path: Path, watch: Watch) -> None:
    """Raises ModelError unless every entry of the archive is there, as it was written."""
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if entry.compress_type != zipfile.ZIP_STORED:
                    raise ModelError(
                        f"{path} is a compressed archive, which no published checkpoint is: take the file as it was published"
                    )
                with archive.open(entry) as stream:
                    while block := stream.read(BLOCK):
                        watch(len(block))
            names = archive.namelist()
    except (zipfile.BadZipFile, EOFError, OSError, RuntimeError) as error:
        raise ModelError(f"{path} is damaged or cut short ({error}): fetch it again") from error
    if not any(name.endswith("/data.pkl") for name in names):
        raise ModelError(f"{path} is a zip archive without a PyTorch checkpoint in it; unpack it if the checkpoint is inside")


def unpickled(path: Path) -> Mapping[str, Any]:
    """The content of a whole file; its tensors stay on disk until they are used."""
    try:
        with safe_globals(STAND_INS):
            foreign = sorted(get_unsafe_globals_in_checkpoint(path))
            content = None if foreign else torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # a broken pickle may end in any
        raise ModelError(f"{path} cannot be read safely ({reason(error)}); nothing in it was executed") from error
    if foreign:
        raise ModelError(f"{path} asks for {foreign[0]}, which no published file does; it was not executed")
    if not isinstance(content, Mapping):
        raise ModelError(f"{path} holds a {type(content).__name__}; expected a checkpoint's dictionary")
    return content


def reason(error: Exception) -> str:
    """The last line of an error that says something of its own: torch puts advice around it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and "torch.load" not in line]
    return lines[-1] if lines else type(error).__name__


HOMES: Mapping[str, str] = {
    "state_dict": "a network's file: `stemweave convert msldm` takes it before the codec, other verbs alone",
    "generator": "a codec's file: `stemweave convert msldm` takes it after the network's file, `convert sourcevae` alone",
}
"""Where published files hold their tensors, and what such a file is."""


def tensors_in(content: Mapping[str, Any], key: str, path: Path) -> dict[str, Tensor]:
    """The tensors under a key. Raises ModelError where there is something else."""
    state = content.get(key)
    if not isinstance(state, Mapping) or not state:
        found = ", ".join(map(str, list(content)[:6])) or "nothing"
        hint = next((f"; it is {kind}" for home, kind in HOMES.items() if home in content and home != key), "")
        raise ModelError(f"{path} holds no {key!r}; found {found}{hint}")
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, Tensor) or not value.is_floating_point():
            raise ModelError(f"{path}: expected {name} to be a tensor of real numbers, found {type(value).__name__}")
    return dict(state)


def usable(tensors: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """The tensors in float32. Raises ModelError where they hold what is no number."""
    for name, value in tensors.items():
        if not value.isfinite().all():
            raise ModelError(f"{path} holds values that are not finite, first in {name}: fetch it again")
    return {name: value.float() for name, value in tensors.items()}


def same(one: Tensor | None, other: Tensor | None) -> bool:
    """Whether both are there and equal."""
    return one is not None and other is not None and torch.equal(one, other)
