import numpy as np
import pytest
import soundfile

from stemweave.data.tracks import track
from stemweave.errors import DataError, UsageError
from stemweave.evaluation.protocols.drift import COLUMNS, courses, tables

RATE, NAMES = 22050, ("bass", "drums")


def tune(semitones, seconds, seed):
    """Twice C to one each of E and G in any order, so many semitones up."""
    rng, time = np.random.default_rng(seed), np.arange(RATE // 4) / RATE
    scale = rng.permutation(np.resize([0, 0, 4, 7], 4 * seconds)) + semitones
    return np.concatenate([0.1 * np.sin(2 * np.pi * 130.8 * 2 ** (note / 12) * time) for note in scale])


def beat(tempo, seconds, seed):
    rng, audio = np.random.default_rng(seed), np.zeros(seconds * RATE)
    for number, start in enumerate(np.arange(0.1, seconds - 0.1, 30 / tempo)):
        tail = audio[round(start * RATE) :][:2000]
        tail += (0.1 if number % 2 else 0.3) * rng.standard_normal(len(tail)) * np.exp(-np.arange(len(tail)) / 300)
    return audio


def song(folder, name, bass, drums):
    files = {}
    for stem, audio in (("bass", bass), ("drums", drums)):
        files[stem] = (folder / f"{name}_{stem}.wav",)
        soundfile.write(files[stem][0], audio, RATE, subtype="FLOAT")
    return track(name, files)


@pytest.fixture(scope="module")
def pieces(tmp_path_factory):
    """A song that keeps itself for 17 s; one that after 8 s is another, then silent; clicks every 3.1 s in the first's bass."""
    place = tmp_path_factory.mktemp("drift")
    bass = np.concatenate([tune(0, 8, 0), tune(0, 9, 1)])
    bass[round(3.1 * RATE) :: round(3.1 * RATE)] += 0.9
    steady = song(place, "steady", bass, beat(100, 17, 0))
    ends = np.zeros(8 * RATE + 100)
    lost = song(
        place,
        "lost",
        np.concatenate([tune(0, 8, 0), tune(6, 8, 1), ends]),
        np.concatenate([beat(100, 8, 0), beat(120, 8, 1), ends]),
    )
    return steady, lost


@pytest.fixture(scope="module")
def found(pieces):
    return list(courses(pieces, NAMES, 8.0, 3.1))


def test_each_song_is_followed_in_whole_blocks(found):
    steady, lost = found
    assert steady.blocks.shape == (2, len(COLUMNS))
    key, ratio, same, level, silent = steady.blocks[1]
    assert key > 0.9
    assert ratio == pytest.approx(1.0, abs=0.01)
    assert (same, silent) == (1.0, 0.0)
    assert level == pytest.approx(-22, abs=3)
    assert lost.blocks.shape == (3, len(COLUMNS))
    key, ratio, same, _, silent = lost.blocks[1]
    assert key < 0.2
    assert ratio == pytest.approx(1.2, abs=0.01)
    assert (same, silent) == (0.0, 0.0)
    assert lost.blocks[2] == pytest.approx([np.nan, np.nan, np.nan, np.nan, 1.0], nan_ok=True)


def test_seams_are_heard_in_the_stem_that_has_them(found):
    bass, drums, mixture = found[0].seams
    assert bass > 1.5 > drums
    assert mixture > drums


def test_tables_are_means_over_the_songs_that_are_as_long(found):
    blocks, seams = tables(found, NAMES, 8.0, 3.1)
    assert [row.name for row in blocks.rows] == ["0 to 8 s", "8 to 16 s", "16 to 24 s"]
    first, second, third = (dict(zip(COLUMNS, row.cells, strict=True)) for row in blocks.rows)
    assert {first[name].status for name in COLUMNS[:3]} == {"skipped"}
    assert second["tempo ratio"].value == pytest.approx(1.1, abs=0.01)
    assert (second["same tempo"].value, second["same tempo"].n) == (0.5, 2)
    assert (third["silent"].value, third["silent"].n) == (1.0, 1)
    assert third["level, dBFS"].status == "skipped"
    energy, within = (dict(zip(seams.columns, row.cells, strict=True)) for row in seams.rows)
    assert energy["bass"].value == pytest.approx(np.mean([course.seams[0] for course in found]))
    assert within["bass"].value == "1 of 2"
    assert within["drums"].value == "2 of 2"


def test_seams_are_looked_at_only_where_asked(pieces):
    (course,) = courses(pieces[:1], NAMES, 8.0, None)
    assert [table.title for table in tables([course], NAMES, 8.0, None)] == ["Does a long piece keep itself"]


def test_without_a_seam_inside_none_is_measured(pieces):
    (course,) = courses(pieces[:1], NAMES, 8.0, 30.0)
    _, seams = tables([course], NAMES, 8.0, 30.0)
    assert {cell.status for row in seams.rows for cell in row.cells} == {"skipped"}


def test_a_drum_track_alone_has_a_course_too(pieces):
    (course,) = courses(pieces[:1], ("drums",), 8.0, None)
    assert np.isfinite(course.blocks[1]).all()


def test_what_is_too_short_is_refused(pieces):
    with pytest.raises(DataError, match=r"steady has 17.0 s, expected two blocks of 9 s; ask for fewer seconds"):
        list(courses(pieces, NAMES, 9.0, None))
    with pytest.raises(UsageError, match="blocks of 3 s, expected at least 4 s"):
        list(courses(pieces, NAMES, 3.0, None))
    with pytest.raises(DataError, match="expected all of bass, piano"):
        list(courses(pieces, ("bass", "piano"), 8.0, None))
