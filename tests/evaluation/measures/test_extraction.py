import math

import pytest
import torch

from stemweave.errors import DataError
from stemweave.evaluation.measures.extraction import best_match, changed, crops, extraction, ghosts, improvement

RATE = 2000


def noise(seed, samples, channels=1, level=-20.0):
    audio = torch.randn(channels, samples, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return audio / audio.square().mean().sqrt() * 10 ** (level / 20)


def song(seconds=8):
    """Bass and drums at -20 dBFS each, and what they make together."""
    bass, drums = noise(0, seconds * RATE), noise(1, seconds * RATE)
    return bass, drums, bass + drums


def levels_of(*extractions):
    return torch.cat([each.scores.ghost[:, 0] for each in extractions])


# --- prompts for what plays


def test_improvement_is_that_of_separation():
    """A target with the drums 20 dB under the bass: SI-SDR 20 dB, from a mixture at 0 dB."""
    bass, drums, mixture = song()
    target = bass + 0.1 * drums
    (value,) = improvement([extraction(target, mixture - target, bass, mixture, RATE)])
    assert value == pytest.approx(20, abs=0.3)


def test_channels_count_jointly():
    bass, drums = noise(0, 8 * RATE, 2), noise(1, 8 * RATE, 2)
    target = bass + 0.1 * drums
    (value,) = improvement([extraction(target, 0.9 * drums, bass, bass + drums, RATE)])
    assert value == pytest.approx(20, abs=0.3)


def test_an_instrument_that_is_absent_or_alone_has_no_improvement():
    bass, _, mixture = song()
    nothing = torch.zeros_like(bass)
    absent = extraction(0.1 * mixture, 0.9 * mixture, nothing, mixture, RATE)
    alone = extraction(bass, nothing, bass, bass, RATE)
    assert all(math.isnan(value) for value in improvement([absent, alone]))


def test_target_and_residual_must_make_the_mixture():
    bass, drums, mixture = song()
    assert extraction(bass, mixture - bass, bass, mixture, RATE).null < -179
    lossy = extraction(bass, 0.9 * drums, bass, mixture, RATE)
    assert lossy.null == pytest.approx(-20 - 10 * math.log10(2), abs=0.1)


# --- prompts for what does not play


def test_ghosts_are_levels_relative_to_the_mixture():
    _, _, mixture = song()
    nothing = torch.zeros_like(mixture)
    levels = (-60.0, -50.0, -45.0, -30.0)
    made = [extraction(mixture * 10 ** (level / 20), mixture, nothing, mixture, RATE) for level in levels]
    found = ghosts(levels_of(*made))
    assert found.windows == 16  # 8 s: windows from 0, 2, 4 (4 s each) and 6 (2 s)
    assert found.median == pytest.approx(-47.5)
    assert found.p95 == pytest.approx(-30.0)
    assert found.share == 0.25


def test_ghosts_are_condensed_to_the_median_the_95th_percentile_and_the_share_above_40_db():
    found = ghosts(torch.cat([torch.arange(-100.0, 1.0), torch.tensor([math.nan])]).double())
    assert (found.median, found.p95, found.windows) == (pytest.approx(-50), pytest.approx(-5), 101)
    assert found.share == 40 / 101


def test_silence_is_no_ghost():
    _, _, mixture = song()
    nothing = torch.zeros_like(mixture)
    found = ghosts(levels_of(extraction(nothing, mixture, nothing, mixture, RATE)))
    assert found.share == 0
    assert found.p95 < -150


def test_a_short_burst_is_not_averaged_away():
    _, _, mixture = song(20)
    burst = torch.zeros_like(mixture)
    burst[:, : 4 * RATE] = mixture[:, : 4 * RATE] * 0.1
    found = ghosts(levels_of(extraction(burst, mixture - burst, torch.zeros_like(mixture), mixture, RATE)))
    assert found.windows == 10
    assert found.share == pytest.approx(0.2)
    assert found.median < -150


def test_without_absent_instruments_there_are_no_ghosts():
    bass, drums, mixture = song()
    with pytest.raises(DataError, match="no window lacks"):
        ghosts(levels_of(extraction(bass, drums, bass, mixture, RATE)))
    with pytest.raises(DataError, match="no window lacks"):
        ghosts(torch.empty(0))


def test_bad_sound_is_refused():
    bass, drums, mixture = song()
    with pytest.raises(DataError, match=r"the truth has shape \(1, 9\)"):
        extraction(bass, drums, bass[:, :9], mixture, RATE)
    with pytest.raises(DataError, match="the target holds NaN"):
        extraction(bass * math.nan, drums, bass, mixture, RATE)
    with pytest.raises(DataError, match="expected 2 dimensions"):
        extraction(bass[0], drums[0], bass[0], mixture[0], RATE)


# --- stability


def test_crops_are_ten_seconds_end_to_end():
    assert crops(35 * RATE, RATE) == [slice(0, 10 * RATE), slice(10 * RATE, 20 * RATE), slice(20 * RATE, 30 * RATE)]
    assert crops(10 * RATE - 1, RATE) == []


def test_the_best_match_is_the_stem_that_sounds_through():
    bass, drums, _ = song()
    stems = torch.stack([bass, drums, torch.zeros_like(bass)])
    assert best_match(0.01 * (bass + 0.5 * drums) + noise(5, 8 * RATE, level=-70), stems) is None
    assert best_match(0.1 * bass + 0.05 * drums, stems) == 0
    assert best_match(-0.5 * drums, stems) == 1
    assert best_match(noise(9, 8 * RATE), stems) in (0, 1)


def test_silence_matches_nothing():
    bass, drums, _ = song()
    stems = torch.stack([bass, drums])
    assert best_match(torch.zeros_like(bass), stems) is None
    assert best_match(bass * 0.0138, stems) is None  # -40 dB is 0.01 of the sum, which is √2 louder than the bass
    assert best_match(bass * 0.0145, stems) == 0


def test_one_crop_of_five_changes():
    """Bass in four crops, drums in one, silence in one more, which does not count."""
    length = 10 * RATE
    stems = torch.stack([noise(0, 6 * length), noise(1, 6 * length)])
    taken = [0, 0, 1, 0, 0]
    matches = []
    for k, cut in enumerate(crops(6 * length, RATE)):
        output = stems[taken[k], :, cut] if k < 5 else torch.zeros(1, length)
        matches.append(best_match(output, stems[..., cut]))
    assert matches == [0, 0, 1, 0, 0, None]
    assert changed(matches) == pytest.approx(0.2)


def test_a_steady_answer_never_changes():
    assert changed([2, 2, 2, None]) == 0
    assert changed([0, 1, 2]) == pytest.approx(2 / 3)


def test_too_few_crops_have_no_majority():
    with pytest.raises(DataError, match="2 of 4 crops sound"):
        changed([1, None, 1, None])


def test_outputs_and_stems_must_fit():
    bass, drums, _ = song()
    with pytest.raises(DataError, match="cut them alike"):
        best_match(bass[:, 1:], torch.stack([bass, drums]))
    with pytest.raises(DataError, match="the stems has shape"):
        best_match(bass, bass)
