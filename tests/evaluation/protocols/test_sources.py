from itertools import combinations

import numpy as np
import pytest
import torch

from stemweave.audio.stems import Stems
from stemweave.errors import DataError
from stemweave.evaluation.measures.bleed import bleed
from stemweave.evaluation.measures.coherence import chroma, onsets
from stemweave.evaluation.measures.gap import Pairing, coupling
from stemweave.evaluation.protocols.sources import Take, scaling

RATE, SECONDS = 22050, 4
NAMES = ("slap-bass", "drums", "piano")


def take(seed, names=NAMES, silent=(), took=2.0):
    rng, time = np.random.default_rng(seed), np.arange(SECONDS * RATE) / RATE
    tempo, root = rng.uniform(1.5, 3), rng.integers(0, 12)
    sounds = [
        0.1 * (name not in silent) * np.exp(-6 * (time * tempo % 1)) * np.sin(2 * np.pi * 55 * 2 ** (k + root / 12) * time)
        for k, name in enumerate(names)
    ]
    return Take(Stems(names, torch.from_numpy(np.stack(sounds)[:, None]).float(), RATE), took)


def rows(table):
    return {row.name: dict(zip(table.columns, row.cells, strict=True)) for row in table.rows}


def test_figures_are_those_of_the_measures():
    takes = [take(seed, took=2.0 + seed) for seed in range(5)]
    table = scaling({"three": takes}, ("drums",), 4)
    row, songs = rows(table)["three"], [one.stems for one in takes]
    assert row["stems"].value == "3"
    assert row["s of work per s"].value == pytest.approx(np.mean([2, 3, 4, 5, 6]) / SECONDS)
    for column, feature, names in (("rhythm (onsets)", onsets, NAMES), ("harmony (chroma)", chroma, ("slap-bass", "piano"))):
        pairings = [Pairing(feature, *pair) for pair in combinations(names, 2)]
        assert row[column].value == coupling(songs, pairings, seed=4).difference.value
    assert row["rhythm (onsets)"].low > 0
    assert row["waveforms alike"].value == bleed(songs, 4).value
    level = np.mean([20 * np.log10(np.sqrt(np.square(song.mixture.double().numpy()).mean())) for song in songs])
    assert row["mix, dBFS"].value == pytest.approx(level, abs=1e-3)
    assert (row["silent windows"].value, row["silent stems"].value) == (0, 0)
    assert table.text(row["mix, dBFS"]).endswith("(n = 5 too small)")


def test_silent_stems_are_counted_and_do_not_hide_the_others():
    takes = [take(seed, silent=("drums",) if seed < 2 else ()) for seed in range(4)]
    row = rows(scaling({"three": takes}, (), 0))["three"]
    assert row["silent stems"].value == pytest.approx(2 / 12)
    assert row["silent windows"].value == pytest.approx(2 / 12)
    assert row["rhythm (onsets)"].n == 4
    never = rows(scaling({"three": [take(seed, silent=NAMES) for seed in range(3)]}, (), 0))["three"]
    assert never["silent stems"].value == 1
    assert {never[name].status for name in ("rhythm (onsets)", "waveforms alike")} == {"skipped"}


def test_groups_of_other_stems_are_rows_of_their_own():
    groups = {"two": [take(seed, NAMES[:2]) for seed in range(3)], "one": [take(seed, NAMES[:1]) for seed in range(3)]}
    found = rows(scaling(groups, ("drums",), 0))
    assert [row["stems"].value for row in found.values()] == ["2", "1"]
    assert found["two"]["harmony (chroma)"].status == "skipped"  # drums have none
    assert found["two"]["rhythm (onsets)"].status == "ok"
    assert {found["one"][name].status for name in ("rhythm (onsets)", "waveforms alike")} == {"skipped"}


@pytest.mark.parametrize(
    ("takes", "message"),
    [
        ([take(0)], "some: 1 songs, expected at least 2"),
        ([], "some: 0 songs, expected at least 2"),
        ([take(0), take(1, NAMES[:2])], "some: song 1 holds slap-bass, drums, expected also piano"),
        ([take(0, NAMES[:2]), take(1)], "some holds takes of slap-bass, drums and of slap-bass, drums, piano"),
    ],
)
def test_refusals(takes, message):
    with pytest.raises(DataError, match=message):
        scaling({"some": takes}, (), 0)
