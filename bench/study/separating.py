"""One song in one setting: separate it, count the network's evaluations, and score the estimates."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from bench.study.rows import Row, text
from bench.study.setting import FIELDS, Setting
from stemweave.audio.windows import segments
from stemweave.evaluation.measures.separation import active_scores
from stemweave.evaluation.protocols.estimators import separator
from stemweave.evaluation.protocols.excerpts import Excerpt
from stemweave.model.model import Model
from stemweave.tasks.separate import direct, segment_grid

PLACE = ("song", "start_s", "length_s")
KEYS = (*FIELDS, "model", *PLACE)
SHARES = {"direct": direct}


def values(stems: Sequence[str]) -> tuple[str, ...]:
    """What is measured: evaluations per window, s of work, whether the walk diverged; dB by stem."""
    by_stem = (f"{what}_{stem}" for what in ("si_sdri", "level") for stem in stems)
    return ("evaluations", "took_s", "diverged", *by_stem)


def place(excerpt: Excerpt) -> Row:
    """Which part of which song it is."""
    length = excerpt.stems.audio.shape[-1] / excerpt.stems.rate
    return {"song": excerpt.song, "start_s": text(excerpt.start), "length_s": text(length)}


def places(several: Iterable[Excerpt]) -> list[Row]:
    """Of several excerpts."""
    return [place(one) for one in several]


def key(setting: Setting, excerpt: Excerpt, model: str) -> Row:
    """What a row is of; ``model`` is the digest of its weights with its precision."""
    return setting.row() | {"model": model} | place(excerpt)


def own_rows(rows: Iterable[Row], model: str, excerpts: Sequence[Row]) -> list[Row]:
    """Those of one model on these `places`."""
    return [row for row in rows if row["model"] == model and {name: row[name] for name in PLACE} in excerpts]


def measure(model: Model, setting: Setting, excerpt: Excerpt) -> Row:
    """Active-only SI-SDRi and level (estimate over truth), dB by stem, mean over score windows; empty where a stem is silent.

    A walk that diverges, so that an estimate is not finite, counts as silence, whose level says nothing.
    """
    references, rate = excerpt.stems.audio, excerpt.stems.rate
    estimate = separator(model, setting.separation, SHARES)
    with counted(model) as batches:
        started = time.perf_counter()
        made = estimate(references, rate, 0)["direct"]
        took = time.perf_counter() - started
    diverged = not made.isfinite().all()
    scores = active_scores(torch.zeros_like(made) if diverged else made, references, rate)
    improvement, level = scores.improvement.nanmean(0), scores.level.nanmean(0)
    found = {f"si_sdri_{name}": text(float(value)) for name, value in zip(excerpt.stems, improvement, strict=True)}
    found |= {f"level_{name}": "" if diverged else text(float(value)) for name, value in zip(excerpt.stems, level, strict=True)}
    parts = len(segments(references.shape[-1], *segment_grid(model, rate)))
    evaluations = len(batches) / parts * setting.draws  # a call hears all windows of a part, in every draw
    return found | {"evaluations": text(evaluations), "took_s": f"{took:.3f}", "diverged": str(int(diverged))}


@contextmanager
def counted(model: Model) -> Iterator[list[int]]:
    """The number of windows in each call of the network while the block runs."""
    batches: list[int] = []

    def count(_module: nn.Module, inputs: tuple[Tensor, ...], _output: Any) -> None:
        batches.append(len(inputs[0]))

    handle = model.register_forward_hook(count)
    try:
        yield batches
    finally:
        handle.remove()
