"""What a model is, as plain data: the network's shape, what it was trained on, and the settings it is best sampled with."""

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_type_hints

from stemweave.errors import ModelError
from stemweave.nets.unet import UNetConfig

T = TypeVar("T")


@dataclass(frozen=True)
class Sampling:
    """A solver and a schedule, by value: `steps` noise levels from sigma_max to sigma_min (Karras, rho), then 0."""

    steps: int
    sigma_max: float
    sigma_min: float
    rho: float = 7.0
    solver: str = "euler"
    churn: float = 0.0
    resamples: int = 1


@dataclass(frozen=True)
class ModelConfig:
    """Everything beside the weights. `joint` priors have one network over all stems, else one network per stem.

    rate in Hz; window in samples; sigma_data and levels (RMS of a sounding stem) in full scale = 1; mixture_level (RMS) is
    where a song's level is brought to before the network hears it. errors[i][n] is the mean squared error of stem n at noise
    level error_sigmas[i] of the unconditional prior, measured on validation data.
    """

    name: str
    stems: tuple[str, ...]
    rate: int
    window: int
    net: UNetConfig
    sigma_data: float
    joint: bool = True
    channels: int = 1
    levels: tuple[float, ...] = ()
    mixture_level: float = 0.1
    generate: Sampling = field(default=Sampling(32, 2.0, 1e-3, solver="heun"))
    accompany: Sampling = field(default=Sampling(32, 2.0, 1e-3, solver="heun"))
    separate: Sampling = field(default=Sampling(1, 2.0, 1e-3))
    error_sigmas: tuple[float, ...] = ()
    errors: tuple[tuple[float, ...], ...] = ()
    trained_on: str = ""
    licence: str = ""
    steps_trained: int = 0

    def to_json(self) -> str:
        """Readable JSON."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "ModelConfig":
        """Read what `to_json` wrote; raises ModelError on unknown or missing keys and wrong types."""
        try:
            data = json.loads(text)
        except json.JSONDecodeError as error:
            raise ModelError(f"config.json is not JSON ({error}); the model folder is damaged: fetch it again") from error
        return build(cls, data, "config.json")


def build(kind: type[T], data: object, where: str) -> T:
    """A frozen dataclass from plain data, checked. Unknown keys are errors."""
    if not isinstance(data, Mapping):
        raise ModelError(f"{where}: expected an object for {kind.__name__}, got {type(data).__name__}")
    hints, fields = get_type_hints(kind), {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(set(data) - set(fields)):
        raise ModelError(f"{where}: unknown keys {unknown}; this model may need a newer stemweave")
    required = {n for n, f in fields.items() if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING}
    if missing := sorted(required - set(data)):
        raise ModelError(f"{where}: missing keys {missing}")
    return kind(**{name: value_of(hints[name], value, f"{where}: {name}") for name, value in data.items()})


def value_of(hint: Any, value: Any, where: str) -> Any:
    """One field's value: nested dataclasses, tuples from lists, numbers, strings."""
    if dataclasses.is_dataclass(hint):
        return build(hint, value, where)  # type: ignore[arg-type]
    if isinstance(value, list):
        return tuple(tuple(v) if isinstance(v, list) else v for v in value)
    wanted = (int, float) if hint is float else hint
    if isinstance(wanted, type | tuple) and not isinstance(value, wanted):
        raise ModelError(f"{where}: expected {hint.__name__}, got {value!r}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ModelError(f"{where}: expected a finite number, got {value}")
    return value
