"""What a model is, as plain data: the network's shape, what it was trained on, and the settings it is best sampled with."""

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from stemweave.errors import ModelError
from stemweave.model.codec import CodecConfig
from stemweave.nets.dit import LatentTransformerConfig
from stemweave.nets.text import Words
from stemweave.nets.textunet import TextUNetConfig
from stemweave.nets.unet import UNetConfig
from stemweave.nets.unet1d import UNet1dConfig

T = TypeVar("T")


@dataclass(frozen=True)
class Sampling:
    """A solver and a schedule, by value: `steps` noise levels from sigma_max to sigma_min (Karras, rho), then 0.

    Separation takes the mean of `draws` walks from different noise, and begins them at the mixture shared out as `start` names
    ("": as the likelihood does by itself).
    """

    steps: int
    sigma_max: float
    sigma_min: float
    rho: float = 7.0
    solver: str = "euler"
    churn: float = 0.0
    resamples: int = 1
    draws: int = 1
    start: str = ""


@dataclass(frozen=True)
class Settings:
    """How each job is done: how it is sampled, and how the model is told what is given, by names of `stemweave.tasks`.

    Songs are separated by `likelihood`, sampled as the field of its name says; with dirac, stem `anchor` takes what the others
    leave ("": the one expected loudest); an ensemble has the stems `extracted` from the extractor. Accompaniment hears the
    given stems by `conditioning`; stems that are generated hear each other by `coupling`.
    """

    generate: Sampling = Sampling(32, 2.0, 1e-3, solver="heun")
    accompany: Sampling = Sampling(32, 2.0, 1e-3, solver="heun")
    conditioning: str = "learned"
    likelihood: str = "learned"
    anchor: str = ""
    learned: Sampling = Sampling(1, 2.0, 1e-3)
    dirac: Sampling = Sampling(32, 2.0, 1e-3, solver="heun")
    gaussian: Sampling = Sampling(32, 2.0, 1e-3, solver="heun")
    even: Sampling = Sampling(32, 2.0, 1e-3, solver="heun")
    posterior_mean: Sampling = Sampling(32, 2.0, 1e-3, solver="heun")
    extractor: Sampling = Sampling(32, 2.0, 1e-3, solver="heun")
    extracted: tuple[str, ...] = ()
    coupling: str = "joint"


@dataclass(frozen=True)
class EncoderConfig:
    """A frozen model of text: "t5", "clap" or "sentences"; `source`: hub id or local folder, "" for its own default.

    There is one "sentences", which has no source.
    """

    encoder: str
    source: str = ""


@dataclass(frozen=True)
class Prompting:
    """Guidance of one job, as `stemweave.diffusion.guidance.Guidance` has it (`high` 0: no bound).

    `negatives` are pairs of a stem and its negative prompt.
    """

    weight: float = 1.0
    low: float = 0.0
    high: float = 0.0
    rescale: float = 0.0
    negatives: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class TextConfig:
    """How prompts are heard: by a vocabulary or an encoder, `width` numbers a token; and how each job is prompted."""

    reader: Words | EncoderConfig
    width: int = 128
    generate: Prompting = field(default=Prompting())
    accompany: Prompting = field(default=Prompting())
    separate: Prompting = field(default=Prompting())
    extract: Prompting = field(default=Prompting())


@dataclass(frozen=True)
class ModelConfig:
    """Everything beside the weights. `joint` priors have one network over all stems, else one network per stem.

    rate in Hz; window in samples of sound, as trained, of which the network hears `span` at once in use; with a `codec` it
    works on each stem's latents. With `text` it is a model of mixtures, one signal at a time, that is told in words what
    sounds; `stems` are then only those that it is told of by itself. sigma_data (of the latents, where there are any) and
    levels (RMS of a sounding stem) in full scale = 1; mixture_level (RMS) is where a song's level is brought to before the
    network hears it, 0 where songs and given stems are taken as they are.
    errors[i][n] is the mean squared error of stem n at noise level error_sigmas[i] of the unconditional prior, measured on
    validation data. `settings` are the defaults, `best` those that gave the best results whatever they cost.
    Raises ModelError for a span below 1, and for a codec of another rate, number of channels or other stems.
    """

    name: str
    stems: tuple[str, ...]
    rate: int
    window: int
    net: UNetConfig | UNet1dConfig | TextUNetConfig | LatentTransformerConfig
    sigma_data: float
    joint: bool = True
    channels: int = 1
    span: int = 1
    text: TextConfig | None = None
    codec: CodecConfig | None = None
    levels: tuple[float, ...] = ()
    mixture_level: float = 0.1
    settings: Settings = field(default=Settings())
    best: Settings = field(default=Settings())
    error_sigmas: tuple[float, ...] = ()
    errors: tuple[tuple[float, ...], ...] = ()
    trained_on: str = ""
    licence: str = ""
    steps_trained: int = 0

    def __post_init__(self) -> None:
        if self.span < 1:
            raise ModelError(f"{self.name}: span is {self.span}, expected 1 or more windows")
        if self.codec and (self.codec.rate, self.codec.net.channels) != (self.rate, self.channels):
            raise ModelError(
                f"{self.name} has {self.channels} channels at {self.rate} Hz, but its codec {self.codec.name} "
                f"{self.codec.net.channels} at {self.codec.rate} Hz; take the codec it was trained with"
            )
        if self.codec and self.codec.stems not in ((), self.stems):
            raise ModelError(
                f"{self.name} has the stems {', '.join(self.stems)}, but its codec {self.codec.name} a VAE for each of "
                f"{', '.join(self.codec.stems)}; give both the same, in one order"
            )

    @property
    def width(self) -> int:
        """Channels of each stem as the network has it: of its sound, or its codec's latents."""
        return self.codec.net.latent if self.codec else self.channels

    def frames(self, samples: int) -> int:
        """How long that is for the network: as many samples, or the frames of its codec that stand for them."""
        return self.codec.net.frames(samples) if self.codec else samples

    @property
    def hears_stems(self) -> bool:
        """Whether the network itself can be given stems, at noise level 0; else replacement must tell it."""
        return self.joint and isinstance(self.net, UNetConfig | LatentTransformerConfig)

    @property
    def hears_mixtures(self) -> bool:
        """Whether the network itself can be given a mixture; else likelihoods must tell it."""
        return self.joint and isinstance(self.net, UNetConfig)

    @property
    def shortest(self) -> int:
        """The fewest samples the network is at home with: a `UNet1d` wants its whole window (group norms over time)."""
        return self.window if isinstance(self.net, UNet1dConfig) else 1

    def to_json(self) -> str:
        """Readable JSON."""
        return written(self)

    @classmethod
    def from_json(cls, text: str) -> "ModelConfig":
        """Read what `to_json` wrote; raises ModelError on unknown or missing keys and wrong types."""
        return build(cls, parsed(text), "config.json")


def written(config: ModelConfig | CodecConfig) -> str:
    """A configuration as readable JSON."""
    return json.dumps(dataclasses.asdict(config), indent=2) + "\n"


def parsed(text: str) -> object:
    """What a config.json holds, for `build`. Raises ModelError where it is damaged."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ModelError(f"config.json is not JSON ({error}); the model folder is damaged: fetch it again") from error


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


def fits(kind: Any, value: object) -> bool:
    """Whether an object has no keys but the fields of this dataclass."""
    return isinstance(value, Mapping) and set(value) <= {f.name for f in dataclasses.fields(kind)}


def value_of(hint: Any, value: Any, where: str) -> Any:
    """One field's value: nested dataclasses (of several kinds, the first that has these keys), none, tuples, numbers, text."""
    if isinstance(hint, UnionType):
        kinds = [kind for kind in get_args(hint) if kind is not NoneType]
        if value is None and len(kinds) < len(get_args(hint)):
            return None
        hint = next((kind for kind in kinds if fits(kind, value)), kinds[0])
    if dataclasses.is_dataclass(hint):
        return build(hint, value, where)  # type: ignore[arg-type]
    if get_origin(hint) is tuple:
        if not isinstance(value, list | tuple):
            raise ModelError(f"{where}: expected a list, got {value!r}")
        return tuple(value_of(get_args(hint)[0], item, where) for item in value)
    wanted = (int, float) if hint is float else hint
    if isinstance(wanted, type | tuple) and not isinstance(value, wanted):
        raise ModelError(f"{where}: expected {hint.__name__}, got {value!r}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ModelError(f"{where}: expected a finite number, got {value}")
    return value
