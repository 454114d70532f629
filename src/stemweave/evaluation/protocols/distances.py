"""How far a set of bands is from real songs, as a whole band and stem by stem."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from stemweave.audio.stems import Stems
from stemweave.evaluation.embeddings.embedding import Embedding
from stemweave.evaluation.measures.sets import coverage, density, frechet_distance, kad, kernel_width
from stemweave.evaluation.measures.strangers import dealt
from stemweave.evaluation.measures.subsets import Distance, Songs, frechet_infinity, interval
from stemweave.evaluation.protocols.cells import ENOUGH, cell, where_possible
from stemweave.evaluation.protocols.excerpts import Excerpt, embedded
from stemweave.evaluation.reports.tables import Cell, Row, Table

Voice = Callable[[Stems], torch.Tensor]


def distances(
    made: Sequence[Excerpt], real: Sequence[Excerpt], embedding: Embedding, seed: int, training: Sequence[Excerpt] = ()
) -> Table:
    """How far the generated set is from the real one, beside controls.

    The floor is one half of the real songs against the other, and where they are given that of the songs of ``training``;
    *shuffled* are bands whose stems come from different real songs: near the floor, a distance says nothing about stems that
    fit. Bands of one stem have neither stems nor what is shuffled. Raises :class:`DataError` where the real songs are silent.
    """
    whole, several = _songs(real, _mixture, embedding), len(real[0].stems) > 1
    width = kernel_width(whole.points, seed)
    strange = [_songs(_shuffled(real, seed), _mixture, embedding)] if several else []
    shuffled = [_row("real, shuffled", whole, songs, seed) for songs in strange]
    floor = _row("real, half against half", *whole.halves(seed), seed)
    rows = [_row("generated", whole, _songs(made, _mixture, embedding), seed), *shuffled, floor]
    if training:
        rows.append(_row("training songs", whole, _songs(training, _mixture, embedding), seed))
    for name in real[0].stems if several else ():
        voice = partial(_stem, name)
        rows.append(_row(f"generated {name}", _songs(real, voice, embedding), _songs(made, voice, embedding), seed))
    columns = ("KAD × 100", "Fréchet", "Fréchet, many songs", "density", "coverage")
    note = (
        f"Embedding: {embedding.name}. Intervals: 95 %, by song. Distances of different embeddings do not compare. "
        f"Width of the mixtures' kernel: {width:.4g}." + "".join(_blindness(row, floor) for row in shuffled)
    )
    return Table(f"Distance to real songs ({embedding.name})", columns, tuple(rows), note, digits=3, least_n=ENOUGH)


def _row(name: str, reference: Songs, candidate: Songs, seed: int) -> Row:
    def by_song(distance: Distance) -> Callable[[], Cell]:
        return lambda: cell(interval(distance, reference, candidate, seed))

    def kernel() -> Cell:
        return by_song(partial(kad, width=kernel_width(reference.points, seed)))()

    def limit() -> Cell:
        return Cell(frechet_infinity(reference, candidate, seed), n=candidate.count)

    measures = (kernel, by_song(frechet_distance), limit, by_song(density), by_song(coverage))
    return Row(name, tuple(map(where_possible, measures)))


def _blindness(shuffled: Row, floor: Row) -> str:
    """A warning where the KAD of shuffled bands reaches down to the floor's interval."""
    strange, real = shuffled.cells[0].interval, floor.cells[0].interval
    if strange is None or real is None or strange[0] > real[1]:
        return ""
    return " Shuffled songs are no farther than real ones: this embedding does not hear whether stems fit."


def _songs(excerpts: Sequence[Excerpt], voice: Voice, embedding: Embedding) -> Songs:
    """Embeddings of every excerpt's voice, by song."""
    sounds = [voice(one.stems) for one in excerpts]
    return embedded(sounds, [one.song for one in excerpts], excerpts[0].stems.rate, embedding)


def _mixture(stems: Stems) -> torch.Tensor:
    return stems.audio.sum(0)


def _stem(name: str, stems: Stems) -> torch.Tensor:
    return stems[name]


def _shuffled(real: Sequence[Excerpt], seed: int) -> list[Excerpt]:
    """Bands whose every stem is from another song than the excerpt's first stem is."""
    deal = dealt([one.song for one in real], len(real[0].stems), np.random.default_rng(seed))
    sounds = [[real[other].stems.audio[stem] for other in others] for stem, others in enumerate(deal)]
    return [replace(one, stems=replace(one.stems, audio=torch.stack(parts))) for one, *parts in zip(real, *sounds, strict=True)]
