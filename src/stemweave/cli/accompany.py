"""``stemweave accompany``: new stems in time with those there are."""

import dataclasses
from pathlib import Path

from stemweave.audio.stems import Stems
from stemweave.cli import options
from stemweave.cli.app import complain
from stemweave.cli.manifest import Job
from stemweave.cli.output import shelf
from stemweave.cli.prompts import Asked, words
from stemweave.cli.sampling import changed, settings_of, told_method
from stemweave.cli.takes import Takes
from stemweave.cli.values import encoding, folder_name, given_files, stem_names
from stemweave.tasks.accompany import checked_names, own_conditioning
from stemweave.tasks.prompting import accompanying
from stemweave.tasks.sampler import Progress, Sampler
from stemweave.tasks.song import checked_seed


def accompany(
    given: options.Given,
    make: options.Make = None,
    prompt: options.Prompts = None,
    model: options.TextModel = None,
    takes: options.Takes = 1,
    pick: options.Picked = options.Pick.ALL,
    title: options.Title = "",
    output: options.Output = Path("accompanied"),
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
    method: options.Hearing = None,
    steps: options.Steps = None,
    solver: options.Solver = None,
    churn: options.Churn = None,
    resamples: options.Resamples = None,
    negative: options.Negatives = None,
    guidance: options.Guidance = None,
    seed: options.Seed = None,
) -> None:
    """Play along: new stems in time with the stems you have.

    Give one stem or several of equal length; they come back untouched beside the new ones.
    """
    arguments = dict(locals())
    form = encoding(file_format, int16=int16, int24=int24, float32=float32)
    files, wanted = given_files(given), stem_names(make, "--make")
    first, slug = checked_seed(seed), folder_name(title or f"with-{'-'.join(files)}")
    studio = Asked.of(prompt, negative, guidance).studio(model, quality, device, tuple(files))
    made = checked_names(studio.config, tuple(files), wanted)
    settings = told_method(settings_of(studio.config, quality), method)
    conditioning = own_conditioning(settings)
    used = changed(settings.accompany, steps=steps, solver=solver, churn=churn, resamples=resamples)
    root, names = output / studio.config.name, tuple(name for name in studio.stems if name in (*files, *made))
    place = shelf(root, form, rate=rate, overwrite=overwrite, skip_existing=skip_existing)
    complain(f"seed {first}")

    def play(seed: int, progress: Progress) -> Stems:
        return studio.accompany(
            files, make=made, seed=seed, conditioning=conditioning, sampler=Sampler.of(used), progress=progress
        )

    how = {"method": settings.conditioning} | words(accompanying(studio.model)) | dataclasses.asdict(used)
    job = Job("accompany", arguments, studio, first, settings=how, inputs=files)
    Takes(play, job, takes, place, slug, names).run(pick, jobs, as_json=as_json)
