"""What a codec's latents of single stems are like: their mean and spread, and whether they add up as sounds do."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from stemweave.data.crops import Item
from stemweave.data.shards import ACTIVE, Cache
from stemweave.errors import DataError
from stemweave.evaluation.measures.codec import additivity_error
from stemweave.model.codec import Codec

LINEAR = 0.1
"""Additivity error, of encoder and decoder, up to which a codec counts as linear: what does not add up is then 20 dB below the
mixture, less than separation leaves."""


@dataclass(frozen=True)
class Statistics:
    """Of each VAE's latents where its stems sound, float64 (VAEs, latents): mean, standard deviation, root mean square.

    frames: of how many, VAE by VAE.
    """

    mean: Tensor
    std: Tensor
    rms: Tensor
    frames: tuple[int, ...]


@dataclass(frozen=True)
class Additivity:
    """Mean `additivity_error` of the encoder and of the decoder, over so many pairs of sounds."""

    encoder: float
    decoder: float
    pairs: int

    @property
    def worst(self) -> float:
        """The larger one."""
        return max(self.encoder, self.decoder)


@dataclass(frozen=True)
class Measured:
    """What a codec was finished by; without additivity where there is no mixture that it could code."""

    statistics: Statistics
    additivity: Additivity | None


def finish(
    codec: Codec, cache: Cache, tracks: Iterable[int], crops: Iterable[Item], threshold: float = LINEAR, compand: float = 0.0
) -> Measured:
    """Measure a codec on these tracks and crops of a cache, and set its mean, its std and whether it is linear by it.

    Additivity is that of latents scaled by their root mean square, as diffusion has them: each counts alike. Where no error is
    above `threshold` the codec is linear, and scaled so; else its latents have mean 0 and variance 1, and are companded then,
    as `CodecConfig` says. Raises as `statistics` does, and ModelError for a latent that never changes.
    """
    codec.config = replace(codec.config, mean=(), std=(), compand=0.0, linear=False)
    found = statistics(codec, cache, tracks)
    codec.config = replace(codec.config, std=rounded(found.rms))
    errors = None if codec.config.stems else additivity(codec, crops)
    if errors and errors.worst <= threshold:
        codec.config = replace(codec.config, linear=True)
    else:
        codec.config = replace(codec.config, mean=rounded(found.mean), std=rounded(found.std), compand=compand)
    return Measured(found, errors)


def rounded(values: Tensor) -> tuple[float, ...]:
    """One after another, to as many digits as float32 has."""
    return tuple(float(f"{value:.9g}") for value in values.flatten().tolist())


@torch.no_grad()
def statistics(codec: Codec, cache: Cache, tracks: Iterable[int]) -> Statistics:
    """Of a codec's latents, as it hands them out, of these tracks' stems in each second whose RMS is at least -60 dBFS.

    One track is held at a time. Raises ModelError for a cache of another rate, other channels or other stems than the codec's,
    and DataError where a VAE's stems are silent throughout.
    """
    codec.config.check(cache.stems, cache.rate, cache.channels)
    sums = torch.zeros(2, codec.config.vaes, codec.channels, dtype=torch.float64)
    frames = [0] * codec.config.vaes
    for track in tracks:
        audio = torch.from_numpy(cache.read(track, 0, cache.tracks[track].frames))
        latents = codec.encode(audio[None])[0].double()
        for stem, heard in enumerate(sounding(audio, cache.rate, codec.hop)):
            values, vae = latents[stem][:, : len(heard)][:, heard], stem if codec.config.stems else 0
            sums[:, vae] += torch.stack((values, values.square())).sum(-1)
            frames[vae] += values.shape[-1]
    if not all(frames):
        names = codec.config.stems or (", ".join(cache.stems),)
        silent = ", ".join(name for name, count in zip(names, frames, strict=True) if not count)
        raise DataError(f"{silent} silent in all songs (RMS under -60 dBFS); measure codec {codec.config.name} on others")
    mean, power = sums / torch.tensor(frames)[:, None]
    return Statistics(mean, (power - mean.square()).clamp(min=0).sqrt(), power.sqrt(), tuple(frames))


def sounding(audio: Tensor, rate: int, hop: int) -> Tensor:
    """Which frames of `hop` samples begin in a second of sound. Shape: (stems, channels, samples) → bool (stems, frames)."""
    power = audio.double().square().mean(1)
    seconds = torch.stack([second.mean(-1) for second in power.split(rate, -1)], -1)
    return (seconds >= ACTIVE**2)[:, torch.arange(0, audio.shape[-1], hop) // rate]


@torch.no_grad()
def additivity(codec: Codec, crops: Iterable[Item]) -> Additivity | None:
    """Of the two loudest stems of each crop, where both are known and active; none where no crop has such a pair.

    Of latents as the codec hands them out. Crops are (stems, channels, samples), and which stems are known (stems,).
    """
    found = [errors(codec, *pair) for audio, known in crops if (pair := loudest(audio, known))]
    if not found:
        return None
    encoder, decoder = (sum(each) / len(found) for each in zip(*found, strict=True))
    return Additivity(encoder, decoder, len(found))


def loudest(audio: Tensor, known: Tensor) -> tuple[Tensor, Tensor] | None:
    """The two loudest known stems (channels, samples), or none where fewer are active."""
    power = audio.square().mean((1, 2)) * known
    first, *others = power.argsort(descending=True).tolist()
    return (audio[first], audio[others[0]]) if others and power[others[0]] >= ACTIVE**2 else None


def errors(codec: Codec, one: Tensor, other: Tensor) -> tuple[float, float]:
    """The encoder's additivity error for two sounds (channels, samples), and the decoder's for their latents."""

    def encode(sound: Tensor) -> Tensor:
        return codec.encode(sound[None, None])

    def decode(latents: Tensor) -> Tensor:
        return codec.decode(latents, one.shape[-1])

    return additivity_error(encode, one, other), additivity_error(decode, encode(one), encode(other))
