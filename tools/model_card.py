"""A model's card: README.md of its folder, from its configuration and from the reports of its evaluation in docs/results.

    python tools/model_card.py src/stemweave/model/pretrained/band --hardware "Two hours on two AVX2 CPU cores in float32."

Figures are of reports of these very weights; none is typed by hand.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from figures.reports import RESULTS, Report, cell, of
from figures.separations import improvements

from stemweave.model.checkpoint import CARD, WEIGHTS, build_model, digest, read_config
from stemweave.model.config import ModelConfig, Sampling
from stemweave.tasks.likelihoods import own_likelihood, own_sampling

ROWS = ("masked", "direct", "oracle")

NEAR, SILENT, FIT = "Distance to real songs (log-mel statistics)", "Silent and noisy stems", "Do the stems belong together"
RHYTHM, HARMONY = "rhythm (onsets)", "harmony (chroma)"
BANDS = (
    ("KAD × 100 to real songs", (NEAR, "KAD × 100"), ("generated", "real, half against half")),
    ("the same at one loudness", (f"{NEAR[:-1]} at -23 LUFS)", "KAD × 100"), ("generated", "real, half against half")),
    ("share of silent stems", (SILENT, "mean"), ("generated, silent", "real, silent")),
    ("share of stems that are noise", (SILENT, "mean"), ("generated, noise", "real, noise")),
    ("onsets alike, own stems less strangers'", (FIT, "difference"), (f"{RHYTHM}, generated", f"{RHYTHM}, real")),
    ("chroma alike, own stems less strangers'", (FIT, "difference"), (f"{HARMONY}, generated", f"{HARMONY}, real")),
)
"""Figures of whole bands: what they are called, table and column, and the rows of what is invented and of real songs."""

CARD_TEXT = """---
library_name: stemweave
license: {licence}
pipeline_tag: audio-to-audio
tags: [music, source-separation, diffusion, stems]
---

# {name}

{what}
{millions:.1f} million parameters, bfloat16 on disk.

- **Trained on** {trained_on}.
- **Recipe**: `recipes/{name}.yaml`, {steps} steps. {hardware}
- **Licence**: {licence}. The songs were rendered with the FluidR3 fonts (MIT) and our own synthesis; no recordings.
- **Defaults**: {separation}generation {coupling}, {generate}.

## Figures

{figures}

Songs of our own rendered band; not comparable with results on Slakh2100 or MUSDB18.

## What it cannot do

{limits}
"""

JOINT = (
    """One diffusion model over {stems} at {rate} Hz, mono (arXiv 2302.02257, with learned conditioning).
It separates songs into these stems, plays along to any of them, and invents all of them.""",
    """It knows no vocals, strings, winds or other instruments: they end up in one of its stems. Real recordings sound unlike
its training songs. What it invents and plays along is texture more than music yet: each stem's colour and pulses, no tunes.""",
)
TEXTED = (
    """A diffusion model over mixtures at {rate} Hz, mono, that is told in words what sounds in them (arXiv 2403.11706). It
has heard mixtures of two or more of {stems} only, never one alone. It takes songs apart by names, takes out
one sound that is named, makes stems that are named and plays along.""",
    """It reads the words of its vocabulary only (`config.json`, `reader`), and knows no vocals, strings or winds. It has never
heard a stem alone: what it takes for a bass is what songs with a bass have in common. Stems taken apart are less clean than
those of `band`, which was taught by stems. What it invents is texture more than music.""",
)
LATENT = (
    """A diffusion model over the latents of {stems} at {rate} Hz, mono, and one codec for all of them (arXiv
2409.06190). It plays along to any of its stems, and invents all of them.""",
    """It knows no vocals, strings, winds or other instruments, and takes no songs apart. Everything it makes passes through
its codec, whose own error is in docs/results.md.""",
)


def words(config: ModelConfig) -> tuple[str, str]:
    """What a model of this kind is, and what it cannot do."""
    return TEXTED if config.text else LATENT if config.codec else JOINT


def separations(reports: list[Report]) -> Iterator[str]:
    """One table: data, likelihood and row against stems."""
    if not reports:
        return
    yield from improvements(
        (f"{', '.join(one['data']['splits'])}, {one['likelihood']}, {row}", one, row)
        for one in reports
        for row in ROWS
        if row in one["rows"]
    )
    sizes = {", ".join(r["data"]["splits"]): f"{r['songs']} songs, {r['seconds'] / 60:.0f} minutes" for r in reports}
    yield "; ".join(f"{name}: {size}" for name, size in sizes.items()) + "; 95 % intervals by song."
    yield ""


def separated(found: list[Report], weights: str) -> list[Report]:
    """The longest report on each set of songs and by each likelihood of separations by the weights with this SHA-256."""
    ours = [one for one in found if one["report"] == "separation" and one.get("model", {}).get("sha256") == weights]
    longest = {(*one["data"]["splits"], one["likelihood"]): one for one in sorted(ours, key=lambda one: one["seconds"])}
    return [longest[place] for place in sorted(longest)]


def bands(found: list[Report], weights: str, config: ModelConfig) -> Iterator[str]:
    """One table: the most takes by these weights at defaults beside real songs."""
    takes = [one for one in found if one["report"] == "generation" and made_by(one) == [(weights, at_defaults(config))]]
    if not takes:
        return
    most = max(takes, key=lambda one: one["made"]["songs"])
    yield f"| whole bands: {most['made']['songs']} takes of {most['seconds']:g} s | invented | real |"
    yield "|---|---|---|"
    for title, (kind, column), (invented, real) in BANDS:
        yield f"| {title} | {cell(of(most, kind, invented, column), 2)} | {cell(of(most, kind, real, column), 2)} |"
    yield ""
    songs = f"{most['data']['songs']} songs of {', '.join(most['data']['splits'])}"
    yield f"Real: {songs}; distances are those of one half of them to the other. 95 % intervals."
    yield ""


def at_defaults(config: ModelConfig) -> dict[str, Any]:
    """How a model makes whole bands unless it is asked otherwise, as manifests say it."""
    own = {"coupling": config.settings.coupling, **asdict(config.settings.generate)}
    if config.text:
        own |= {"weight": config.text.generate.weight, "negatives": dict(config.text.generate.negatives)}
    return own


def made_by(one: Report) -> list[tuple[str, dict[str, Any]]]:
    """The weights and the settings, as far as these are of `at_defaults`, that made what a report is about."""
    return [(maker["model"]["sha256"], plain(maker["settings"])) for maker in one.get("made_by", [])]


def plain(settings: dict[str, Any]) -> dict[str, Any]:
    """Without prompts, and of guidance its weight only."""
    guided = {"weight": settings["guidance"]["weight"]} if "guidance" in settings else {}
    return {name: value for name, value in settings.items() if name not in ("guidance", "prompts")} | guided


def shown(sampling: Sampling) -> str:
    """A sampling in a few words."""
    return f"{sampling.steps} × {sampling.solver}, σ {sampling.sigma_max:g} → {sampling.sigma_min:g}"


def card(folder: Path, hardware: str, results: Path = RESULTS) -> str:
    """README.md of a model folder."""
    config = read_config(folder)
    what, limits = words(config)
    count = sum(parameter.numel() for parameter in build_model(config).parameters())
    settings, added = config.settings, config.codec is None or config.codec.linear
    likelihood, sampling = settings.likelihood, own_sampling(settings, own_likelihood(settings))
    found = [json.loads(path.read_text()) for path in sorted(results.glob("*.json"))]
    weights = digest(folder) if (folder / WEIGHTS).exists() else ""
    figures = [*separations(separated(found, weights)), *bands(found, weights, config)] or ["Not measured yet.", ""]
    return CARD_TEXT.format(
        name=config.name, what=what.format(stems=", ".join(config.stems), rate=config.rate), millions=count / 1e6,
        trained_on=config.trained_on or "what its recipe says", steps=config.steps_trained, hardware=hardware, limits=limits,
        licence=config.licence or "not stated", coupling=settings.coupling,
        separation=f"separation by {likelihood}, {shown(sampling)}; " if added else "", generate=shown(settings.generate),
        figures="\n".join(figures[:-1]),
    )  # fmt: skip


def main() -> None:
    """Write one model's card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the reports are (default: docs/results)")
    parser.add_argument("--hardware", default="", help="what it was trained on, and how long, as one sentence")
    asked = parser.parse_args()
    (asked.folder / CARD).write_text(card(asked.folder, asked.hardware, asked.results))


if __name__ == "__main__":
    main()
