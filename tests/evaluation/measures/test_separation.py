import math
import sys

import numpy as np
import pytest
import torch

from stemweave.errors import MissingExtra
from stemweave.evaluation.measures.separation import (
    active_scores,
    decibels,
    lag,
    measure,
    msdm_chunks,
    msdm_scores,
    null_test,
    si_sdr,
    si_snr,
    windows,
)

RATE = 22050


def noise(seed, *shape, level=-20.0):
    """White noise of an exact RMS in dBFS over the last dimension."""
    audio = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return audio / audio.square().mean(-1, keepdim=True).sqrt() * 10 ** (level / 20)


def numpy_si_sdr(estimate, reference):
    """Independent of torch and torchmetrics: projection by least squares."""
    estimate, reference = np.asarray(estimate, float).ravel(), np.asarray(reference, float).ravel()
    scale = np.linalg.lstsq(reference[:, None], estimate, rcond=None)[0][0]
    target = scale * reference
    return 10 * np.log10(np.sum(target**2) / np.sum((estimate - target) ** 2))


def numpy_msdm(estimates, references):
    """2302.02257's protocol written again in numpy float64, window by window."""
    rows = []
    for k in range(max(math.ceil((references.shape[1] - 44100) / 44100), 0)):
        e, r = (x[:, k * 44100 : k * 44100 + 88200].astype(float) for x in (estimates, references))
        if sum(np.linalg.norm(stem) / len(stem) >= 1.5e-5 for stem in r) <= 1:
            continue

        def snr(x, y, eps=1e-8):
            a = (x @ y + eps) / (y @ y + eps)
            return 10 * np.log10((np.sum((a * y) ** 2) + eps) / (np.sum((a * y - x) ** 2) + eps))

        rows.append([snr(e[n], r[n]) - snr(r.sum(0), r[n]) for n in range(len(r))])
    return np.array(rows)


# --- the active protocol


def test_si_sdr_equals_an_independent_implementation():
    for seed, level in ((0, -10.0), (1, -40.0), (2, 10.0)):
        reference = noise(seed, 3, 2000)
        estimate = reference * 0.3 + noise(seed + 10, 3, 2000, level=-20 + level)
        expected = [numpy_si_sdr(e, r) for e, r in zip(estimate, reference, strict=True)]
        assert si_sdr(estimate, reference).tolist() == pytest.approx(expected, abs=1e-9)


def test_windows_are_four_seconds_every_two_and_the_last_at_least_one():
    assert [(w.start, w.stop) for w in windows(95, 10)] == [(0, 40), (20, 60), (40, 80), (60, 95), (80, 95)]
    assert [(w.start, w.stop) for w in windows(89, 10)] == [(0, 40), (20, 60), (40, 80), (60, 89)]
    assert [(w.start, w.stop) for w in windows(10, 10)] == [(0, 10)]
    assert windows(9, 10) == []


def test_scores_equal_an_independent_implementation_channels_jointly():
    references = torch.stack([noise(n, 2, 5 * RATE, level=-20 - 6 * n) for n in range(3)])
    estimates = references + torch.stack([noise(n + 9, 2, 5 * RATE, level=-30) for n in range(3)])
    scores = active_scores(estimates, references, RATE)
    assert scores.sdr.shape == (3, 3)
    for k, cut in enumerate(windows(5 * RATE, RATE)):
        for n in range(3):
            e, r, m = estimates[n, :, cut], references[n, :, cut], references.sum(0)[:, cut]
            assert float(scores.sdr[k, n]) == pytest.approx(numpy_si_sdr(e, r), abs=1e-8)
            assert float(scores.improvement[k, n]) == pytest.approx(numpy_si_sdr(e, r) - numpy_si_sdr(m, r), abs=1e-8)
            level = 10 * math.log10(float(e.square().mean() / r.square().mean()))
            assert float(scores.level[k, n]) == pytest.approx(level, abs=1e-8)
    assert scores.ghost.isnan().all()
    assert scores.error.isnan().all()


def test_only_active_stems_of_windows_with_two_are_scored():
    """Bass plays throughout, drums the first 6 s, piano never: windows 0-2 have two, 3 (6-10 s) and 4 (8-10 s) one."""
    samples = 10 * RATE
    references = torch.stack([noise(0, 1, samples), noise(1, 1, samples), torch.zeros(1, samples)])
    references[1, :, 6 * RATE :] = 0
    scores = active_scores(references * 0.9, references, RATE)
    assert scores.sdr.isfinite().tolist() == [[True, True, False]] * 3 + [[False] * 3] * 2
    assert scores.level.isfinite().tolist() == [[True, True, False]] * 3 + [[True, False, False]] * 2
    assert scores.ghost.isfinite().tolist() == [[False, False, True]] * 3 + [[False, True, True]] * 2
    assert scores.error.isfinite().tolist() == [[False] * 3] * 3 + [[True, False, False]] * 2
    assert scores.error[3, 0] == pytest.approx(-20.0)
    assert scores.level[0].tolist()[:2] == pytest.approx([20 * math.log10(0.9)] * 2)


@pytest.mark.parametrize(("level", "threshold", "active"), [(-59.9, -60, True), (-60.1, -60, False), (-47.1, -47, False)])
def test_the_threshold_of_activity_is_a_level_whatever_the_length(level, threshold, active):
    for seconds in (1, 4):
        references = torch.stack([noise(0, 1, seconds * RATE), noise(1, 1, seconds * RATE, level=level)])
        assert bool(active_scores(references, references, RATE, threshold).sdr.isfinite()[0, 1]) == active


@pytest.mark.parametrize(("level", "active"), [(-59.9, True), (-60.1, False)])
def test_minus_60_dbfs_is_the_threshold_unless_told(level, active):
    references = torch.stack([noise(0, 1, 4 * RATE), noise(1, 1, 4 * RATE, level=level)])
    assert bool(active_scores(references, references, RATE).sdr.isfinite()[0, 1]) == active


def test_estimates_are_clipped_but_not_the_mixture():
    references = torch.stack([noise(0, 1, 4 * RATE, level=-50), noise(1, 1, 4 * RATE, level=-10)])
    perfect = active_scores(references, references, RATE)
    assert perfect.sdr[0].tolist() == [60.0, 60.0]
    mixture = numpy_si_sdr(references.sum(0), references[0])
    assert mixture < -35
    assert float(perfect.improvement[0, 0]) == pytest.approx(60 - mixture, abs=1e-8)
    unrelated = active_scores(noise(7, 2, 1, 4 * RATE), references, RATE)
    assert unrelated.sdr[0, 0] == -30.0


def test_a_muted_estimate_is_at_the_floor_not_at_zero():
    references = noise(0, 2, 1, 4 * RATE)
    for quiet in (0.0, 9e-4):
        scores = active_scores(references * quiet, references, RATE)
        assert scores.sdr.unique().tolist() == [-30.0]
    assert active_scores(references * 2e-3, references, RATE).sdr[0, 0] == 60.0


def test_ghosts_are_relative_to_the_mixture():
    references = torch.stack([noise(0, 1, 4 * RATE, level=-20), torch.zeros(1, 4 * RATE)])
    estimates = torch.stack([references[0], noise(1, 1, 4 * RATE, level=-65)])
    assert float(active_scores(estimates, references, RATE).ghost[0, 1]) == pytest.approx(-45.0)
    assert active_scores(estimates, torch.zeros_like(references), RATE).ghost.isnan().all()


def test_songs_under_a_second_have_no_windows():
    levels = measure(torch.zeros(3, 1, RATE - 1), torch.zeros(3, 1, RATE - 1), RATE)
    assert levels.sdr.shape == (0, 3)
    assert active_scores(torch.zeros(3, 1, 5), torch.zeros(3, 1, 5), RATE).error.shape == (0, 3)


def test_unequal_lengths_are_our_own_mistake():
    with pytest.raises(AssertionError):
        measure(torch.zeros(2, 1, RATE), torch.zeros(2, 1, RATE + 1), RATE)


def test_without_torchmetrics_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchmetrics.functional.audio", None)
    with pytest.raises(MissingExtra, match=r"stemweave\[eval\]"):
        si_sdr(torch.ones(3), torch.ones(3))


# --- the protocol of 2302.02257, and its holes


def test_msdm_equals_an_independent_implementation():
    references = torch.stack([noise(n, 9 * RATE, level=-20 - 8 * n) for n in range(4)])
    references[3, : 5 * RATE] = 0
    references[1:, 7 * RATE :] = 0
    estimates = references * 0.8 + noise(9, 4, 9 * RATE, level=-35)
    scores = msdm_scores(estimates, references)
    expected = numpy_msdm(estimates.numpy(), references.numpy())
    counted = scores[scores.isfinite().all(1)]
    assert counted.shape == expected.shape
    assert np.abs(counted.numpy() - expected).max() < 1e-3


def test_msdm_windows_and_chunks():
    def count(samples):
        return len(msdm_scores(torch.ones(2, samples), torch.ones(2, samples)))

    assert [count(n) for n in (44100, 44101, 88200, 88201, 132300, 132301)] == [0, 1, 1, 2, 2, 3]
    assert msdm_chunks(2**18 - 1) == []
    assert msdm_chunks(2**18 * 2 + 5) == [slice(0, 2**18), slice(2**18, 2**19)]


def test_msdm_skips_windows_with_at_most_one_active_stem():
    references = noise(0, 3, 4 * RATE)
    references[1:] = 0
    assert msdm_scores(references, references).isnan().all()
    references[1] = noise(1, 4 * RATE, level=-46.9)
    assert msdm_scores(references, references).isfinite().all()
    references[1] = noise(1, 4 * RATE, level=-47.1)
    assert msdm_scores(references, references).isnan().all()


@pytest.mark.parametrize(("level", "expected"), [(-20, 0.0), (-40, 20.0), (-60, 40.0), (-80, 60.0), (None, 109.5)])
def test_hole_quiet_output_on_a_silent_reference_is_rewarded(level, expected):
    """The mixture lies at -20 dBFS; digital zero earns 109.5 dB."""
    mixture = noise(0, 4 * RATE, level=-20.0)
    references = torch.stack([mixture / 2, mixture / 2, torch.zeros(4 * RATE)])
    silent = torch.zeros(4 * RATE) if level is None else noise(1, 4 * RATE, level=level)
    scores = msdm_scores(torch.stack([mixture, mixture, silent]), references)
    assert float(scores[0, 2]) == pytest.approx(expected, abs=0.05)


def test_hole_the_reward_depends_on_the_library():
    mixture = noise(0, 4 * RATE, level=-20.0).float()
    zero = torch.zeros(4 * RATE)
    eps = torch.finfo(torch.float32).eps
    assert float(si_snr(zero, zero, eps) - si_snr(mixture, zero, eps)) == pytest.approx(98.7, abs=0.05)


def test_hole_a_muted_stem_under_the_rest_improves():
    """6 dB under the rest, muted: +6 dB; junk at -60 dBFS: -39.6 dB or so; the honest protocol says -30 - (-6)."""
    stem, rest = noise(0, 4 * RATE, level=-26.0), noise(1, 4 * RATE, level=-20.0)
    rest = rest - stem * (rest @ stem) / (stem @ stem)
    references = torch.stack([stem, rest])
    muted = torch.stack([torch.zeros_like(stem), rest])
    assert float(msdm_scores(muted, references)[0, 0]) == pytest.approx(6.0, abs=0.05)
    assert float(active_scores(muted[:, None], references[:, None], RATE).improvement[0, 0]) == pytest.approx(-24.0, abs=0.05)


# --- what belongs beside them


def test_null_test_measures_what_is_left():
    mixture = noise(0, 2, 5000)
    stems = torch.stack([mixture * 0.25, mixture * 0.75])
    assert null_test(stems, mixture) < -150
    assert null_test(stems * 1.01, mixture) == pytest.approx(-40.0)
    assert null_test(torch.zeros_like(stems), mixture) == pytest.approx(0.0)


def test_a_silent_mixture_has_no_null_test():
    nothing = torch.zeros(2, 1, 100)
    assert math.isnan(null_test(nothing, nothing[0]))
    assert math.isnan(null_test(nothing + 1, nothing[0]))


@pytest.mark.parametrize("shift", [-700, -1, 0, 1, 33])
def test_lag_finds_a_shift(shift):
    mixture = noise(0, 1, 8000)
    stems = torch.stack([mixture.roll(shift, -1) * 0.5 + noise(k, 1, 8000, level=-40) for k in (1, 2)])
    assert lag(stems, mixture) == shift


def test_lag_of_silence_and_of_short_songs_is_zero():
    assert lag(torch.zeros(2, 1, 100), torch.zeros(1, 100)) == 0
    assert lag(torch.ones(1, 1, 1), torch.ones(1, 1)) == 0


def test_decibels():
    assert decibels(torch.full((7,), 0.1, dtype=torch.float64)) == pytest.approx(-20.0)
    assert decibels(torch.zeros(3, dtype=torch.float64)) == pytest.approx(-200.0)
    assert decibels(torch.zeros(3)) == pytest.approx(-200.0, abs=1e-3)
