"""``stemweave extract``: one sound that can be named, out of songs."""

from dataclasses import asdict, replace
from pathlib import Path

from stemweave.cli import options
from stemweave.cli.output import shelf
from stemweave.cli.prompts import NEGATIVES, TEXTED, Asked, heard
from stemweave.cli.sampling import changed, settings_of
from stemweave.cli.separate import Work
from stemweave.cli.values import encoding
from stemweave.errors import UsageError
from stemweave.tasks.extract import AGAINST_REST, duet, extraction, own_rule, own_walk
from stemweave.tasks.sampler import Sampler
from stemweave.tasks.separate import direct, masked
from stemweave.tasks.song import checked_seed


def extract(
    songs: options.Songs,
    prompt: options.Prompt,
    rest: options.Rest = None,
    model: options.ToldModel = None,
    direct_signals: options.Direct = False,
    output: options.Output = Path("extracted"),
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
    negative: options.Negative = None,
    guidance: options.Guidance = None,
    steps: options.Steps = None,
    solver: options.Solver = None,
    churn: options.Churn = None,
    resamples: options.Resamples = None,
    seed: options.Seed = None,
) -> None:
    """Take one sound out of songs by its name: target, and residual, which sum to the song.

    Songs may have any length, rate and number of channels.
    """
    arguments = {**locals(), "prompt": prompt[0]}
    if len(prompt) > 1:
        raise UsageError(f"-p names what is taken out, got it {len(prompt)} times: say {', '.join(prompt)!r}, or use separate")
    form = encoding(file_format, int16=int16, int24=int24, float32=float32)
    usual = [negative] if negative is not None and negative in NEGATIVES else None
    studio = Asked.of(None, usual, guidance).studio(model or TEXTED, quality, device)
    studio = replace(studio, model=duet(studio.model, prompt[0], None if usual else negative, rest))
    settings = settings_of(studio.config, quality)
    asked = {steps, solver, churn, resamples} != {None} or usual is not None or quality is options.Quality.PAPER
    rule = AGAINST_REST if asked else own_rule(settings)
    used = changed(own_walk(settings, rule), steps=steps, solver=solver, churn=churn, resamples=resamples)
    how = extraction(rule, Sampler.of(used), direct if direct_signals else masked, checked_seed(seed))
    root = output / studio.config.name
    place = shelf(root, form, rate=rate, overwrite=overwrite, skip_existing=skip_existing)
    work = Work(studio, how, studio.stems, place, arguments, heard(studio.model, rule) | asdict(used), "extract")
    work.run(songs, root, jobs, as_json=as_json)
