import numpy as np
import pytest
import torch

from stemweave.audio.stems import Stems
from stemweave.data.tracks import Track
from stemweave.evaluation.measures.bleed import bleed
from stemweave.evaluation.measures.gap import CHROMA, ONSET, coupling, gap
from stemweave.evaluation.protocols.coherence import bonds, coherence
from stemweave.evaluation.protocols.excerpts import Excerpt

RATE, NAMES, SECONDS = 22050, ("bass", "drums", "guitar", "piano"), 3


def band(seed, together):
    """Four stems that pulse at a tempo of their song, where ``together``, else each at one of its own; notes of one root."""
    rng, time = np.random.default_rng(seed), np.arange(SECONDS * RATE) / RATE
    tempi = np.full(4, rng.uniform(1.5, 3)) if together else rng.uniform(1.5, 3, 4)
    roots = np.full(4, rng.integers(0, 12)) if together else rng.integers(0, 12, 4)
    sounds = [
        0.1 * np.exp(-6 * (time * tempo % 1)) * np.sin(2 * np.pi * 110 * times * 2 ** (root / 12) * time)
        for tempo, root, times in zip(tempi, roots, (0.5, 3, 1, 2), strict=True)
    ]
    audio = np.stack(sounds)[:, None] + 1e-4 * rng.standard_normal((4, 1, len(time)))
    return Stems(NAMES, torch.from_numpy(audio).float(), RATE)


def excerpts(first, count, together):
    return [
        Excerpt(Track(f"song{seed}", {}, RATE, 1, 9 * RATE), part, 0.0, band(1000 * part + seed, together))
        for seed in range(first, first + count)
        for part in range(3)
    ]


def rows(table):
    return {row.name: dict(zip(table.columns, row.cells, strict=True)) for row in table.rows}


@pytest.fixture(scope="module")
def real():
    return excerpts(0, 9, True)


@pytest.fixture(scope="module")
def made():
    return excerpts(50, 7, False)


def test_every_song_counts_once_and_figures_are_those_of_the_measure(made, real):
    found = rows(coherence(made, real, 4))
    bands, songs = ([one.stems for one in group if one.number == 1] for group in (made, real))
    for kind, pairings in (("harmony (chroma)", CHROMA), ("rhythm (onsets)", ONSET)):
        one, other = coupling(bands, pairings, seed=4), coupling(songs, pairings, seed=4)
        for name, expected in (("generated", one), ("real", other)):
            row = found[f"{kind}, {name}"]
            for column in ("matched", "shuffled", "difference"):
                figure = getattr(expected, column)
                assert (row[column].value, row[column].low, row[column].n) == (figure.value, figure.low, figure.n)
            assert row["p"].value == f"{expected.p:.2g}"
        assert found[f"{kind}, generated"]["gap"].value == gap(one, other, 4).value
        assert found[f"{kind}, real"]["gap"].status == "skipped"
    for name, group in (("generated", bands), ("real", songs)):
        assert found[f"waveforms alike, {name}"]["matched"].value == bleed(group, 4).value


def test_bands_that_play_together_are_told_from_those_that_do_not(made, real):
    found = rows(coherence(made, real, 0))
    assert found["rhythm (onsets), real"]["difference"].low > 0.2
    assert abs(found["rhythm (onsets), generated"]["difference"].value) < 0.15
    assert found["rhythm (onsets), generated"]["gap"].value < 0.5


def test_copies_are_not_believed(real):
    copies = [Excerpt(one.track, one.number, 0.0, Stems(NAMES, one.stems.audio[:1].expand(4, -1, -1), RATE)) for one in real]
    table = coherence(copies, real, 0)
    assert "waveforms more than real ones: copies or bleed, do not believe the gap." in table.note
    assert rows(table)["waveforms alike, generated"]["matched"].value == pytest.approx(1.0, abs=1e-5)
    assert "waveforms as real ones." in coherence(real, copies, 0).note


def test_only_pairings_with_a_new_stem_count_and_too_few_songs_are_skipped(made, real):
    bands, songs = ([one.stems for one in group if one.number == 1] for group in (made, real))
    found = bonds(bands, songs, ("drums",), 0).kinds
    assert found["harmony (chroma)"].made is None  # pairs guitar and bass with piano
    assert found["harmony (chroma)"].gap.status == "skipped"
    assert found["rhythm (onsets)"].made == coupling(bands, ONSET, seed=0)
    silent = [Stems(NAMES, one.audio * torch.tensor([1.0, 0.0, 1.0, 1.0])[:, None, None], RATE) for one in bands]
    found = bonds(silent, songs, NAMES, 0).kinds
    assert found["rhythm (onsets)"].made is None
    assert found["rhythm (onsets)"].real is not None
    assert found["rhythm (onsets)"].gap.status == "skipped"
