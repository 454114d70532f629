"""Extraction of one sound by its name: was it the right one, was nothing invented, and does the answer hold along the song?

Every song is asked for every prompt. Where an instrument is absent the true target is silence, and what comes is a ghost:
measured in windows in which the instrument rests, and in whole songs that it was taken out of.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from stemweave.data.tracks import Track
from stemweave.errors import DataError
from stemweave.evaluation.measures.extraction import best_match, changed, crops, extraction, ghosts, improvement
from stemweave.evaluation.measures.separation import GHOST
from stemweave.evaluation.protocols.cells import SKIPPED, cell
from stemweave.evaluation.reports.journal import Journal
from stemweave.evaluation.reports.report import plain
from stemweave.evaluation.reports.tables import LEAST_SONGS, Cell, Row, Table
from stemweave.evaluation.statistics import Figure, figures, song_means
from stemweave.model.model import Model
from stemweave.tasks.separate import Separation, separate
from stemweave.tasks.song import Clip

Extractor = Callable[[Tensor, int, str, int], Tensor]
"""(mixture (channels, samples), rate in Hz, prompt, seed) → the target, of the mixture's shape."""

Answer = dict[str, Any]
"""To one prompt, as JSON: "si_sdri" (dB), "ghosts" (a level in dB per window without the instrument), "null" (dB), "changed"
(share of crops); None for what cannot be measured."""

By = Mapping[str, Sequence[Sequence[Answer]]]
"""By prompt and song: one answer per seed."""


@dataclass(frozen=True)
class Case:
    """A song, and what it is asked for; ``key`` is unlike any other's."""

    key: str
    track: Track
    prompts: tuple[str, ...]


def cases(track: Track, prompts: Sequence[str], absent: Sequence[str] = ()) -> list[Case]:
    """The song asked for all ``prompts``, and for each of ``absent`` the song without that stem, asked for it."""
    return [
        Case(_song(track), track, tuple(prompts)),
        *(Case(_without(track, name), replace(track, stems={**track.stems, name: ()}), (name,)) for name in absent),
    ]


def by_stem(model: Model, how: Separation) -> Extractor:
    """A model whose prompts are the names of its stems; one separation serves all that are asked of the same mixture."""
    names = model.config.stems

    @lru_cache(maxsize=1)
    def stems(mixture: Tensor, rate: int, seed: int) -> dict[str, Tensor]:
        parts = torch.cat(list(separate(model, Clip(mixture, rate), replace(how, seed=seed))), -1)
        return dict(zip(names, parts, strict=True))

    def extract(mixture: Tensor, rate: int, prompt: str, seed: int) -> Tensor:
        if prompt not in names:
            raise DataError(f"the prompt is {prompt!r}, but {model.config.name} knows {', '.join(names)}: ask for one of these")
        return stems(mixture, rate, seed)[prompt]

    return extract


def measure(
    asked: Sequence[Case], names: Sequence[str], extract: Extractor, seeds: Sequence[int], journal: Journal
) -> Iterator[str]:
    """Ask every case, unless the journal has its answers; gives the key of each as it is done.

    Raises :class:`DataError` for a song that does not say what each of the stems ``names`` is, and as `answers` does.
    """
    for case in asked:
        if case.key not in journal:
            case.track.require(names)
            stems = case.track.read(names)
            truths = {prompt: stems[names.index(prompt)] for prompt in case.prompts}
            journal.add(case.key, answers(stems, truths, case.track.rate, extract, seeds))
        yield case.key


def answers(
    stems: Tensor, truths: Mapping[str, Tensor], rate: int, extract: Extractor, seeds: Sequence[int]
) -> dict[str, list[Answer]]:
    """Ask the sum of ``stems`` (stems, channels, samples; ``rate`` in Hz) for each prompt, and score it against its truth.

    A truth is (channels, samples), zeros where the instrument is absent. The residual is what the target leaves of the
    mixture. Raises :class:`DataError` for NaN, or a target of another shape than the mixture's.
    """
    mixture, found = stems.sum(0), {prompt: list[Answer]() for prompt in truths}
    for seed in seeds:
        for prompt, truth in truths.items():
            target = extract(mixture, rate, prompt, seed)
            if target.shape != mixture.shape:
                raise DataError(f"{prompt!r} gave shape {tuple(target.shape)}, expected {tuple(mixture.shape)} as the mixture")
            found[prompt].append(_answer(target, truth, mixture, stems, rate))
    return found


def tables(tracks: Sequence[Track], prompts: Sequence[str], absent: Sequence[str], journal: Journal) -> Iterator[Table]:
    """All tables of a report."""
    whole = {prompt: [journal[_song(track)][prompt] for track in tracks] for prompt in prompts}
    without = {prompt: [journal[_without(track, prompt)][prompt] for track in tracks] for prompt in absent}
    yield improvements(whole)
    yield ghost_levels("Ghosts in windows without the instrument", whole)
    if without:
        yield ghost_levels("Ghosts in songs without the instrument", without)
    yield steadiness(whole)


def improvements(by: By) -> Table:
    """SI-SDRi of each prompt and last their mean, with intervals by song, seeds averaged inside the song."""
    values = _values(by, "si_sdri")
    spread = _between_seeds(torch.cat([values, values.nanmean(-1, keepdim=True)], -1))
    found = song_means(values.nanmean(1).numpy())
    rows = [Row(name, (cell(figure), sd)) for name, figure, sd in zip((*by, "mean"), found, spread, strict=True)]
    note = "Active-only SI-SDRi, dB, with 95 % intervals by song. The mixture itself, as an answer, would have 0."
    return Table("Extraction by prompt", ("SI-SDRi", "SD between seeds"), tuple(rows), note, least_n=LEAST_SONGS)


def ghost_levels(title: str, by: By) -> Table:
    """What comes for an instrument that is not there, for each prompt, and last for all of them."""
    levels = {prompt: [[x for one in song for x in one["ghosts"]] for song in songs] for prompt, songs in by.items()}
    over, counts = (
        [[count(song) for song in songs] for songs in zip(*levels.values(), strict=True)] for count in (_too_loud, len)
    )
    pools = {prompt: [x for song in songs for x in song] for prompt, songs in levels.items()}
    pools["all"] = [x for pool in pools.values() for x in pool]
    rows = [Row(name, _ghosts(pools[name], share)) for name, share in zip(pools, figures(over, counts), strict=True)]
    note = (
        f"Output in 4 s windows, dB relative to the mixture; good: median ≤ {GHOST:g} and 95th percentile ≤ {GHOST + 10:g}. "
        "The mixture itself would have 0. In the last row levels of all prompts are pooled, and the share is a mean of theirs."
    )
    columns = ("median", "95th percentile", f"share above {GHOST:g} dB", "windows")
    return Table(title, columns, tuple(rows), note, least_n=LEAST_SONGS)


def steadiness(by: By) -> Table:
    """Whether answers stay with one instrument along the song, and whether target and residual make the mixture."""
    found = song_means(_values(by, "changed").nanmean(1).numpy())
    nulls = {prompt: [one["null"] for song in songs for one in song if one["null"] is not None] for prompt, songs in by.items()}
    nulls["all"] = [null for each in nulls.values() for null in each]
    worst = (Cell(max(each)) if each else SKIPPED for each in nulls.values())
    rows = [Row(name, (cell(figure), null)) for name, figure, null in zip(nulls, found, worst, strict=True)]
    note = (
        "Changed crops: share of 10 s crops nearest to another true stem than most of their song's; songs of three or more "
        "crops in which the target sounds. Null test: target + residual - mixture, dB relative to the mixture, the residual "
        "being what the target leaves of it; good: ≤ -80."
    )
    return Table("Stability and null test", ("changed crops", "worst null test"), tuple(rows), note, least_n=LEAST_SONGS)


def _song(track: Track) -> str:
    return f"{track.split}/{track.id}" if track.split else track.id


def _without(track: Track, name: str) -> str:
    return f"{_song(track)} without {name}"


def _answer(target: Tensor, truth: Tensor, mixture: Tensor, stems: Tensor, rate: int) -> Answer:
    found = extraction(target, mixture - target, truth, mixture, rate)
    levels = found.scores.ghost[:, 0]
    return {
        "si_sdri": plain(improvement([found])[0]),
        "ghosts": levels[levels.isfinite()].tolist(),
        "null": plain(found.null),
        "changed": _changed(target, stems, rate) if bool(truth.any()) else None,
    }


def _changed(target: Tensor, stems: Tensor, rate: int) -> float | None:
    matches = [best_match(target[..., cut], stems[..., cut]) for cut in crops(target.shape[-1], rate)]
    try:
        return changed(matches)
    except DataError:
        return None


def _values(by: By, key: str) -> Tensor:
    """(songs, seeds, prompts), float64; NaN where nothing was measured."""
    known = [[[math.nan if one[key] is None else one[key] for one in song] for song in songs] for songs in by.values()]
    return torch.tensor(known, dtype=torch.float64).permute(1, 2, 0)


def _between_seeds(values: Tensor) -> list[Cell]:
    """Standard deviation of each column of (songs, seeds, columns), a mean over songs; skipped for one seed."""
    if values.shape[1] < 2:
        return [SKIPPED] * values.shape[2]
    spread = values.std(1)
    known = zip(spread.nanmean(0).tolist(), spread.isfinite().sum(0).tolist(), strict=True)
    return [cell(Figure(value, math.nan, math.nan, n)) for value, n in known]


def _ghosts(levels: Sequence[float], share: Figure) -> tuple[Cell, ...]:
    if not levels:
        return (SKIPPED,) * 4
    found = ghosts(torch.tensor(levels, dtype=torch.float64))
    return (Cell(found.median, n=share.n), Cell(found.p95, n=share.n), cell(share), Cell(str(found.windows)))


def _too_loud(levels: Sequence[float]) -> int:
    return sum(level > GHOST for level in levels)
