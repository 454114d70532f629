"""A model as a folder: `config.json`, `model.safetensors`, `README.md`; a codec alone as well.

Nothing in it is executed when it is loaded.
"""

import dataclasses
import hashlib
import json
import tempfile
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from stemweave.errors import ModelError, OutputError
from stemweave.model.codec import Codec, CodecConfig
from stemweave.model.config import ModelConfig, build, parsed, written
from stemweave.model.model import Model
from stemweave.model.texted import TextModel

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
DEFAULT = "band"


def load(name: str | Path = DEFAULT, device: torch.device | str = "cpu", revision: str | None = None) -> Model:
    """A model by the name of an embedded one, a folder, or a hub id ("owner/name"), ready to sample from.

    A `TextModel` where its configuration has text. Raises ModelError when it is unknown, damaged, mismatched, or holds pickled
    weights.
    """
    folder = find(name, revision)
    model = build_model(read_config(folder))
    load_weights(model, folder)
    return model.to(device).eval().requires_grad_(False)


def build_model(config: ModelConfig) -> Model:
    """An untrained model of this kind. Raises ModelError where the configuration contradicts itself."""
    return TextModel(config) if config.text else Model(config)


def load_codec(name: str | Path, device: torch.device | str = "cpu", revision: str | None = None) -> Codec:
    """A codec by its folder or hub id, alone or a model's. Raises ModelError as `load` does, and for a model without one."""
    folder = find(name, revision)
    config = read_any(folder)
    if isinstance(config, ModelConfig):
        within = load(folder, device).codec
        if not isinstance(within, Codec):
            raise ModelError(f"{folder} is a model of sound itself, expected a codec, or a model that has one")
        return within
    codec = Codec(config)
    load_weights(codec, folder)
    return codec.to(device).eval().requires_grad_(False)


def embedded() -> dict[str, Path]:
    """The models inside the package, by name."""
    root = Path(str(resources.files("stemweave.model") / "pretrained"))
    return {path.parent.name: path.parent for path in sorted(root.glob(f"*/{CONFIG}"))}


def find(name: str | Path, revision: str | None = None) -> Path:
    """The folder of a model: embedded, local, or fetched from the hub (HF_HOME, HF_HUB_OFFLINE are honoured)."""
    known = embedded()
    if str(name) in known:
        return known[str(name)]
    if Path(name).is_dir():
        return Path(name)
    if Path(name).exists():
        raise ModelError(f"{name} is a file; a model is a folder with {CONFIG} and {WEIGHTS}")
    if str(name).count("/") != 1 or str(name).startswith((".", "/", "~")) or str(name).endswith("/"):
        raise ModelError(f"unknown model {str(name)!r}: expected one of {sorted(known)}, a folder, or a hub id 'owner/name'")
    try:
        return Path(snapshot_download(str(name), revision=revision, allow_patterns=[CONFIG, WEIGHTS, CARD]))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(
            f"could not fetch model {str(name)!r} from the hub: {reason.rstrip('.')}; there is no such folder here either"
        ) from error


def read_config(folder: Path) -> ModelConfig:
    """The configuration of the model in `folder`. Raises ModelError for a codec."""
    config = read_any(folder)
    if isinstance(config, CodecConfig):
        raise ModelError(
            f"{folder} is a codec alone, expected a model; `stemweave convert msldm` makes one with it, "
            "`stemweave evaluate codec` measures it"
        )
    return config


def read_any(folder: Path) -> ModelConfig | CodecConfig:
    """The configuration of the model or codec in `folder`; only a codec's says whether it is linear."""
    if not (folder / CONFIG).is_file():
        raise ModelError(f"{folder} holds no {CONFIG}; a model is a folder with {CONFIG} and {WEIGHTS}")
    data = parsed((folder / CONFIG).read_text(encoding="utf-8"))
    alone = isinstance(data, Mapping) and "linear" in data
    return build(CodecConfig, data, CONFIG) if alone else build(ModelConfig, data, CONFIG)


def started(model: Model | Codec, folder: Path) -> int:
    """Fill a model or codec with the weights in `folder`, as `load_weights` does; for how many steps these were trained."""
    load_weights(model, folder)
    return read_any(folder).steps_trained


def load_weights(model: nn.Module, folder: Path) -> None:
    """Fill a model or codec with the weights in `folder`; names and shapes must be exactly its own."""
    path = Path(folder) / WEIGHTS
    if not path.is_file():
        others = sorted(p.name for p in Path(folder).glob("*") if p.suffix in {".ckpt", ".pt", ".pth", ".bin"})
        hint = f" ({others[0]} may hold pickled code and is not loaded)" if others else ""
        raise ModelError(f"{folder} holds no {WEIGHTS}{hint}")
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} is not a whole safetensors file ({error}); pickled weights are never loaded") from error
    if difference := mismatch(shapes(model.state_dict()), shapes(tensors)):
        raise ModelError(f"{path} does not fit its {CONFIG}: {difference}")
    if bad := [name for name, value in tensors.items() if not value.float().isfinite().all()]:
        raise ModelError(f"{path} holds values that are not finite, first in {bad[0]}")
    model.load_state_dict({name: value.float() for name, value in tensors.items()})


Shape = tuple[int, ...]


def shapes(tensors: Mapping[str, Tensor]) -> dict[str, Shape]:
    """The tensors' shapes, by name."""
    return {name: tuple(value.shape) for name, value in tensors.items()}


def mismatch(expected: Mapping[str, Shape], found: Mapping[str, Shape]) -> str:
    """How many tensors differ in name or shape, and the first of them, in words; empty where none does."""
    wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if not wrong:
        return ""
    one, other = (side.get(wrong[0], "none") for side in (expected, found))
    return f"{len(wrong)} tensors differ, first {wrong[0]}: expected {one}, found {other}"


def save(
    model: Model | Codec,
    folder: Path | str,
    card: str = "",
    steps_trained: int | None = None,
    overwrite: bool = False,
    precision: torch.dtype = torch.bfloat16,
) -> None:
    """Write configuration, weights and card to `folder`, all or nothing.

    A model's codec keeps its weights as they are, since latents in caches are known by them. Raises OutputError when the folder
    exists and `overwrite` is not set, when it holds anything but a model, and when it cannot be written; ModelError for a
    network that is not ours.
    """
    folder = Path(folder)
    if isinstance(model.config, ModelConfig) and model.config.net is None:
        raise ModelError(f"{model.config.name} is not ours: save it with the library that it is from")
    if folder.exists() and not overwrite:
        raise OutputError(f"{folder} exists already; choose another place or ask to overwrite it")
    if folder.exists() and (folder.is_file() or {path.name for path in folder.iterdir()} - {CONFIG, WEIGHTS, CARD}):
        raise OutputError(f"{folder} holds more than a model, and is left as it is; choose another place")
    config = model.config
    if steps_trained is not None:
        config = dataclasses.replace(config, steps_trained=steps_trained)
    weights = stored(model, precision)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as place:
            draft = Path(place) / "model"
            draft.mkdir()
            (draft / CONFIG).write_text(written(config), encoding="utf-8")
            save_file(weights, draft / WEIGHTS, metadata={"format": "pt"})
            (draft / WEIGHTS).chmod(0o644)  # safetensors leaves it readable by its owner alone
            (draft / CARD).write_text(card or plain_card(config), encoding="utf-8")
            if not folder.exists():
                draft.replace(folder)
                return
            old = folder.replace(Path(place) / "old")
            try:
                draft.replace(folder)
            except OSError:
                old.replace(folder)
                raise
    except OSError as error:
        raise OutputError(f"could not write the model to {folder}: {error.strerror or error}") from error


def stored(model: Model | Codec, precision: torch.dtype) -> dict[str, Tensor]:
    """Its weights as they are written: in `precision`, but a model's codec as exactly as it is."""
    codec = model.codec if isinstance(model, Model) and isinstance(model.codec, Codec) else None
    least = least_precision(codec) if codec else precision
    return {
        name: value.detach().cpu().to(least if codec and name.startswith("codec.") else precision).contiguous()
        for name, value in model.state_dict().items()
    }


def least_precision(codec: Codec) -> torch.dtype:
    """The least that holds a codec's weights as they are: bfloat16 where they were stored so, else float32."""
    short = all(torch.equal(value, value.bfloat16().float()) for value in codec.state_dict().values())
    return torch.bfloat16 if short else torch.float32


def plain_card(config: ModelConfig | CodecConfig) -> str:
    """A card with what the configuration knows; `stemweave evaluate` adds the figures."""
    front = {"library_name": "stemweave", "license": config.licence or "other", "pipeline_tag": "audio-to-audio"}
    lines = ["---", *(f"{key}: {json.dumps(value)}" for key, value in front.items()), "---", "", f"# {config.name}", ""]
    lines.append(described(config))
    if config.trained_on:
        lines.append(f"Trained on: {config.trained_on}.")
    return "\n".join(lines) + "\n"


def described(config: ModelConfig | CodecConfig) -> str:
    """What it is, in one sentence."""
    if isinstance(config, CodecConfig):
        by = f", by a VAE for each of {', '.join(config.stems)}" if config.stems else ""
        latents, hop = config.net.latent, config.net.hop
        return f"A codec of single stems at {config.rate} Hz: {latents} latents for every {hop} samples{by}."
    over = "mixtures told in words" if config.text else ", ".join(config.stems)
    over += f" as latents of {config.codec.name}" if config.codec else ""
    return f"A diffusion prior over {over} at {config.rate} Hz, trained for {config.steps_trained} steps."


def digest(folder: Path) -> str:
    """SHA-256 of a model folder's weights, for manifests."""
    return hashlib.sha256((Path(folder) / WEIGHTS).read_bytes()).hexdigest()
