"""Do generated bands sound like real ones, each stem and together? Distances between sets, rates, and the stems' coupling."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import torch

from stemweave.audio.stems import Stems
from stemweave.errors import DataError
from stemweave.evaluation.embeddings.embedding import Embedding
from stemweave.evaluation.measures.bleed import bleed, suspicious
from stemweave.evaluation.measures.gap import CHROMA, ONSET, Coupling, Pairing, coupling, gap
from stemweave.evaluation.measures.rates import flatness, noise_rates, noise_threshold, silence, silent_rates
from stemweave.evaluation.measures.sets import coverage, density, frechet_distance, kad, kernel_width
from stemweave.evaluation.measures.strangers import strangers
from stemweave.evaluation.measures.subsets import FEWEST, Distance, Songs, frechet_infinity, interval
from stemweave.evaluation.protocols.excerpts import Excerpt, embedded
from stemweave.evaluation.reports.report import entry
from stemweave.evaluation.reports.tables import Cell, Row, Table
from stemweave.evaluation.statistics import Figure

ENOUGH = 100
"""Songs below which a table says that they are too few (of evaluation of sets, after 2311.01616)."""
SKIPPED = Cell(None, status="skipped")
ENSEMBLE = "whole band"

Voice = Callable[[Stems], torch.Tensor]


def tables(made: Sequence[Excerpt], real: Sequence[Excerpt], embeddings: Sequence[Embedding], seed: int) -> Iterator[Table]:
    """All tables of a report, one after another; ``made`` and ``real`` are of one rate, length and set of stems.

    Raises :class:`DataError` for fewer than eight songs of either kind.
    """
    for kind, excerpts in (("generated", made), ("real", real)):
        if (count := len({one.song for one in excerpts})) < FEWEST:
            raise DataError(f"{count} {kind} songs, expected at least {FEWEST}: give more")
    for embedding in embeddings:
        yield distances(made, real, embedding, seed)
    yield rates(made, real, seed)
    yield coherence(made, real, seed)


def distances(made: Sequence[Excerpt], real: Sequence[Excerpt], embedding: Embedding, seed: int) -> Table:
    """How far the generated set is from the real one, as a whole band and stem by stem, beside two controls.

    The floor is one half of the real songs against the other; *shuffled* are bands whose stems come from different real
    songs: near the floor, a distance says nothing about stems that fit.
    """
    whole = _songs(real, _mixture, embedding)
    half, other = whole.halves(seed)
    rows = [
        _row("generated", whole, _songs(made, _mixture, embedding), seed),
        _row("real, shuffled", whole, _songs(_shuffled(real, seed), _mixture, embedding), seed),
        _row("real, half against half", half, other, seed),
    ]
    for name in real[0].stems:
        voice = partial(_stem, name)
        rows.append(_row(f"generated {name}", _songs(real, voice, embedding), _songs(made, voice, embedding), seed))
    columns = ("KAD × 100", "Fréchet", "Fréchet, many songs", "density", "coverage")
    note = f"Embedding: {embedding.name}. Intervals: 95 %, by song. Distances of different embeddings do not compare."
    return Table(f"Distance to real songs ({embedding.name})", columns, tuple(rows), note, digits=3, least_n=ENOUGH)


def rates(made: Sequence[Excerpt], real: Sequence[Excerpt], seed: int) -> Table:
    """Windows in which a stem is silent, or only noise: noisier than 99 % of the same stem's windows in real songs."""
    threshold = noise_threshold([flatness(one.stems.audio, one.stems.rate) for one in real])
    rows = []
    for kind, excerpts in (("generated", made), ("real", real)):
        quiet = silent_rates(_by_song(excerpts, silence), seed)
        noisy = noise_rates(_by_song(excerpts, flatness), threshold, seed)
        rows += [Row(f"{kind}, silent", _cells(quiet)), Row(f"{kind}, noise", _cells(noisy))]
    note = "Shares of windows of 4 s; silent: RMS under -60 dBFS; noise: flatter spectra than 99 % of real windows have."
    return Table("Silent and noisy stems", (*real[0].stems, "mean"), tuple(rows), note, digits=3, least_n=ENOUGH)


def coherence(made: Sequence[Excerpt], real: Sequence[Excerpt], seed: int) -> Table:
    """How alike paired stems are within a song, against stems of different songs; the gap; and the guard against copies."""
    bands, songs = [one.stems for one in made], [one.stems for one in _first(real)]
    copies, natural = bleed(bands, seed), bleed(songs, seed)
    rows = []
    for name, pairings in (("harmony (chroma)", CHROMA), ("rhythm (onsets)", ONSET)):
        own = [p for p in pairings if {p.one, p.other} <= set(songs[0])]
        made_alike, real_alike = (_coupling(group, own, seed) for group in (bands, songs))
        rows.append(Row(f"{name}, generated", _coupled(made_alike, _gap(made_alike, real_alike, seed))))
        rows.append(Row(f"{name}, real", _coupled(real_alike, SKIPPED)))
    blanks = (SKIPPED,) * 4
    rows.append(Row("waveforms alike, generated", (Cell(**entry(copies)), *blanks)))
    rows.append(Row("waveforms alike, real", (Cell(**entry(natural)), *blanks)))
    verdict = "more than real ones: copies or bleed, do not believe the gap" if suspicious(copies, natural) else "as real ones"
    note = (
        "Correlations between stems of one song, and of different songs (shuffled); the gap is 0 for strangers and 1 where "
        f"stems are as coupled as real ones. Generated stems resemble each other as waveforms {verdict}."
    )
    return Table("Do the stems belong together", ("matched", "shuffled", "difference", "p", "gap"), tuple(rows), note, 3)


def _row(name: str, reference: Songs, candidate: Songs, seed: int) -> Row:
    width = kernel_width(reference.points, seed)

    def by_song(distance: Distance) -> Callable[[], Cell]:
        return lambda: Cell(**entry(interval(distance, reference, candidate, seed)))

    def limit() -> Cell:
        return Cell(frechet_infinity(reference, candidate, seed), n=candidate.count)

    measures = (by_song(partial(kad, width=width)), by_song(frechet_distance), limit, by_song(density), by_song(coverage))
    return Row(name, tuple(map(_where_possible, measures)))


def _where_possible(measure: Callable[[], Cell]) -> Cell:
    """Skipped where there are too few songs, or rows, for this figure."""
    try:
        return measure()
    except DataError:
        return SKIPPED


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
    rng, columns = np.random.default_rng(seed), [[one.stems.audio[0] for one in real]]
    for index in range(1, len(real[0].stems)):
        partner = strangers([one.song for one in real], rng)
        columns.append([real[other].stems.audio[index] for other in partner])
    made = (torch.stack(parts) for parts in zip(*columns, strict=True))
    return [
        Excerpt(one.song, one.number, Stems(one.stems.names, audio, one.stems.rate))
        for one, audio in zip(real, made, strict=True)
    ]


def _first(excerpts: Sequence[Excerpt]) -> list[Excerpt]:
    """One excerpt per song, the middle one."""
    by_song: dict[str, list[Excerpt]] = {}
    for one in excerpts:
        by_song.setdefault(one.song, []).append(one)
    return [parts[len(parts) // 2] for parts in by_song.values()]


def _by_song(excerpts: Sequence[Excerpt], measure: Callable[[torch.Tensor, int], torch.Tensor]) -> list[torch.Tensor]:
    by_song: dict[str, list[torch.Tensor]] = {}
    for one in excerpts:
        by_song.setdefault(one.song, []).append(measure(one.stems.audio, one.stems.rate))
    return [torch.cat(parts) for parts in by_song.values()]


def _cells(found: Sequence[Figure]) -> tuple[Cell, ...]:
    return tuple(Cell(**entry(figure)) for figure in found)


def _coupling(songs: Sequence[Stems], pairings: Sequence[Pairing], seed: int) -> Coupling | None:
    """None where a pair of stems sounds in too few songs to say anything."""
    try:
        return coupling(songs, pairings, seed=seed) if pairings else None
    except DataError:
        return None


def _gap(made: Coupling | None, real: Coupling | None, seed: int) -> Cell:
    if made is None or real is None:
        return SKIPPED
    return _where_possible(lambda: Cell(**entry(gap(made, real, seed))))


def _coupled(found: Coupling | None, last: Cell) -> tuple[Cell, ...]:
    if found is None:
        return (SKIPPED,) * 5
    return (*_cells((found.matched, found.shuffled, found.difference)), Cell(f"{found.p:.2g}"), last)
