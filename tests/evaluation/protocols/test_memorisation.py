import numpy as np
import pytest
import soundfile

from stemweave.data.tracks import track
from stemweave.errors import DataError
from stemweave.evaluation.embeddings.logmel import LogMelPicture
from stemweave.evaluation.measures.memorisation import Match, Nearest, Pair, nearest
from stemweave.evaluation.protocols.memorisation import Side, copies, matches, nearness, neighbours, pictures

RATE, NAMES = 22050, ("bass", "drums")


def music(seconds, seed):
    """Decaying notes at times of their own in two stems: (2, samples)."""
    rng = np.random.default_rng(seed)
    audio, time = np.zeros((2, (seconds + 1) * RATE)), np.arange(RATE) / RATE
    for stem in audio:
        for start in rng.integers(0, seconds * RATE, 5 * seconds):
            stem[start : start + RATE] += 0.1 * np.exp(-4 * time) * np.sin(2 * np.pi * 55 * 2 ** rng.uniform(0, 4) * time)
    return audio[:, : seconds * RATE]


def song(folder, name, audio):
    (folder / name).mkdir(parents=True)
    for stem, sound in zip(NAMES, audio, strict=True):
        soundfile.write(folder / name / f"{stem}.wav", sound, RATE, subtype="FLOAT")
    return track(name, {stem: (folder / name / f"{stem}.wav",) for stem in NAMES})


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    """Three songs of training of 9 s, and five of 5 s each, generated and held out; generated 1 is 2.5 s into training 2."""
    place = tmp_path_factory.mktemp("memorisation")
    learnt = [music(9, 100 + k) for k in range(3)]
    made = [music(5, k) for k in range(5)]
    made[1] = -0.5 * learnt[2][:, round(2.5 * RATE) : round(7.5 * RATE)]
    found = {"training": learnt, "generated": made, "held-out": [music(5, 50 + k) for k in range(5)]}
    return {kind: [song(place / kind, f"{kind}{k}", audio) for k, audio in enumerate(each)] for kind, each in found.items()}


@pytest.fixture(scope="module")
def sides(songs):
    picture = LogMelPicture()
    clips = [points for kind in ("generated", "held-out") for points in pictures(songs[kind], NAMES, picture)]
    near = neighbours(clips, pictures(songs["training"], NAMES, picture))
    return Side("generated", songs["generated"], near[:5]), Side("held-out", songs["held-out"], near[5:])


def rows(table):
    return {row.name: dict(zip(table.columns, row.cells, strict=True)) for row in table.rows}


def test_pictures_are_of_the_mixture_of_one_song_after_another(songs):
    picture = LogMelPicture()
    (found,) = pictures(songs["training"][:1], NAMES, picture)
    mixture = songs["training"][0].read(NAMES, RATE, 1).sum(0)[0]
    assert np.allclose(found, picture(mixture))
    assert found.shape == (6, picture.dimension)


def test_all_clips_at_once_find_what_each_would_alone():
    rng = np.random.default_rng(0)
    clips, training = [rng.standard_normal((n, 6)) for n in (3, 1, 4)], [rng.standard_normal((n, 6)) for n in (5, 2)]
    asked = []
    found = neighbours(clips, (asked.append(points) or points for points in training))
    assert len(asked) == 2  # each training song once, whatever the number of clips
    for one, clip in zip(found, clips, strict=True):
        alone = nearest(clip, training)
        assert one.distance == pytest.approx(alone.distance)
        assert (one.song.tolist(), one.window.tolist()) == (alone.song.tolist(), alone.window.tolist())


def test_a_copy_is_found_and_listed_with_its_place(songs, sides):
    found = [(side, list(matches(side, songs["training"], NAMES))) for side in sides]
    assert [len(pairs) for _, pairs in found] == [10, 10]  # two windows of each song
    table = copies(found, songs["training"], NAMES, "log-mel picture")
    copy, again = [row for row in rows(table) if row not in ("generated, largest", "held-out, largest")]
    assert {copy, again} == {f"generated generated1 from {k} s, like training2 from {k + 2.5:.2f} s" for k in (0, 1)}
    assert min(cell.value for cell in table.rows[2].cells[:3]) > 0.99
    assert table.rows[2].cells[3].status == "skipped"
    made, held = rows(table)["generated, largest"], rows(table)["held-out, largest"]
    assert made["copies"].value == "2 of 10"
    assert held["copies"].value == "0 of 10"
    assert made["bass"].value > 0.99 > 0.5 > held["mixture"].value


def near(rng, low, clips=12):
    return [Nearest(rng.uniform(low, low + 0.2, 8), np.zeros(8, np.intp), np.zeros(8, np.intp)) for _ in range(clips)]


def test_the_verdict_is_in_words():
    rng = np.random.default_rng(0)
    close, far = Side("generated", range(12), near(rng, 0.1)), Side("held-out", range(12), near(rng, 0.4))
    table = nearness(close, far, "picture", 0)
    assert table.columns == ("0.1 % of windows", "1 % of windows", "5 % of windows", "50 % of windows", "p", "verdict")
    found = rows(table)
    assert found["generated"]["verdict"].value == "alarm: nearer than held-out songs are"
    assert found["held-out"]["p"].status == "skipped"
    assert found["generated"]["50 % of windows"].value < 0.3 < found["held-out"]["50 % of windows"].value
    assert found["generated"]["1 % of windows"].n == 12
    calm = rows(nearness(Side("generated", range(12), near(rng, 0.4)), far, "picture", 0))
    assert calm["generated"]["verdict"].value == "no nearer than held-out songs"
    assert "only a hash" in table.note


def test_what_cannot_be_compared_is_refused(songs, tmp_path):
    rng = np.random.default_rng(1)
    side = Side("generated", range(12), near(rng, 0.1))
    same = [Nearest(np.full(8, 1e-9), *np.zeros((2, 8), np.intp)) for _ in range(12)]
    with pytest.raises(DataError, match="most windows of --data are in the training songs too"):
        nearness(side, Side("held-out", range(12), same), "picture", 0)
    with pytest.raises(DataError, match="4 held-out clips, expected at least 5"):
        nearness(side, Side("held-out", range(4), near(rng, 0.1, 4)), "picture", 0)
    with pytest.raises(DataError, match=r"has 3.00 s, log-mel picture needs 4 s"):
        list(pictures([song(tmp_path, "short", music(3, 0))], NAMES, LogMelPicture()))
    with pytest.raises(DataError, match="holds bass, drums, expected all of bass, piano"):
        list(pictures(songs["training"], ("bass", "piano"), LogMelPicture()))


def test_silent_pairs_are_no_copies():
    match = Match(Pair(1.0, 0, 0, 0, 0), (0.0, 0.0, 0.0), 0.0)
    side = Side("generated", [], [])
    table = copies([(side, [match])], [], NAMES, "picture")
    assert [cell.value for cell in table.rows[0].cells] == [0.0, 0.0, 0.0, "0 of 1"]
