import dataclasses

import numpy as np
import pytest
import torch

from stemweave.audio.stems import Stems
from stemweave.data.tracks import Track
from stemweave.errors import DataError
from stemweave.evaluation.measures.gap import CHROMA, ONSET, coupling
from stemweave.evaluation.protocols.excerpts import Excerpt
from stemweave.evaluation.protocols.takes import together
from stemweave.evaluation.statistics import sign_test

RATE, NAMES, SECONDS, COUNT = 22050, ("bass", "drums", "guitar", "piano"), 3, 7


def take(seed, alike):
    """Four stems that pulse at one tempo on one root, where ``alike``, else each at its own."""
    rng, time = np.random.default_rng((seed, alike)), np.arange(SECONDS * RATE) / RATE
    tempi = np.full(4, rng.uniform(1.5, 3)) if alike else rng.uniform(1.5, 3, 4)
    roots = np.full(4, rng.integers(0, 12)) if alike else rng.integers(0, 12, 4)
    sounds = [
        0.1 * np.exp(-6 * (time * tempo % 1)) * np.sin(2 * np.pi * 110 * times * 2 ** (root / 12) * time)
        for tempo, root, times in zip(tempi, roots, (0.5, 3, 1, 2), strict=True)
    ]
    audio = np.stack(sounds)[:, None] + 1e-4 * rng.standard_normal((4, 1, len(time)))
    return Excerpt(Track(f"piece-{seed}", {}, RATE, 1, 9 * RATE), 0, 0.0, Stems(NAMES, torch.from_numpy(audio).float(), RATE))


def mute(one, *names):
    audio = torch.stack([0 * audio if name in names else audio for name, audio in one.stems.items()])
    return dataclasses.replace(one, stems=dataclasses.replace(one.stems, audio=audio))


def rows(table):
    return {row.name: dict(zip(table.columns, row.cells, strict=True)) for row in table.rows}


@pytest.fixture(scope="module")
def ways():
    return [[take(seed, alike) for seed in range(COUNT)] for alike in (True, False)]


def test_takes_are_paired_and_figures_are_those_of_the_measure(ways):
    made, beside = ways
    table = together(made, beside[::-1], 3)  # by name, not by order
    for kind, pairings in (("harmony (chroma)", CHROMA), ("rhythm (onsets)", ONSET)):
        one, other = (
            np.mean([coupling([take.stems for take in group], [pairing], seed=3).by_song for pairing in pairings], axis=0)
            for group in (made, beside)
        )
        row = rows(table)[kind]
        assert row["made"].value == pytest.approx(one.mean())
        assert row["beside"].value == pytest.approx(other.mean())
        assert row["difference"].value == pytest.approx((one - other).mean())
        assert row["difference"].n == COUNT
        assert row["made is more coherent"].value == f"{(one > other).sum()} of {COUNT}"
        assert row["sign test, p"].value == f"{sign_test((one - other).tolist()):.2g}"
    assert rows(table)["rhythm (onsets)"]["difference"].low > 0
    assert table.text(rows(table)["rhythm (onsets)"]["difference"]).endswith("(n = 7 too small)")


def test_the_other_way_round_is_no_better(ways):
    row = rows(together(ways[1], ways[0], 0))["rhythm (onsets)"]
    assert float(row["sign test, p"].value) > 0.9
    assert row["difference"].high < 0


def test_a_take_with_a_silent_stem_counts_where_the_others_sound(ways):
    made, beside = ways
    table = together([mute(made[0], "drums"), *made[1:]], [beside[0], mute(beside[1], "bass", "guitar"), *beside[2:]], 0)
    found = rows(table)
    assert found["rhythm (onsets)"]["difference"].n == COUNT - 2
    assert found["harmony (chroma)"]["difference"].n == COUNT - 1


def test_nothing_is_said_of_takes_that_are_silent(ways):
    silent = [mute(one, *NAMES) for one in ways[0]]
    assert {cell.status for row in rows(together(silent, ways[1], 0)).values() for cell in row.values()} == {"skipped"}


def test_only_takes_that_are_there_both_ways_count(ways):
    made, beside = ways
    assert rows(together(made, beside[2:], 0))["rhythm (onsets)"]["difference"].n == COUNT - 2
    with pytest.raises(DataError, match="none of 2 takes has one of its name beside it"):
        together(made[:2], beside[2:], 0)
