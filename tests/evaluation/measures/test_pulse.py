import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter1d

from stemweave.band import presets
from stemweave.band.score import STEMS
from stemweave.band.song import render_song
from stemweave.errors import DataError
from stemweave.evaluation.measures.pulse import FRAMES, TIGHTNESS, Pulse, _chain, autocorrelation, beat_period

RATE = 22050


def clicks(times, seconds, rate=RATE, level=0.3):
    """Short decaying noises at these times: (1, samples)."""
    rng, audio = np.random.default_rng(0), np.zeros(round(seconds * rate))
    for start in times:
        tail = audio[round(start * rate) :][: rate // 10]
        tail += level * rng.standard_normal(len(tail)) * np.exp(-np.arange(len(tail)) / rate * 60)
    return torch.from_numpy(audio).float()[None]


@pytest.mark.parametrize(("tempo", "rate"), [(70, RATE), (96, 44100), (120, RATE), (133, RATE), (150, RATE)])
def test_the_beats_of_a_click_track_are_found(tempo, rate):
    true = np.arange(0.31, 9.5, 60 / tempo)
    found = Pulse()(clicks(true, 10, rate).expand(2, -1), rate)
    assert len(found) == len(true)
    assert np.abs(found - true).max() < 0.02


def test_beats_that_are_left_out_are_filled_in_and_weak_off_beats_are_not_taken():
    beats = np.arange(0.2, 9.8, 0.5)
    played = np.delete(beats, [5, 6, 12])
    sound = clicks(played, 10) + clicks(beats[:-1] + 0.25, 10, level=0.02)
    found = Pulse()(sound, RATE)
    assert len(found) == len(beats)
    assert np.abs(found - beats).max() < 0.03


def test_nothing_before_the_first_strong_beat_and_after_the_last():
    found = Pulse()(clicks(np.arange(3.0, 7.1, 0.5), 10), RATE)
    assert found[0] == pytest.approx(3.0, abs=0.02)
    assert found[-1] == pytest.approx(7.0, abs=0.02)
    assert (np.diff(found) > 0).all()


@pytest.mark.parametrize("song", [3, 4])
def test_a_rendered_songs_drums_are_followed_on_the_composers_beats(song):
    stems, _, facts = render_song(presets.band(presets.PRESETS["train"], ()), 3, song, 12.0, RATE)
    drums = torch.from_numpy(stems[STEMS.index("drums")].astype(np.float32) / 2**15)[None]
    composed, found = np.array(facts["beats"]) / facts["rate"], Pulse()(drums, RATE)
    assert np.mean(np.abs(found[:, None] - composed).min(1) < 0.07) > 0.85
    assert np.mean(np.abs(composed[:, None] - found).min(1) < 0.07) > 0.85


def test_what_has_no_beat_has_none():
    noise = 0.1 * torch.randn(1, 6 * RATE, generator=torch.Generator().manual_seed(0))
    for sound in (torch.zeros(1, RATE), noise, clicks([1.0], 3), torch.ones(1, 300)):
        assert len(Pulse()(sound, RATE)) == 0
    with pytest.raises(DataError, match="the sound has shape"):
        Pulse()(torch.zeros(1, 0), RATE)
    with pytest.raises(DataError, match="NaN"):
        Pulse()(torch.full((1, 5000), torch.nan), RATE)


def test_the_period_is_where_the_curve_is_like_itself():
    curve = np.zeros(800)
    curve[::40] = 1.0
    assert beat_period(curve) == 40
    smooth = gaussian_filter1d(curve, 0.02 * FRAMES)
    centred = smooth - smooth.mean()
    expected = [sum(centred[lag:] * centred[: 800 - lag]) for lag in range(800)]
    assert autocorrelation(curve) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("frames", "period"), [(60, 12), (61, 15), (40, 22), (200, 23)])
def test_the_chain_is_that_of_a_slow_search(frames, period):
    """Frame by frame, with silence before the sound."""
    strength = np.random.default_rng(frames).random(frames) ** 4
    best, back = {}, {}
    for now in range(frames):
        reach = range(now - 2 * period, now - period // 2 + 1)
        costs = {then: best.get(then, 0.0) - TIGHTNESS * np.log((now - then) / period) ** 2 for then in reach}
        back[now] = max(costs, key=costs.get)
        best[now] = strength[now] + costs[back[now]]
    chain = [max(range(frames - period, frames), key=best.get)]
    while back[chain[-1]] >= 0:
        chain.append(back[chain[-1]])
    assert _chain(strength, period).tolist() == chain[::-1]
