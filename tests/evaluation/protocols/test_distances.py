from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from stemweave.audio.stems import Stems
from stemweave.data.tracks import Track
from stemweave.errors import DataError
from stemweave.evaluation.measures.sets import coverage, density, frechet_distance, kad, kernel_width
from stemweave.evaluation.measures.subsets import Songs
from stemweave.evaluation.protocols import distances as protocol
from stemweave.evaluation.protocols.distances import distances
from stemweave.evaluation.protocols.excerpts import Excerpt

RATE, NAMES = 1000, ("bass", "drums", "piano")


class Moments:
    """Two numbers of each second: its mean, and its RMS."""

    name, rate, window, dimension = "moments", RATE, RATE, 2

    def settings(self):
        return {}

    def __call__(self, mono):
        parts = mono.unfold(0, RATE, RATE)
        return torch.stack([parts.mean(1), parts.square().mean(1).sqrt()], 1).double().numpy()


def songs(count, seed, level=1.0, offset=0.0):
    """Two excerpts of 3 s each: noises, each song's at levels and with offsets of its own."""
    rng, made = np.random.default_rng(seed), []
    for number in range(count):
        scale, mean = level * rng.uniform(0.05, 0.2, (3, 1, 1)), offset + rng.normal(0, 0.1, (3, 1, 1))
        for part in range(2):
            audio = scale * rng.standard_normal((3, 1, 3 * RATE)) + mean
            stems = Stems(NAMES, torch.from_numpy(audio).float(), RATE)
            made.append(Excerpt(Track(f"song{seed}-{number}", {}, RATE, 1, 9 * RATE), part, 3.0 * part, stems))
    return made


def points(excerpts, voice):
    return np.concatenate([Moments()(voice(one.stems)[0]) for one in excerpts])


def mixture(stems):
    return stems.audio.sum(0)


def rows(table):
    return {row.name: dict(zip(table.columns, row.cells, strict=True)) for row in table.rows}


@pytest.fixture(scope="module", autouse=True)
def quick():
    """Intervals from fewer draws."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protocol, "interval", partial(protocol.interval, draws=30))
        yield


@pytest.fixture(scope="module")
def real():
    return songs(12, 0)


@pytest.fixture(scope="module")
def made():
    return songs(9, 1, level=1.5, offset=0.05)


@pytest.fixture(scope="module")
def table(made, real):
    return distances(made, real, Moments(), 0)


def test_the_mixture_and_every_stem_are_compared_with_the_same_of_real_songs(table, made, real):
    voices = {"generated": mixture, **{f"generated {name}": lambda stems, name=name: stems[name] for name in NAMES}}
    for row, voice in voices.items():
        one, other = points(real, voice), points(made, voice)
        found = rows(table)[row]
        assert found["KAD × 100"].value == pytest.approx(kad(one, other, kernel_width(one)))
        assert found["Fréchet"].value == pytest.approx(frechet_distance(one, other))
        assert found["density"].value == pytest.approx(density(one, other))
        assert found["coverage"].value == pytest.approx(coverage(one, other))
        assert {cell.n for cell in found.values()} == {9}
    assert f"Width of the mixtures' kernel: {kernel_width(points(real, mixture)):.4g}." in table.note
    assert "Embedding: moments." in table.note
    assert table.least_n == 100  # songs, by 2311.01616


def test_the_floor_is_one_half_of_the_real_songs_against_the_other(table, real):
    found = rows(table)["real, half against half"]
    assert found["KAD × 100"].status == "skipped"  # halves of 12 songs have too few for an interval
    many = songs(20, 0)
    each = [points(many[2 * k : 2 * k + 2], mixture) for k in range(20)]
    one, other = Songs.of(each).halves(3)
    floor = rows(distances(real, many, Moments(), 3))["real, half against half"]
    assert floor["KAD × 100"].value == pytest.approx(kad(one.points, other.points, kernel_width(one.points)))
    assert floor["Fréchet"].value == pytest.approx(frechet_distance(one.points, other.points))
    assert floor["KAD × 100"].n == 10


def test_shuffled_bands_hold_every_stem_once_and_no_two_of_one_song(made):
    heard = []

    class Spy(Moments):
        def __call__(self, mono):
            heard.append(mono)
            return super().__call__(mono)

    real = [replace(one, stems=replace(one.stems, audio=torch.empty(3, 1, 3 * RATE))) for one in songs(9, 2)]
    for number, one in enumerate(real):
        one.stems.audio[:] = torch.tensor([1.0, 100.0, 10000.0])[:, None, None] * (1 + number // 2)  # two digits for each stem
    distances(made, real, Spy(), 0)
    bands = [[round(float(mono[0])) // 100**stem % 100 for stem in range(3)] for mono in heard[18:36]]  # after the real ones
    for stem in range(3):
        assert sorted(band[stem] for band in bands) == sorted([1 + k for k in range(9)] * 2)
    assert all(band[0] not in band[1:] for band in bands)


def test_training_songs_are_one_more_floor(made, real, table):
    training = songs(10, 5)
    more = distances(made, real, Moments(), 0, training)
    assert [row.name for row in more.rows] == [
        *("generated", "real, shuffled", "real, half against half", "training songs"),
        *(f"generated {name}" for name in NAMES),
    ]
    found = rows(more)["training songs"]
    assert found["Fréchet"].value == pytest.approx(frechet_distance(points(real, mixture), points(training, mixture)))
    assert found["Fréchet"].n == 10
    assert [row for row in more.rows if row.name != "training songs"] == list(table.rows)
    assert rows(distances(made, real, Moments(), 0, songs(3, 5)))["training songs"]["Fréchet"].status == "skipped"


def test_a_stem_that_real_songs_hardly_play_has_no_kernel(made, real):
    quiet = [replace(one, stems=replace(one.stems, audio=one.stems.audio.clone())) for one in real]
    for one in quiet[4:]:
        one.stems.audio[2] = 0
    found = rows(distances(made, quiet, Moments(), 0))
    assert found["generated piano"]["KAD × 100"].status == "skipped"
    assert found["generated piano"]["Fréchet"].status == "ok"
    assert found["generated"]["KAD × 100"].status == "ok"


def test_silent_real_songs_are_refused(made, real):
    silent = [replace(one, stems=replace(one.stems, audio=0 * one.stems.audio)) for one in real]
    with pytest.raises(DataError, match="is it silent"):
        distances(made, silent, Moments(), 0)


def test_an_embedding_that_does_not_hear_shuffling_is_told():
    """Bass and drums of a song cancel but for some noise, and those of strangers do not; the other songs' are unrelated."""
    unrelated, related = songs(20, 7), songs(20, 7)
    for number, one in enumerate(related):
        one.stems.audio[0] += number // 2
        one.stems.audio[1] = 0.1 * one.stems.audio[1] - one.stems.audio[0]
    told = "Shuffled songs are no farther than real ones: this embedding does not hear whether stems fit."
    assert told in distances(unrelated, unrelated, Moments(), 0).note
    assert told not in distances(related, related, Moments(), 0).note
