"""Taking a song apart: segment by segment, whatever its length, rate and channels, in flat memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from stemweave.audio.masks import share_out
from stemweave.audio.resample import resample
from stemweave.audio.windows import Segment, crossfade, segments
from stemweave.diffusion.noise import Noise
from stemweave.errors import ModelError, UsageError
from stemweave.model.model import Model
from stemweave.tasks.lengths import decoded, encoded
from stemweave.tasks.likelihoods import Likelihood, learned, own_sampling
from stemweave.tasks.prompting import separating
from stemweave.tasks.sampler import Event, Progress, Sampler, silent_progress
from stemweave.tasks.song import Song, level
from stemweave.tasks.starts import begun

SEGMENT_WINDOWS = 4
"""Length of a segment in windows of the model, unless it hears more at once."""


Share = Callable[[Tensor, int, Tensor, int, Tensor | None], Tensor]
"""(segment of the song (channels, samples), its rate, the model's estimates (stems, channels, model samples), its rate, what
they leave unexplained (channels, model samples) if that is wanted) → (sources, channels, samples) at the song's rate."""


def masked(song: Tensor, rate: int, estimates: Tensor, model_rate: int, unexplained: Tensor | None) -> Tensor:
    """The song itself, shared out in the ratio of the estimates: its own rate, channels and phase. The sources sum to it."""
    sources = estimates if unexplained is None else torch.cat((estimates, unexplained.unsqueeze(0)))
    return share_out(song, rate, sources, model_rate)


def direct(song: Tensor, rate: int, estimates: Tensor, model_rate: int, unexplained: Tensor | None) -> Tensor:
    """The model's own signals at the song's rate, one channel copied to all; the residual is what they leave of the song."""
    stems = resample(estimates, model_rate, rate, song.shape[-1]).expand(-1, song.shape[0], -1)
    return stems.clone() if unexplained is None else torch.cat((stems, (song - stems.sum(0)).unsqueeze(0)))


@dataclass(frozen=True)
class Separation:
    """How to take a song apart.

    likelihood: how the model is told the mixture. sampler: None for the checkpoint's. share: `masked` or `direct`.
    residual: also give what the model cannot explain; its estimates are then not put onto the mixture.
    """

    likelihood: Likelihood = learned
    sampler: Sampler | None = None
    share: Share = masked
    residual: bool = False
    seed: int = 0


def separate(
    model: Model, song: Song, how: Separation = Separation(), progress: Progress = silent_progress
) -> Iterator[Tensor]:
    """Successive blocks of the stems, (stems [+ 1 residual], channels, samples), that join to the song's length.

    Memory depends on the segment, not on the song. The residual, where asked for, is the last source. Cancel by stopping to
    consume, or by an exception from `progress`. Raises ModelError for a model over latents that do not add up as sounds do.
    """
    check_separable(model)
    model = separating(model)
    sampler = how.sampler or Sampler.of(own_sampling(model.config.settings, how.likelihood))
    gain = loudness_gain(model, song)
    length, overlap = segment_grid(model, song.rate)
    plan = segments(song.frames, length, overlap)

    def parts() -> Iterator[tuple[Segment, Tensor]]:
        for item, segment in enumerate(plan):
            watch = reporter(progress, sampler.total, item, len(plan))
            piece = song.read(segment.start, segment.stop)
            yield segment, separate_segment(model, piece, song.rate, segment.start, gain, how, sampler, watch)

    return crossfade(parts())


def additive(model: Model) -> bool:
    """Whether stems sum to the song where the model works, so that it can take songs apart."""
    return model.codec.linear


def check_separable(model: Model) -> None:
    """Raises ModelError where a likelihood cannot tell the model the mixture, which is no sum in its latents.

    Raises UsageError for a single stem, which is the whole mixture.
    """
    if not additive(model):
        raise ModelError(
            f"{model.config.name} works on latents in which stems do not sum to the song, so it cannot take one apart; "
            "use a model over waveforms, or one whose codec is linear, or in Python the Gaussian likelihood that is guided "
            "through the decoder (stemweave.diffusion.decoded.DecodedLikelihood)"
        )
    if len(model.config.stems) == 1:
        raise UsageError(f"the one stem {model.config.stems[0]} would be all of the song: name the others too, or use extract")


def separate_segment(
    model: Model, piece: Tensor, rate: int, start: int, gain: float, how: Separation, sampler: Sampler,
    watch: Callable[[int], None],
) -> Tensor:  # fmt: skip
    """One segment's sources at its own rate. Shape: (channels, samples) → (sources, channels, samples)."""
    config = model.config
    mixture = gain * resample(channels_for(piece, config.channels), rate, config.rate)
    given = encoded(model, mixture[None, None]).squeeze(1).expand(sampler.draws, -1, -1)
    problem = how.likelihood(model, given)
    if sampler.start:
        problem = begun(problem, sampler.start(model, given))
    seeds = tuple(how.seed + draw for draw in range(sampler.draws))
    noise = Noise(seeds, (round(start * config.rate / rate / model.codec.hop),) * sampler.draws, device=model.device)
    state = sampler.run(problem, noise, watch)
    found = problem.answer(state.denoised if how.residual else state.x)  # the former is not yet put onto the mixture
    estimates = decoded(model, found.mean(0, keepdim=True), mixture.shape[-1])[0] / gain
    return how.share(piece, rate, estimates, config.rate, mixture / gain - estimates.sum(0) if how.residual else None)


def channels_for(piece: Tensor, channels: int) -> Tensor:
    """The piece in as many channels as the model has: mixed down, or copied."""
    if piece.shape[0] == channels:
        return piece
    if channels != 1 and piece.shape[0] != 1:
        raise UsageError(f"the song has {piece.shape[0]} channels, the model {channels}; mix it to {channels} first")
    return piece.mean(0, keepdim=True).expand(channels, -1)


def loudness_gain(model: Model, song: Song) -> float:
    """What brings the song to the level the model was trained at; 1 for silence, or if the model takes songs as they are."""
    if not model.config.mixture_level:
        return 1.0
    rms = level(song)
    return model.config.mixture_level / rms if rms > 1e-6 else 1.0


def segment_grid(model: Model, rate: int) -> tuple[int, int]:
    """A segment's length and overlap in samples of the song."""
    window = model.config.window * rate / model.config.rate
    return max(int(max(SEGMENT_WINDOWS, model.config.span) * window), 4), int(window / 4)


def reporter(progress: Progress, total: int, item: int, items: int) -> Callable[[int], None]:
    """Turns the number of a step into an event."""
    return lambda step: progress(Event("separate", step, total, item, items))
