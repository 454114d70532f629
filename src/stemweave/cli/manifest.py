"""The manifest beside every result: what made it, from what, how loud it is, and whether its parts sum up."""

import json
import math
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import soundfile

from stemweave.audio.files import Reader
from stemweave.audio.stemfiles import Level, Written, decibel, null_depth
from stemweave.audio.stems import PRESENT
from stemweave.cli.inputs import digest
from stemweave.errors import DataError
from stemweave.model import checkpoint
from stemweave.tasks.studio import Studio

MANIFEST = "manifest.json"
Facts = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """How a piece came to be.

    ``whole`` says that its parts make up a whole, ``reference`` which file that is; None stands for its own mix.
    """

    verb: str
    arguments: Mapping[str, Any]
    studio: Studio
    seed: int
    take: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Path] = field(default_factory=dict)
    reference: Path | None = None
    whole: bool = True


@dataclass(frozen=True)
class Timing:
    """Seconds of work and seconds of sound."""

    work: float
    sound: float


def describe(job: Job, folder: Path, done: Written, timing: Timing) -> Facts:
    """Everything a manifest says."""
    with Reader(done.files["mix"]) as mix:
        shape = {"rate": mix.rate, "channels": mix.channels, "samples": mix.frames}
    return {
        "verb": job.verb,
        "folder": str(folder),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "arguments": {name: _plain(value) for name, value in job.arguments.items()},
        "settings": dict(job.settings),
        "model": {"name": job.studio.config.name, "sha256": _weights(job.studio.folder)},
        "seed": job.seed,
        "take": job.take,
        "versions": versions(),
        "device": str(job.studio.model.device),
        "precision": str(job.studio.precision).removeprefix("torch."),
        **shape,
        "gain": done.gain,
        "files": {name: path.name for name, path in done.files.items()},
        "levels": {name: _level(level, done.gain) for name, level in done.levels.items()},
        "null_db": _null(job, done, shape),
        "timings": {"seconds": round(timing.work, 3), "times_real_time": round(timing.sound / timing.work, 3)},
        "inputs": {name: input_facts(path) for name, path in job.inputs.items()},
    }


def makers(folder: Path) -> list[Facts]:
    """The models that made what lies under a folder, each with its settings, once; none of what has no manifests of ours.

    Raises DataError for a manifest that is damaged.
    """
    found = {json.dumps(facts, sort_keys=True) for facts in _makers(folder)}
    return [json.loads(facts) for facts in sorted(found)]


def _makers(folder: Path) -> Iterator[Facts]:
    for path in folder.rglob(MANIFEST):
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(f"{path} cannot be read ({error}): make the take again, or remove the file") from error
        if isinstance(facts, dict) and {"model", "settings"} <= facts.keys():
            yield {"model": facts["model"], "settings": facts["settings"]}


def _null(job: Job, done: Written, shape: Mapping[str, int]) -> float | None:
    """RMS of (parts − what they sum to) in dB; None where they do not make a whole at the reference's rate."""
    parts = [path for name, path in done.files.items() if name != "mix"]
    if not job.whole:
        return None
    if job.reference is None:
        return _finite(null_depth(parts, done.files["mix"]))
    with Reader(job.reference) as song:
        comparable = shape == {"rate": song.rate, "channels": song.channels, "samples": song.frames}
    return _finite(null_depth(parts, job.reference, done.gain)) if comparable else None


def _level(level: Level, gain: float) -> Facts:
    return {
        "peak_dbfs": _finite(decibel(level.peak * gain)),
        "rms_dbfs": _finite(decibel(level.rms * gain)),
        "present": level.rms >= PRESENT,
    }


def input_facts(path: Path) -> Facts:
    """A file's hash and shape."""
    with Reader(path) as file:
        shape = {"rate": file.rate, "channels": file.channels, "samples": file.frames}
    return {"path": str(path), "sha256": digest(path), **shape}


@cache
def _weights(folder: Path) -> str:
    return checkpoint.digest(folder)


def versions() -> dict[str, str]:
    """Of what decides the result."""
    packages = {name: version(name) for name in ("stemweave", "torch", "soundfile", "soxr")}
    return {**packages, "libsndfile": soundfile.__libsndfile_version__, "python": platform.python_version()}


def _finite(decibels: float) -> float | None:
    """JSON has no infinity: silence is null."""
    return round(decibels, 2) if math.isfinite(decibels) else None


def _plain(value: object) -> object:
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value if isinstance(value, str | int | float | None) else str(value)
