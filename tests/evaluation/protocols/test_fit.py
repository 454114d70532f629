import numpy as np
import pytest
import torch

from stemweave.audio.stems import Stems
from stemweave.errors import DataError
from stemweave.evaluation.measures.coherence import chroma_correlation, onset_correlation
from stemweave.evaluation.protocols.context import verdicts
from stemweave.evaluation.protocols.fit import choices, fit

RATE = 22050
NAMES = ("bass", "drums", "guitar", "piano")


@pytest.fixture(scope="module")
def songs():
    """Six songs of four stems that hit at the times of their song."""
    made = {}
    for number in range(6):
        rng = np.random.default_rng(number)
        audio = rng.standard_normal((4, 1, 2 * RATE)) * 1e-3
        for start in np.cumsum(rng.integers(3000, 9000, 14)):
            length = audio[0, 0, start : start + 1500].size
            audio[:, :, start : start + 1500] += rng.standard_normal((4, 1, length)) * 0.2
        made[f"song{number}"] = Stems(NAMES, torch.from_numpy(audio).float(), RATE)
    return made


def listener(given, rate, seed):
    """Hits when its context hits."""
    return 0.3 * sum(given.values())


def deaf(given, rate, seed):
    """Hits when it likes to."""
    rng, like = np.random.default_rng(seed), next(iter(given.values()))
    gate = np.repeat(rng.random(like.shape[-1] // 3000 + 1) < 0.4, 3000)[: like.shape[-1]]
    return torch.from_numpy(gate * rng.standard_normal(like.shape)).float()


def test_every_choice_gives_something_and_leaves_something():
    assert choices(("a", "b", "c")) == [("a",), ("b",), ("c",), ("a", "b"), ("a", "c"), ("b", "c")]
    assert len(choices(NAMES)) == len(set(choices(NAMES))) == 14
    assert choices(("a",)) == []


@pytest.mark.parametrize("given", [("drums",), ("bass", "guitar", "piano")])
def test_one_who_listens_is_told_from_one_who_does_not(songs, given):
    heard = verdicts(fit(songs, given, listener))["onset"]
    assert heard.p == 0.5**6
    assert heard.own.value > 0.5 > 0.2 > heard.swapped.value
    ignored = verdicts(fit(songs, given, deaf))["onset"]
    assert ignored.p > 0.03
    assert abs(ignored.difference.value) < 0.15


def test_each_accompaniment_is_compared_with_its_own_context_and_with_anothers(songs):
    few = {name: songs[name] for name in ("song0", "song1", "song2")}
    made = fit(few, ("drums", "piano"), deaf, seed=5)
    assert [(pair.song, pair.seed) for pair in made] == [("song0", 5), ("song1", 6), ("song2", 7)]
    assert sorted(pair.other for pair in made) == sorted(few)
    for pair in made:
        assert pair.other != pair.song
        sound = deaf({"drums": few[pair.song]["drums"]}, RATE, pair.seed)
        for name, fits in ((pair.song, pair.own), (pair.other, pair.swapped)):
            context = few[name]["drums"] + few[name]["piano"]
            assert fits["onset"] == pytest.approx(onset_correlation(context, sound, RATE))
            assert fits["chroma"] == pytest.approx(chroma_correlation(context, sound, RATE))
    assert fit(few, ("drums", "piano"), deaf, seed=5) == made


def test_only_what_is_given_is_heard(songs):
    heard = []

    def spy(given, rate, seed):
        heard.append((given, rate))
        return listener(given, rate, seed)

    fit({name: songs[name] for name in ("song3", "song4")}, ("piano", "bass"), spy)
    assert [(list(given), rate) for given, rate in heard] == [(["piano", "bass"], RATE)] * 2
    assert torch.equal(heard[1][0]["bass"], songs["song4"]["bass"])


def test_silent_contexts_are_left_out(songs):
    few = {name: Stems(NAMES, songs[name].audio.clone(), RATE) for name in ("song0", "song1", "song2")}
    few["song1"].audio[[0, 2]] = 1e-5
    assert [pair.song for pair in fit(few, ("bass", "guitar"), listener)] == ["song0", "song2"]
    assert [pair.song for pair in fit(few, ("bass", "drums"), listener)] == ["song0", "song1", "song2"]
    few["song2"].audio[[0, 2]] = 0.0
    with pytest.raises(DataError, match=r"bass \+ guitar sound in 1 of 3 songs, expected at least 2"):
        fit(few, ("bass", "guitar"), listener)


def test_bad_songs_and_bad_accompaniments_are_refused(songs):
    few = {name: songs[name] for name in ("song0", "song1")}
    with pytest.raises(DataError, match="no stem is given"):
        fit(few, (), listener)
    with pytest.raises(DataError, match="song 0 holds bass, drums, guitar, piano, expected also vocals"):
        fit(few, ("vocals",), listener)
    with pytest.raises(DataError, match="1 songs, expected at least 2"):
        fit({"song0": songs["song0"]}, ("bass",), listener)
    with pytest.raises(DataError, match=r"accompaniment of song0 has shape \(1, 9\), its context \(1, 44100\)"):
        fit(few, ("bass",), lambda given, rate, seed: torch.ones(1, 9))
    with pytest.raises(DataError, match="the accompaniment of song0 holds NaN"):
        fit(few, ("bass",), lambda given, rate, seed: given["bass"] * torch.nan)
