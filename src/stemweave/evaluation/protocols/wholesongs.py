"""Scores of whole songs, beside those of windows: BSSEval v4 and the plain SDR."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from stemweave.evaluation.measures.bsseval import Frames, bss_eval, global_sdr, museval_metrics
from stemweave.evaluation.reports.kinds import extent
from stemweave.evaluation.reports.report import Report
from stemweave.evaluation.reports.tables import LEAST_SONGS, Cell, Row, Table
from stemweave.evaluation.statistics import Figure, song_means, song_medians

WholeSong = Callable[[Tensor, Tensor, int], Mapping[str, Tensor]]
"""(estimates, references, both (stems, channels, samples), rate in Hz) → by metric, one value per stem; NaN where there is
nothing to say."""

BSSEVAL = {name: f"BSSEval v4, {name.upper()}, dB" for name in ("sdr", "isr", "sir", "sar")}
OVER_SONGS: Mapping[str, Callable[[Sequence[Sequence[float]], int], tuple[Figure, ...]]] = {
    "global_sdr": song_means,
    **{f"bsseval_{name}": song_medians for name in BSSEVAL},
    "bsseval_missing": song_means,
}


def plain(estimates: Tensor, references: Tensor, _rate: int) -> dict[str, Tensor]:
    """`global_sdr`."""
    return {"global_sdr": global_sdr(estimates, references)}


def bsseval() -> WholeSong:
    """`bss_eval`'s medians over frames, and the share of frames that say nothing. Raises MissingExtra without museval."""
    museval_metrics()
    return _bsseval


def _bsseval(estimates: Tensor, references: Tensor, rate: int) -> dict[str, Tensor]:
    stems, _, samples = references.shape
    frames = bss_eval(estimates, references, rate) if samples >= rate else Frames(*torch.empty(4, 0, stems))
    medians = {f"bsseval_{name}": values for name, values in frames.medians.items()}
    return medians | {"bsseval_missing": frames.missing.double().mean().expand(stems)}


def figures(songs: Sequence[Mapping[str, Tensor]], seed: int = 0) -> dict[str, tuple[Figure, ...]]:
    """Per stem and last their mean, by metric; of values (seeds, stems), which are averaged inside their song."""
    means = {metric: [song[metric].nanmean(0).tolist() for song in songs] for metric in songs[0]}
    return {metric: OVER_SONGS[metric](values, seed) for metric, values in means.items()}


def tables(found: Report) -> list[Table]:
    """Of the whole-song metrics among the findings of `summary.findings`."""
    asked = next(iter(found["rows"].values()))["metrics"]
    plain_sdr = [_global(found)] if "global_sdr" in asked else []
    frames = [_frames(found, name) for name in BSSEVAL] if "bsseval_sdr" in asked else []
    return [*frames, *plain_sdr]


def _frames(found: Report, name: str) -> Table:
    metrics = {row: figures["metrics"] for row, figures in found["rows"].items()}
    rows = (
        Row(row, (*_cells(of_row[f"bsseval_{name}"]), Cell(**of_row["bsseval_missing"]["all"])))
        for row, of_row in metrics.items()
    )
    note = (
        f"{extent(found)} Medians over frames of 1 s, then over songs. museval leaves frames out where a stem or estimate is "
        "exactly zero: rows compare only where their shares of such frames do."
    )
    return Table(BSSEVAL[name], (*found["stems"], "all", "frames left out"), tuple(rows), note, least_n=LEAST_SONGS)


def _global(found: Report) -> Table:
    rows = tuple(Row(row, _cells(figures["metrics"]["global_sdr"])) for row, figures in found["rows"].items())
    first = next(iter(found["rows"].values()))["metrics"]["global_sdr"]
    absent = ", ".join(f"{stem} {found['songs'] - first[stem]['n']}" for stem in found["stems"])
    note = f"{extent(found)} Songs left out because the stem is absent: {absent}."
    return Table("Global SDR of whole songs, dB", (*found["stems"], "all"), rows, note, least_n=LEAST_SONGS)


def _cells(metric: Mapping[str, Report]) -> tuple[Cell, ...]:
    return tuple(Cell(**entry) for entry in metric.values())
