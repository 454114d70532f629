import numpy as np
import pytest
import torch

from stemweave.audio.stems import Stems
from stemweave.data.tracks import Track
from stemweave.evaluation.embeddings.logmel import LogMelStatistics
from stemweave.evaluation.protocols.classes import classes
from stemweave.evaluation.protocols.excerpts import Excerpt

RATE, SECONDS, NAMES = 22050, 6, ("bass", "drums", "piano")


def voice(name, seed):
    rng, time = np.random.default_rng(seed), np.arange(SECONDS * RATE) / RATE
    if name == "drums":
        return 0.1 * rng.standard_normal(len(time)) * np.exp(-9 * (time * rng.uniform(1.5, 3) % 1))
    root = {"bass": 60, "piano": 900}[name] * rng.uniform(0.8, 1.25)
    return 0.1 * np.sin(2 * np.pi * root * time) + 1e-4 * rng.standard_normal(len(time))


def excerpts(first, count, sounds=NAMES):
    """Songs whose stems sound as those of ``sounds`` do, in order; None for silence."""
    made = []
    for seed in range(first, first + count):
        audio = [np.zeros(SECONDS * RATE) if name is None else voice(name, (seed, k)) for k, name in enumerate(sounds)]
        stems = Stems(NAMES, torch.from_numpy(np.stack(audio)[:, None]).float(), RATE)
        made.append(Excerpt(Track(f"song{seed}", {}, RATE, 1, SECONDS * RATE), 0, 0.0, stems))
    return made


def rows(table):
    return {row.name: dict(zip(table.columns, row.cells, strict=True)) for row in table.rows}


@pytest.fixture(scope="module")
def real():
    return excerpts(0, 12)


def test_stems_that_sound_as_others_are_found_out(real):
    table = classes(excerpts(50, 4, ("piano", "drums", None)), real, LogMelStatistics(), 0)
    found = rows(table)
    for name in NAMES:
        assert found[f"real {name}"][name].value == 1
        assert found[f"real {name}"][name].n == 6  # the half that are no examples
    assert (found["generated bass"]["piano"].value, found["generated bass"]["bass"].value) == (1, 0)
    assert found["generated drums"]["drums"].value == 1
    assert {cell.status for cell in found["generated piano"].values()} == {"skipped"}
    assert table.text(found["generated bass"]["piano"]).endswith("(n = 4 too small)")


def test_shares_are_of_windows_and_examples_are_one_half_of_the_songs(real):
    mixed = [*excerpts(50, 3), *excerpts(60, 1, ("drums", "drums", "piano"))]
    found = rows(classes(mixed, real, LogMelStatistics(), 0))["generated bass"]
    assert (found["bass"].value, found["drums"].value, found["piano"].value) == (0.75, 0.25, 0)
    assert found["bass"].low < 0.75 < found["bass"].high
    assert rows(classes(mixed, real, LogMelStatistics(), 1)) != {}


def test_with_one_kind_of_sound_there_is_nothing_to_choose():
    alone = excerpts(0, 12, ("bass", None, None))
    found = rows(classes(alone, alone, LogMelStatistics(), 0))
    assert {cell.status for row in found.values() for cell in row.values()} == {"skipped"}
