"""``stemweave generate``: a whole band, invented."""

import dataclasses
from pathlib import Path

from stemweave.audio.stems import Stems
from stemweave.cli import options
from stemweave.cli.app import complain
from stemweave.cli.manifest import Job
from stemweave.cli.output import shelf
from stemweave.cli.prompts import Asked, words
from stemweave.cli.sampling import changed, settings_of, told_coupling
from stemweave.cli.takes import Takes
from stemweave.cli.values import encoding, folder_name, known_stems
from stemweave.tasks.coupled import own_coupling
from stemweave.tasks.prompting import generating
from stemweave.tasks.sampler import Progress, Sampler
from stemweave.tasks.song import checked_seconds, checked_seed


def generate(
    seconds: options.Seconds = 12.0,
    prompt: options.Prompts = None,
    model: options.TextModel = None,
    stems: options.Stems = None,
    takes: options.Takes = 1,
    pick: options.Picked = options.Pick.ALL,
    title: options.Title = "piece",
    output: options.Output = Path("generated"),
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
    steps: options.Steps = None,
    solver: options.Solver = None,
    churn: options.Churn = None,
    resamples: options.Resamples = None,
    coupling: options.Coupling = None,
    negative: options.Negatives = None,
    guidance: options.Guidance = None,
    seed: options.Seed = None,
) -> None:
    """Invent a piece: all stems of a band, playing together.

    Take k of several has the seed plus k; each goes to <title>-<seed>.
    """
    arguments = dict(locals())
    form = encoding(file_format, int16=int16, int24=int24, float32=float32)
    length, first, slug = checked_seconds(seconds), checked_seed(seed), folder_name(title)
    studio = Asked.of(prompt, negative, guidance).studio(model, quality, device)
    settings = told_coupling(settings_of(studio.config, quality), coupling)
    together = own_coupling(settings)
    used = changed(settings.generate, steps=steps, solver=solver, churn=churn, resamples=resamples)
    names, sampler = known_stems(stems, studio.stems, "--stems"), Sampler.of(used)
    root = output / studio.config.name
    place = shelf(root, form, rate=rate, overwrite=overwrite, skip_existing=skip_existing)
    complain(f"seed {first}")

    def make(seed: int, progress: Progress) -> Stems:
        return studio.generate(length, seed=seed, sampler=sampler, coupling=together, progress=progress)

    how = {"coupling": settings.coupling} | words(generating(studio.model)) | dataclasses.asdict(used)
    job = Job("generate", arguments, studio, first, settings=how)
    Takes(make, job, takes, place, slug, names).run(pick, jobs, as_json=as_json)
