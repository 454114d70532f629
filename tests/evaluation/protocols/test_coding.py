import math
from dataclasses import dataclass

import numpy as np
import pytest
import soundfile

from stemweave.data.tracks import track
from stemweave.errors import DataError
from stemweave.evaluation.measures.codec import Coded, fidelity
from stemweave.evaluation.protocols.coding import Kept, measure, tables
from stemweave.evaluation.statistics import song_means

RATE, NAMES = 8000, ("bass", "drums", "piano")


@dataclass(frozen=True)
class Steps:
    """Rounds to a grid, at a rate of one over it."""

    step: float

    @property
    def name(self):
        return f"steps of {self.step:g}"

    def __call__(self, audio, rate):
        assert rate == RATE
        return Coded((audio / self.step).round() * self.step, 1 / self.step)


def song(folder, number, seconds=3.0, level=0.1):
    """Stereo noises; the first song has no piano, and its drums are at -66 dBFS."""
    folder.mkdir()
    files = {}
    for stem, name in enumerate(NAMES):
        audio = level * np.random.default_rng((number, stem)).standard_normal((round(seconds * RATE), 2))
        audio *= 5e-3 if (number, name) == (0, "drums") else 1
        files[name] = (folder / f"{name}.wav",)
        soundfile.write(files[name][0], audio, RATE, subtype="FLOAT")
    return track(f"song{number}", files | ({"piano": ()} if number == 0 else {}))


@pytest.fixture
def songs(tmp_path):
    return [song(tmp_path / str(number), number) for number in range(3)]


def test_a_stem_may_have_a_codec_of_its_own(songs):
    own = [Steps(0.01), Steps(0.1), Steps(0.2)]
    (kept,) = measure(songs[2:], NAMES, [own], 3.0)
    assert [one.kbits for one in kept.stems] == [100, 10, 5]


def test_the_middle_of_every_stem_that_sounds_goes_through_every_codec(songs):
    codecs = [Steps(0.01), Steps(0.1)]
    found = list(measure(songs, NAMES, [[codec] * 3 for codec in codecs], 2.0))
    assert [(kept.song, kept.codec) for kept in found] == [
        (f"song{number}", codec.name) for number in range(3) for codec in codecs
    ]
    assert [one is None for one in found[0].stems] == [False, True, True]
    for kept, codec in zip(found[4:], codecs, strict=True):
        middle = songs[2].read(NAMES, RATE, 1)[..., RATE // 2 : RATE // 2 + 2 * RATE]
        assert list(kept.stems) == [fidelity(codec, stem, RATE) for stem in middle]


def test_figures_are_means_over_songs(songs):
    found = list(measure(songs, NAMES, [[Steps(0.01)] * 3, [Steps(0.1)] * 3], 2.0))
    made = tables(found, NAMES, seed=3)
    assert [table.title for table in made] == ["Codecs: SI-SDR, dB", "Codecs: mel distance", "Codecs: kbit/s"]
    for table, key in zip(made, ("si_sdr", "mel", "kbits"), strict=True):
        assert table.columns == (*NAMES, "mean")
        assert [row.name for row in table.rows] == ["steps of 0.01", "steps of 0.1"]
        values = [[math.nan if one is None else getattr(one, key) for one in kept.stems] for kept in found[::2]]
        for cell, figure in zip(table.rows[0].cells, song_means(values, 3), strict=True):
            assert (cell.value, cell.low, cell.high, cell.n) == (figure.value, figure.low, figure.high, figure.n)
    assert [cell.n for cell in made[0].rows[0].cells] == [3, 2, 2, 3]
    # rounding leaves noise of a variance of step² / 12
    assert made[0].rows[0].cells[2].value == pytest.approx(10 * math.log10(0.1**2 / 2 / (0.01**2 / 12)), abs=0.3)
    assert made[2].rows[0].cells[0].value == 100


def test_a_stem_that_never_sounds_is_skipped():
    (fidelities, *_) = tables([Kept("song", "steps", (None, None))], ("bass", "drums"))
    assert [cell.status for cell in fidelities.rows[0].cells] == ["skipped"] * 3


def test_songs_that_do_not_fit_are_refused(songs):
    with pytest.raises(DataError, match=r"song0 has 3.00 s, expected at least 3.5 s; ask for fewer seconds"):
        next(measure(songs, NAMES, [[Steps(0.1)] * 3], 3.5))
    with pytest.raises(DataError, match="song0 holds bass, drums, piano, expected all of bass, vocals"):
        next(measure(songs, ("bass", "vocals"), [[Steps(0.1)] * 2], 1.0))
