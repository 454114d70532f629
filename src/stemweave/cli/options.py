"""The options of the verbs: the same letters and words everywhere."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

SOUND, FILES, METHOD = "What to make", "Files", "How it is made"


class FileFormat(StrEnum):
    """Formats to write, by name."""

    WAV = "wav"
    FLAC = "flac"
    OGG = "ogg"
    MP3 = "mp3"


class Pick(StrEnum):
    """Which of several takes to keep."""

    ALL = "all"
    LOUDEST = "loudest"


class Quality(StrEnum):
    """Which of the model's settings to start from."""

    DEFAULT = "default"
    BEST = "best"
    PAPER = "paper"


# --- what to make
Model = Annotated[str, typer.Option("-n", "--model", help="A model by name, folder or hub id.", rich_help_panel=SOUND)]
TextModel = Annotated[
    str | None,
    typer.Option(
        "-n",
        "--model",
        help="A model by name, folder or hub id. (default: band; with prompts gmsdi-band)",
        rich_help_panel=SOUND,
    ),
]
Prompts = Annotated[
    list[str] | None,
    typer.Option("-p", "--prompt", help='A stem by a name of yours and what it is: bass="slap bass".', rich_help_panel=SOUND),
]
Prompt = Annotated[
    list[str], typer.Option("-p", "--prompt", help='What to take out: "clean electric guitar".', rich_help_panel=SOUND)
]
ToldModel = Annotated[
    str | None,
    typer.Option("-n", "--model", help="A model by name, folder or hub id. (default: gmsdi-band)", rich_help_panel=SOUND),
]
Rest = Annotated[
    str | None,
    typer.Option("--rest", help='What else sounds: "drums, bass". (default: what else the model knows)', rich_help_panel=SOUND),
]
Negatives = Annotated[
    list[str] | None,
    typer.Option(
        "--negative",
        help="bass=drums keeps drums out of the bass; none: nothing; paper: as in 2403.11706. (default: the model's)",
        rich_help_panel=METHOD,
    ),
]
Negative = Annotated[
    str | None,
    typer.Option("--negative", help="What it is not; or own, none, paper. (default: the model's own)", rich_help_panel=METHOD),
]
Guidance = Annotated[
    float | None,
    typer.Option(
        "--guidance",
        help="How strongly to follow prompts, at all noise levels; 1: plainly, and negative prompts do nothing. "
        "(default: the model's)",
        rich_help_panel=METHOD,
    ),
]
Coupling = Annotated[
    str | None,
    typer.Option(
        "--coupling",
        help="How stems hear each other: joint, coherent (-root, -proportional, -sources, -gradients), consistent, "
        "consistent-power, imitating: docs/gmsdi.md. (default: the model's)",
        rich_help_panel=METHOD,
    ),
]
Songs = Annotated[list[str], typer.Argument(help="Songs, folders of songs, or patterns in quotes.", show_default=False)]
Example = Annotated[Path, typer.Argument(help="A folder with the song's true stems.")]
Stems = Annotated[
    str | None, typer.Option("--stems", help="Only these, such as drums,bass. (default: all)", rich_help_panel=SOUND)
]
Residual = Annotated[bool, typer.Option("--residual", help="Also write what the stems do not explain.", rich_help_panel=SOUND)]
Direct = Annotated[
    bool,
    typer.Option("--direct", help="The model's own signals, not the song's own sound.", rich_help_panel=SOUND),
]
Given = Annotated[
    list[str],
    typer.Option("--given", help="A stem you have: NAME=FILE, such as drums=drums.wav.", rich_help_panel=SOUND),
]
Make = Annotated[
    str | None,
    typer.Option("--make", help="Stems to make, such as bass,piano. (default: all others)", rich_help_panel=SOUND),
]
Seconds = Annotated[float, typer.Option("--seconds", help="Length of the piece.", rich_help_panel=SOUND)]
Takes = Annotated[int, typer.Option("--takes", help="How many versions to make.", rich_help_panel=SOUND)]
Picked = Annotated[Pick, typer.Option("--pick", help="Which of several takes to keep.", rich_help_panel=SOUND)]
Title = Annotated[str, typer.Option("--title", help="What to call the piece's folder.", rich_help_panel=SOUND)]

# --- files
Output = Annotated[Path, typer.Option("-o", "--output", help="Results go to OUTPUT/<model>/<track>/.", rich_help_panel=FILES)]
Format = Annotated[FileFormat, typer.Option("--format", help="File format.", rich_help_panel=FILES)]
Int16 = Annotated[bool, typer.Option("--int16", help="16-bit WAV or FLAC.", rich_help_panel=FILES)]
Int24 = Annotated[bool, typer.Option("--int24", help="24-bit WAV or FLAC, for a DAW.", rich_help_panel=FILES)]
Float32 = Annotated[bool, typer.Option("--float32", help="32-bit float WAV, as by default.", rich_help_panel=FILES)]
Rate = Annotated[
    int | None, typer.Option("--rate", help="Sample rate of the files in Hz. (default: kept)", rich_help_panel=FILES)
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace results that are there.", rich_help_panel=FILES)]
SkipExisting = Annotated[bool, typer.Option("--skip-existing", help="Leave out what is there already.", rich_help_panel=FILES)]
Json = Annotated[bool, typer.Option("--json", help="Print what was made as JSON.", rich_help_panel=FILES)]

# --- how it is made
Device = Annotated[str, typer.Option("-d", "--device", help="Where to compute: auto, cpu, cuda, mps.", rich_help_panel=METHOD)]
Jobs = Annotated[int, typer.Option("-j", "--jobs", help="Pieces worked on side by side.", rich_help_panel=METHOD)]
Seed = Annotated[
    int | None,
    typer.Option("--seed", help="Same seed, same sound. (default: drawn, and noted)", rich_help_panel=METHOD),
]
Qualities = Annotated[
    Quality,
    typer.Option(
        "--quality",
        help="default: good and quick; best: the best we found, slower where a model has better than its default; paper: as "
        "its authors sampled, very slow, for models that are told in words.",
        rich_help_panel=METHOD,
    ),
]
Likelihood = Annotated[
    str | None,
    typer.Option(
        "--likelihood",
        help="How the model hears the song: learned, dirac, gaussian, even, posterior-mean, expected, extractor, ensemble. "
        "(default: the model's)",
        rich_help_panel=METHOD,
    ),
]
Anchor = Annotated[
    str | None,
    typer.Option(
        "--anchor",
        help="With dirac: the stem that takes what the others leave. (default: the one expected loudest)",
        rich_help_panel=METHOD,
    ),
]
Hearing = Annotated[
    str | None,
    typer.Option(
        "--method",
        help="How the model hears the given stems: learned, replacement; for models told in words coherent (-root, "
        "-proportional, -sources, -gradients), consistent, consistent-power. (default: the model's)",
        rich_help_panel=METHOD,
    ),
]
Steps = Annotated[
    int | None,
    typer.Option("--steps", help="Refinement steps; more is slower. (default: the model's)", rich_help_panel=METHOD),
]
Solver = Annotated[
    str | None,
    typer.Option(
        "--solver",
        help="How a step is taken: euler, heun, adpm2, ancestral, dpm2m, dpm2m-sde. (default: the model's)",
        rich_help_panel=METHOD,
    ),
]
Churn = Annotated[
    float | None,
    typer.Option("--churn", help="Fresh noise stirred in on the way. (default: the model's)", rich_help_panel=METHOD),
]
Resamples = Annotated[
    int | None,
    typer.Option("--resamples", help="How often each step is taken. (default: the model's)", rich_help_panel=METHOD),
]
