"""What lies between a model's sound and what its network walks over: a codec, or nothing.

Either has `encode`, `decode`, `hop` (samples per frame), `channels` (of what it encodes to) and `linear`.
"""

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from stemweave.errors import ModelError
from stemweave.nets import chunked
from stemweave.nets.sourcevae import SourceVAE, SourceVAEConfig

LARGEST = 16.0
"""Standard deviations at which companded latents end when they are decoded: music hardly has larger ones, and what a model
invents there would be amplified without end."""


@dataclass(frozen=True)
class CodecConfig:
    """Everything of a codec beside its weights. Rate in Hz.

    stems: those that have a VAE each, in this order; none where one VAE codes every stem. mean and std: of each VAE's latents,
    one VAE after another, which are handed out whitened by them; none where they are handed out as they are. compand: whitened
    latents z are handed out as asinh(z/compand) / asinh(1/compand), 0 for as they are; in music most are small and a few very
    large, and companded ones are nearer to normal. linear: whether the latents of a mixture are the sum of its stems' latents;
    these may be scaled, but not shifted or companded, and are of one VAE.
    Raises ModelError where that cannot be.
    """

    name: str
    rate: int
    net: SourceVAEConfig
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    linear: bool = False
    trained_on: str = ""
    licence: str = ""
    steps_trained: int = 0
    stems: tuple[str, ...] = ()
    compand: float = 0.0

    def __post_init__(self) -> None:
        if len(set(self.stems)) != len(self.stems):
            raise ModelError(f"codec {self.name}: a stem is named twice in {', '.join(self.stems)}")
        expected = self.vaes * self.net.latent
        for name, values in (("mean", self.mean), ("std", self.std)):
            if values and len(values) != expected:
                raise ModelError(f"codec {self.name}: got {len(values)} values of {name}, expected {expected} or none")
            if not all(isinstance(value, int | float) and math.isfinite(value) for value in values):
                raise ModelError(f"codec {self.name}: {name} holds {values}, expected finite numbers")
        if dead := [latent for latent, value in enumerate(self.std) if not value > 0]:
            raise ModelError(f"codec {self.name}: the std of latent {dead[0]} is {self.std[dead[0]]}, expected more than 0")
        if not (isinstance(self.compand, int | float) and 0 <= self.compand < math.inf):
            raise ModelError(f"codec {self.name}: compand is {self.compand!r}, expected 0 or more")
        if self.linear and self.compand:
            raise ModelError(f"codec {self.name}: companded latents do not add up; a linear codec has compand 0")
        if self.linear and any(self.mean):
            raise ModelError(f"codec {self.name}: latents that are shifted by a mean do not add up; a linear codec has none")
        if self.linear and self.stems:
            raise ModelError(f"codec {self.name}: latents of one VAE per stem do not add up; a linear codec has one VAE")

    @property
    def vaes(self) -> int:
        """How many networks it has."""
        return max(len(self.stems), 1)

    def check(self, stems: Sequence[str], rate: int, channels: int) -> None:
        """Raises ModelError for sound (rate in Hz) that it does not code as it is."""
        if (rate, channels) != (self.rate, self.net.channels):
            raise ModelError(
                f"codec {self.name} has {self.net.channels} channels at {self.rate} Hz, the sound {channels} at {rate} Hz; "
                "prepare it with the codec's rate and channels"
            )
        if self.stems and self.stems != tuple(stems):
            raise ModelError(f"codec {self.name} has a VAE for each of {', '.join(self.stems)}, got {', '.join(stems)}")


class Codec(nn.Module):
    """One `SourceVAE` for every stem, or one each; their latents are whitened."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.config = config
        if config.stems:
            self.nets = nn.ModuleList(SourceVAE(config.net) for _ in config.stems)
        else:
            self.net = SourceVAE(config.net)

    @property
    def hop(self) -> int:
        """Samples per frame."""
        return self.config.net.hop

    @property
    def channels(self) -> int:
        """Latents per frame."""
        return self.config.net.latent

    @property
    def linear(self) -> bool:
        """Whether latents add up as sounds do."""
        return self.config.linear

    def encode(self, audio: Tensor) -> Tensor:
        """Whitened latents. Shape: (batch, stems, channels, samples) → (batch, stems, latents, frames).

        Sounds pass one by one and in chunks, so that memory grows neither with their number nor with their length (where no
        gradient is asked for). Raises ModelError where there are no samples, or other stems than it has VAEs.
        """
        pairs = zip(self.each(audio.shape[1]), audio.unbind(1), strict=True)
        made = [torch.cat([chunked.encode(net, sound) for sound in sounds.split(1)]) for net, sounds in pairs]
        return self._whitened(torch.stack(made, 1))

    def decode(self, latents: Tensor, samples: int) -> Tensor:
        """Sound of a length. Shape: (batch, stems, latents, frames) → (batch, stems, channels, samples).

        As `encode`, one by one and in chunks. Raises ModelError when the frames do not hold that many samples, or for other
        stems than it has VAEs.
        """
        pairs = zip(self.each(latents.shape[1]), self._coloured(latents).unbind(1), strict=True)
        made = [torch.cat([chunked.decode(net, one, samples) for one in several.split(1)]) for net, several in pairs]
        return torch.stack(made, 1)

    def each(self, stems: int) -> Sequence[SourceVAE]:
        """The VAE of each of so many stems. Raises ModelError where there are not as many."""
        if not self.config.stems:
            return [self.net] * stems
        if stems != len(self.config.stems):
            known = ", ".join(self.config.stems)
            raise ModelError(f"codec {self.config.name} has a VAE for each of {known}, in this order; got {stems} stems")
        return list(self.nets)  # type: ignore[arg-type]

    def of(self, stem: str) -> "Codec":
        """The codec of that stem alone, sharing its weights. Raises ModelError for a stem that it has no VAE for."""
        config = self.config
        if not config.stems:
            return self
        if stem not in config.stems:
            raise ModelError(f"codec {config.name} has a VAE for each of {', '.join(config.stems)}, and none for {stem!r}")
        place = config.stems.index(stem)
        own = slice(place * self.channels, (place + 1) * self.channels)
        with torch.device("meta"):
            alone = Codec(replace(config, stems=(), mean=config.mean[own], std=config.std[own]))
        alone.net = self.nets[place]  # type: ignore[assignment]
        return alone

    def silence(self, stems: int) -> Tensor:
        """The latents of silence away from its ends. Shape: (stems, latents)."""
        middle = chunked.context(self.config.net)
        zeros = torch.zeros(1, stems, self.config.net.channels, (2 * middle + 1) * self.hop)
        return self.encode(zeros.to(next(self.parameters())))[0, ..., middle]

    def digest(self) -> str:
        """SHA-256 of all that decides what its latents are: its form, its statistics, its encoders' weights."""
        config = self.config
        facts = (config.rate, config.net, config.stems, config.mean, config.std)
        found = hashlib.sha256(repr((*facts, config.compand) if config.compand else facts).encode())
        for name, value in sorted(self.state_dict().items()):
            if "decoder" in name.split("."):
                continue
            found.update(name.encode() + value.detach().float().cpu().contiguous().numpy().tobytes())
        return found.hexdigest()

    def _whitened(self, latents: Tensor) -> Tensor:
        """Shape: (batch, stems, latents, frames) → the same."""
        latents = latents - self._each_latent(self.config.mean, latents) if self.config.mean else latents
        latents = latents / self._each_latent(self.config.std, latents) if self.config.std else latents
        knee = self.config.compand
        return (latents / knee).asinh() / math.asinh(1 / knee) if knee else latents

    def _coloured(self, latents: Tensor) -> Tensor:
        """Takes `_whitened` back."""
        knee = self.config.compand
        latents = ((latents * math.asinh(1 / knee)).sinh() * knee).clamp(-LARGEST, LARGEST) if knee else latents
        latents = latents * self._each_latent(self.config.std, latents) if self.config.std else latents
        return latents + self._each_latent(self.config.mean, latents) if self.config.mean else latents

    def _each_latent(self, values: tuple[float, ...], latents: Tensor) -> Tensor:
        """Statistics as they lie beside latents. Shape: (1 or stems, latents, 1)."""
        return latents.new_tensor(values).view(-1, self.channels, 1)


def joined(name: str, codecs: Mapping[str, Codec]) -> Codec:
    """One codec of several, each of which becomes the VAE of the stem by whose name it is given.

    Raises ModelError where they differ in rate, in form or in whether they have statistics, or have several VAEs already.
    """
    configs = [codec.config for codec in codecs.values()]
    if not configs:
        raise ModelError(f"codec {name}: got none to join, expected one for each stem")
    first = configs[0]
    for config in configs:
        if config.stems:
            raise ModelError(f"codec {config.name} has a VAE for each of {', '.join(config.stems)} already; join single ones")
        if (config.rate, config.net, bool(config.mean), bool(config.std)) != (
            first.rate, first.net, bool(first.mean), bool(first.std),
        ):  # fmt: skip
            raise ModelError(f"codecs {first.name} and {config.name} differ in more than weights; train them by one recipe")
    together = Codec(
        replace(
            first,
            name=name,
            stems=tuple(codecs),
            mean=tuple(value for config in configs for value in config.mean),
            std=tuple(value for config in configs for value in config.std),
            linear=False,
            trained_on=_listed(config.trained_on for config in configs),
            licence=_listed(config.licence for config in configs),
            steps_trained=max(config.steps_trained for config in configs),
        )
    )
    for net, codec in zip(together.nets, codecs.values(), strict=True):
        net.load_state_dict(codec.net.state_dict())
    return together.eval().requires_grad_(False)


def _listed(texts: Iterable[str]) -> str:
    """Different texts, one after another."""
    return "; ".join(dict.fromkeys(text for text in texts if text))


class Identity(nn.Module):
    """No codec, in a codec's form: the network walks over the sound itself."""

    hop, linear = 1, True

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def encode(self, audio: Tensor) -> Tensor:
        """Shape: any → the same."""
        return audio

    def decode(self, latents: Tensor, samples: int) -> Tensor:
        """The first `samples` samples. Shape: (..., at least as many) → (..., samples)."""
        return latents[..., :samples]
