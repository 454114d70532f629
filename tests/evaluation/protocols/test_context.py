import numpy as np
import pytest
import soundfile
import torch

from stemweave.data.tracks import track
from stemweave.errors import DataError
from stemweave.evaluation.protocols.context import findings, loudest, pairs, verdicts
from stemweave.evaluation.reports.kinds import tables_of
from stemweave.evaluation.reports.tables import markdown

RATE = 22050


@pytest.fixture
def drummers(tmp_path):
    """Four songs of drum hits at times of their own, loud only in the second half."""
    songs = []
    for number in range(4):
        rng = np.random.default_rng(number)
        audio = np.zeros(12 * RATE)
        for start in np.cumsum(rng.integers(3000, 12000, 60)):
            if start < len(audio) - 1500:
                audio[start : start + 1500] += rng.standard_normal(1500) * (0.2 if start > len(audio) / 2 else 0.01)
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, audio.astype(np.float32), RATE, subtype="FLOAT")
        songs.append(track(f"song{number}", {"drums": (path,), "bass": ()}))
    return songs


def listener(clip, rate, seed):
    """Hits when its context hits."""
    return 0.5 * clip + 1e-4 * torch.randn(clip.shape, generator=torch.Generator().manual_seed(seed))


def deaf(clip, rate, seed):
    """Plays the same for one seed, whatever it is given."""
    return torch.randn(clip.shape, generator=torch.Generator().manual_seed(seed))


def test_the_context_is_the_loudest_part(drummers):
    clip = loudest(drummers[0], "drums", RATE, 4.0)
    whole = drummers[0].read(["drums"])[0]
    assert clip.shape == (1, 4 * RATE)
    starts = range(0, 8 * RATE + 1, 2 * RATE)
    best = max(starts, key=lambda start: float(whole[:, start : start + 4 * RATE].square().sum()))
    assert torch.equal(clip, whole[:, best : best + 4 * RATE])
    assert best >= 4 * RATE
    assert loudest(drummers[0], "drums", 11025, 4.0).shape == (1, 4 * 11025)


def test_silent_unknown_and_short_stems_are_no_context(drummers):
    assert loudest(drummers[0], "bass", RATE, 4.0) is None
    assert loudest(drummers[0], "piano", RATE, 4.0) is None
    assert loudest(drummers[0], "drums", RATE, 12.5) is None
    with pytest.raises(DataError, match="0 of 4 songs have 4 s with bass, expected at least 2"):
        next(pairs(drummers, "bass", deaf, RATE, 4, 4.0, 0))


def test_pairs_share_a_seed_and_never_a_song(drummers):
    heard = []

    def spy(clip, rate, seed):
        heard.append((seed, float(clip.square().sum())))
        return clip

    made = list(pairs(drummers, "drums", spy, RATE, 10, 4.0, seed=7))
    assert [pair.seed for pair in made] == list(range(7, 17))
    assert all(pair.song != pair.other for pair in made)
    assert {pair.song for pair in made[:4]} == {song.id for song in drummers}
    assert [seed for seed, _ in heard] == [seed for pair in made for seed in (pair.seed, pair.seed)]
    assert all(own[1] != other[1] for own, other in zip(heard[::2], heard[1::2], strict=True))


def test_one_who_listens_is_told_from_one_who_does_not(drummers):
    heard = verdicts(list(pairs(drummers, "drums", listener, RATE, 12, 4.0, 0)))["onset"]
    assert heard.p < 0.001
    assert heard.better == 12
    assert heard.own.value > 0.8 > 0.2 > heard.swapped.value
    assert heard.difference.value == pytest.approx(heard.own.value - heard.swapped.value)
    ignored = verdicts(list(pairs(drummers, "drums", deaf, RATE, 12, 4.0, 0)))["onset"]
    assert ignored.p == 1.0
    assert ignored.better == 0
    assert ignored.difference.value == 0.0


def test_the_report(drummers):
    made = list(pairs(drummers, "drums", listener, RATE, 6, 4.0, 0))
    facts = {"report": "context", "given": "drums", **findings(made)}
    assert len(facts["pairs"]) == 6
    assert facts["verdicts"]["onset"]["better"] == 6
    assert facts["verdicts"]["onset"]["own"]["status"] == "ok"
    text = markdown(tables_of(facts))
    assert "| onset | " in text
    assert "| 6 of 6 | 0.016 |" in text
