import json
import math

import numpy as np
import pytest
import torch

from stemweave.audio.stems import Stems
from stemweave.data.tracks import Track
from stemweave.errors import DataError
from stemweave.evaluation.measures.rhythm import rhythm
from stemweave.evaluation.protocols.excerpts import Excerpt
from stemweave.evaluation.protocols.rhythm import Scored, Tracked, shuffled, tables, timed

RATE, NAMES = 8000, ("bass", "drums")


def excerpt(number=0, song="one", start=0.0, audio=None, files=()):
    stems = {name: tuple(files) for name in NAMES}
    sound = torch.full((2, 1, 4 * RATE), 0.1) if audio is None else audio
    return Excerpt(Track(song, stems, RATE, 1, 10 * RATE), number, start, Stems(NAMES, sound, RATE))


def hits(seconds):
    audio = np.zeros(4 * RATE)
    for start in seconds:
        audio[round(start * RATE) :][:800] += 0.3 * np.random.default_rng(0).standard_normal(800)
    return torch.from_numpy(audio).float()[None]


class Metronome:
    name = "metronome"

    def __call__(self, audio, rate):
        return np.arange(audio.shape[-1] / rate)


def rows(table):
    return {row.name: dict(zip(table.columns, row.cells, strict=True)) for row in table.rows}


def test_a_tracker_hears_the_middle_excerpt_of_every_song():
    heard = []

    class Spy(Metronome):
        def __call__(self, audio, rate):
            heard.append(float(audio.max()))
            return super().__call__(audio, rate)

    sounds = [torch.full((2, 1, 4 * RATE), 0.1 * (k + 1)) for k in range(4)]
    several = [*(excerpt(k, "one", audio=sounds[k]) for k in range(3)), excerpt(0, "two", audio=sounds[3])]
    clips = timed(several, Tracked(Spy()))
    assert [clip["drums"].tolist() for clip in clips] == [[0, 1, 2, 3]] * 2
    assert heard == pytest.approx([0.2, 0.2, 0.4, 0.4])
    assert Tracked(Spy()).name == "metronome"


def test_the_composers_beats_are_moved_to_the_excerpt(tmp_path):
    (tmp_path / "track.json").write_text(json.dumps({"rate": 100, "beats": [50, 150, 250, 350, 450, 550, 650]}))
    audio = torch.stack([hits([0.7, 2.7]), hits([0.7, 1.7, 2.4])])
    one = excerpt(start=1.8, audio=audio, files=[tmp_path / "bass.wav"])
    (clip,) = timed([one], Scored(0.15))
    assert clip["bass"] == pytest.approx([0.7, 2.7])
    assert clip["drums"] == pytest.approx([0.7, 1.7])
    strange = excerpt(song="two", files=[tmp_path / "else" / "bass.wav"])
    assert timed([one, strange], Scored(0.15)) is None
    with pytest.raises(DataError, match="does not tell its beats"):
        Scored(0.15)(strange)


def test_shuffled_bands_have_every_stems_beats_once_and_no_own_partner():
    clips = [{"bass": np.array([float(k)]), "drums": np.array([float(k)])} for k in range(9)]
    mixed = shuffled(clips, 3)
    assert [clip["bass"].tolist() for clip in mixed] == [clip["bass"].tolist() for clip in clips]
    assert sorted(clip["drums"][0] for clip in mixed) == list(range(9))
    assert all(clip["bass"] != clip["drums"] for clip in mixed)
    assert shuffled(None, 3) is None


def test_tables_say_what_rhythm_measures_in_each_group():
    steady = np.arange(0.2, 8, 0.5)
    clips = [{"drums": steady, "bass": steady + 0.01 * k} for k in range(5)]
    clips.append({"drums": steady[::2], "bass": np.empty(0)})
    expected = rhythm(clips, 0.1, 7)
    each, together = tables({"made": clips, "real": None}, NAMES, "metronome", 0.1, 7)
    assert each.columns == ("bass", "drums", "all", "stems with beats")
    found = rows(each)["made"]
    for name in ("bass", "drums", "all"):
        assert found[name].value == pytest.approx(expected.irs[name].value)
        assert found[name].n == expected.irs[name].n
    assert found["stems with beats"].value == pytest.approx(11 / 6)
    found = rows(together)["made"]
    assert found["CBS"].value == found["CBS, 2 stems"].value == pytest.approx(expected.cbs.value)
    assert found["CBS"].n == 5
    assert [found[f"CBD, {kind}"].value for kind in ("SD", "mean", "median")] == pytest.approx(
        [expected.cbd[kind].value for kind in ("std", "mean", "median")]
    )
    assert found["no beat near"].value == pytest.approx(expected.alone.value)
    for table in (each, together):
        assert {cell.status for cell in table.rows[1].cells} == {"skipped"}
        assert "Beats: metronome" in table.note
        assert "skipped: real" in table.note
    assert "Grid: 0.1 s" in together.note


def test_a_stem_without_any_beat_is_skipped():
    clips = [{"bass": np.empty(0), "drums": np.array([1.0, 2.0])}] * 3
    assert math.isnan(rhythm(clips, 0.1).irs["bass"].value)
    each, together = tables({"made": clips}, NAMES, "metronome", 0.1, 0)
    assert rows(each)["made"]["bass"].status == "skipped"
    assert rows(together)["made"]["CBS, 2 stems"].status == "skipped"
    assert "hence skipped" not in each.note
