"""``stemweave separate``: songs into their stems."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stemweave.audio.files import Reader
from stemweave.cli import options
from stemweave.cli.app import complain
from stemweave.cli.batch import Task, run
from stemweave.cli.inputs import Song, find_songs
from stemweave.cli.manifest import Facts, Job
from stemweave.cli.output import Piece, Shelf, deliver, shelf
from stemweave.cli.prompts import Asked, heard
from stemweave.cli.sampling import changed, settings_of, told, told_likelihood
from stemweave.cli.values import encoding, known_stems
from stemweave.errors import UsageError
from stemweave.tasks.likelihoods import expected, own_likelihood, own_sampling
from stemweave.tasks.sampler import Progress, Sampler
from stemweave.tasks.separate import Separation, direct, masked
from stemweave.tasks.separate import separate as take_apart
from stemweave.tasks.song import checked_seed
from stemweave.tasks.studio import Studio


def separate(
    songs: options.Songs,
    prompt: options.Prompts = None,
    model: options.TextModel = None,
    stems: options.Stems = None,
    residual: options.Residual = False,
    direct_signals: options.Direct = False,
    output: options.Output = Path("separated"),
    file_format: options.Format = options.FileFormat.WAV,
    int16: options.Int16 = False,
    int24: options.Int24 = False,
    float32: options.Float32 = False,
    rate: options.Rate = None,
    overwrite: options.Overwrite = False,
    skip_existing: options.SkipExisting = False,
    as_json: options.Json = False,
    device: options.Device = "auto",
    jobs: options.Jobs = 1,
    quality: options.Qualities = options.Quality.DEFAULT,
    likelihood: options.Likelihood = None,
    anchor: options.Anchor = None,
    steps: options.Steps = None,
    solver: options.Solver = None,
    churn: options.Churn = None,
    resamples: options.Resamples = None,
    negative: options.Negatives = None,
    guidance: options.Guidance = None,
    seed: options.Seed = None,
) -> None:
    """Take songs apart into their stems.

    Songs may have any length, rate and number of channels.
    The stems are the song's own sound, shared out, and sum to the song.
    The model knows only its own stems: voices and other sounds end up in them.
    """
    arguments = dict(locals())
    form = encoding(file_format, int16=int16, int24=int24, float32=float32)
    studio = Asked.of(prompt, negative, guidance).studio(model, quality, device)
    settings = told_likelihood(settings_of(studio.config, quality), likelihood, anchor)
    rule = own_likelihood(settings)
    if rule is expected and (negative or guidance not in (None, 1)):
        raise UsageError("--guidance and --negative steer a walk: leave them out with --likelihood expected, or use dirac")
    used = changed(own_sampling(settings, rule), steps=steps, solver=solver, churn=churn, resamples=resamples)
    how = Separation(rule, Sampler.of(used), direct if direct_signals else masked, residual, checked_seed(seed))
    kept = known_stems(stems, studio.stems, "--stems")
    root = output / studio.config.name
    place = shelf(root, form, rate=rate, overwrite=overwrite, skip_existing=skip_existing)
    work = Work(studio, how, kept, place, arguments, told(settings) | heard(studio.model, rule) | asdict(used))
    verb = "was told of" if prompt else "knows"
    complain(f"{studio.config.name} {verb} {', '.join(studio.stems)} only: voices and other sounds end up in these")
    work.run(songs, root, jobs, as_json=as_json)


@dataclass(frozen=True)
class Work:
    """What is the same for all songs of a run."""

    studio: Studio
    how: Separation
    kept: tuple[str, ...]
    place: Shelf
    arguments: Mapping[str, Any]
    settings: Mapping[str, Any]
    verb: str = "separate"

    def run(self, songs: Sequence[str], root: Path, jobs: int, *, as_json: bool) -> None:
        """All songs that are wanted; raises what `find_songs` and `batch.run` do."""
        found = find_songs(songs, root)
        wanted = [song for song in found if self.place.wants(song.track)]
        if len(wanted) < len(found):
            complain(f"left out {len(found) - len(wanted)} of {len(found)} songs whose stems are there")
        run([Task(str(song.track), partial(self, song)) for song in wanted], jobs, as_json=as_json)

    def __call__(self, song: Song, progress: Progress) -> Facts:
        """Take one song apart into its folder; its manifest."""
        whole = self.how.residual or self.kept == self.studio.stems
        job = Job(
            self.verb, self.arguments, self.studio, self.how.seed, settings=self.settings, inputs={"song": song.path},
            reference=song.path, whole=whole,
        )  # fmt: skip
        began = time.perf_counter()
        with Reader(song.path) as file:
            return deliver(self.place, song.track, job, began, lambda: self._piece(file, progress))

    def _piece(self, file: Reader, progress: Progress) -> Piece:
        names = (*self.kept, "residual") if self.how.residual else self.kept
        blocks = map(self._chosen, take_apart(self.studio.model, file, self.how, progress))
        return Piece(names, file.rate, file.channels, file.frames, blocks)

    def _chosen(self, block: Tensor) -> tuple[Tensor, Tensor]:
        """The stems to write, with the rest as residual where that is written, and the mix of everything."""
        kept = [index for index, name in enumerate(self.studio.stems) if name in self.kept]
        rest = [index for index in range(len(block)) if index not in kept]
        parts = torch.cat((block[kept], block[rest].sum(0, keepdim=True))) if self.how.residual else block[kept]
        return parts, block.sum(0)
