"""Text-conditioned audio pipelines of diffusers as models that generate by words: Stable Audio, AudioLDM 2, ACE-Step."""

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import constants

from stemweave.adapters.ace_step import AceStep
from stemweave.adapters.audioldm2 import AudioLDM2
from stemweave.adapters.pipelines import Parts, PipelineModel
from stemweave.adapters.stable_audio import StableAudio
from stemweave.errors import MissingExtra, ModelError

KNOWN: Mapping[str, Callable[[Any, Mapping[str, Any], float | None], Parts]] = {
    "StableAudioPipeline": StableAudio.of,
    "AudioLDM2Pipeline": AudioLDM2.of,
    "AceStepPipeline": AceStep.of,
}
"""Pipelines by class: (pipeline, its scheduler's configuration, seconds) → its parts."""


def load(source: str | Path, seconds: float | None = None) -> PipelineModel:
    """A model of a pipeline's, in float32 on the CPU, from a local folder or the hub; tell it prompts with `told`.

    `seconds`: how long a piece the model makes at once, and is told that it makes; left out, its own length. Only safetensors
    are read. HF_HUB_OFFLINE is honoured. Raises MissingExtra without diffusers and transformers; ModelError for a pipeline of
    an unknown class or with another scheduler than it was released with, and where it cannot be had or read; UsageError for
    seconds that it cannot make.
    """
    kind = described("DiffusionPipeline", source).get("_class_name")
    known(kind)
    scheduler = described("DDPMScheduler", source, subfolder="scheduler")
    pipe = fetched(str(kind), "from_pretrained", source, scheduler=None, use_safetensors=True)
    return made(pipe, scheduler, seconds, Path(source).name if Path(source).is_dir() else str(source))


def adapted(pipe: Any, seconds: float | None = None) -> PipelineModel:
    """A model of a pipeline that is at hand; it shares its weights, which are frozen. Raises as `load`."""
    scheduler = {**pipe.scheduler.config, "_class_name": type(pipe.scheduler).__name__}
    return made(pipe, scheduler, seconds, type(pipe).__name__)


def made(pipe: Any, scheduler: Mapping[str, Any], seconds: float | None, name: str) -> PipelineModel:
    """The model of a pipeline and its scheduler's configuration."""
    return PipelineModel(known(type(pipe).__name__)(pipe, scheduler, seconds), name)


def known(kind: object) -> Callable[[Any, Mapping[str, Any], float | None], Parts]:
    """What takes a pipeline of this class apart. Raises ModelError for other classes."""
    if not isinstance(kind, str) or kind not in KNOWN:
        raise ModelError(f"a pipeline of class {kind}; this stemweave knows {', '.join(KNOWN)}")
    return KNOWN[kind]


def described(kind: str, source: str | Path, **where: str) -> Mapping[str, Any]:
    """A configuration that lies with a pipeline."""
    found: Mapping[str, Any] = fetched(kind, "load_config", source, **where)
    return found


def fetched(kind: str, method: str, source: str | Path, **options: Any) -> Any:
    """What a class of diffusers reads from a folder or the hub. Raises ModelError where it cannot."""
    library = diffusers()
    if not hasattr(library, kind):
        raise ModelError(f"diffusers {library.__version__} has no {kind}: pip install -U diffusers")
    load_it: Callable[..., Any] = getattr(getattr(library, kind), method)
    try:
        return load_it(source, local_files_only=constants.HF_HUB_OFFLINE, **options)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError) as error:
        line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"{source} is not what {kind} of diffusers reads: {line}") from error


def diffusers() -> Any:
    """The library. Raises MissingExtra without it, or without transformers."""
    try:
        importlib.import_module("transformers")
        return importlib.import_module("diffusers")
    except ImportError as error:
        raise MissingExtra("pipelines need diffusers and transformers: pip install 'stemweave[diffusers]'") from error
