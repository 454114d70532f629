import math
import sys

import numpy as np
import pytest
import torch

from stemweave.errors import DataError, MissingExtra
from stemweave.evaluation.measures.bsseval import Frames, bss_eval, global_sdr

RATE = 4000


def noise(seed, *shape, level=-20.0):
    audio = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return audio / audio.square().mean().sqrt() * 10 ** (level / 20)


def stems(seconds=3, channels=1):
    return torch.stack([noise(0, channels, seconds * RATE), noise(1, channels, seconds * RATE)])


def frames(*columns):
    table = torch.tensor(columns, dtype=torch.float64).T
    return Frames(table, table + 1, table + 2, table + 3)


# --- the adapter, with a museval that only says what it was given

FAKE = """
import numpy as np

def bss_eval(references, estimates, window, hop):
    assert references.shape == estimates.shape and references.dtype == estimates.dtype == np.float64
    count = (references.shape[1] - window + hop) // hop
    level = lambda audio: np.stack([audio[:, k * hop : k * hop + window].sum((1, 2)) for k in range(count)], 1)
    shape = len(references), count
    return level(references), level(estimates), np.full(shape, window), np.zeros(shape), None
"""


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """A package whose own module cannot be imported, as museval's cannot without ffmpeg, but whose metrics can."""
    (tmp_path / "museval").mkdir()
    (tmp_path / "museval" / "__init__.py").write_text("raise RuntimeError('ffmpeg or ffprobe could not be found')")
    (tmp_path / "museval" / "metrics.py").write_text(FAKE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "museval", raising=False)


def test_references_estimates_and_frames_arrive_in_museval_s_order(fake):
    references = torch.arange(2 * 3 * 25, dtype=torch.float32).reshape(2, 3, 25)
    scored = bss_eval(references * 10, references, 10)
    expected = torch.stack([references[..., :10].sum((1, 2)), references[..., 10:20].sum((1, 2))]).double()
    assert torch.equal(scored.sdr, expected)
    assert torch.equal(scored.isr, expected * 10)
    assert scored.sir.unique().tolist() == [10.0]
    assert scored.sar.shape == (2, 2)


def test_absent_stems_are_left_out(fake):
    references = torch.ones(3, 1, 30)
    references[1] = 0
    scored = bss_eval(torch.ones(3, 1, 30), references, 10)
    assert scored.sdr.isnan().tolist() == [[False, True, False]] * 3
    assert not scored.missing.any()


def test_an_estimate_of_zeros_silences_every_stem_and_so_does_anti_phase(fake):
    for muted in (torch.zeros(2, 30), torch.tensor([[1.0], [-1.0]]).expand(2, 30)):
        estimates = torch.stack([torch.ones(2, 30), muted])
        scored = bss_eval(estimates, torch.ones(2, 2, 30), 10)
        assert scored.sdr.isnan().all()
        assert scored.missing.tolist() == [True] * 3


def test_nothing_but_absent_stems_says_nothing(fake):
    assert bss_eval(torch.ones(2, 1, 20), torch.zeros(2, 1, 20), 10).missing.all()


def test_without_museval_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "museval", None)
    with pytest.raises(MissingExtra, match=r"stemweave\[bsseval\]"):
        bss_eval(stems(), stems(), RATE)


@pytest.mark.parametrize(
    ("estimates", "references", "message"),
    [
        (torch.ones(2, 1, 20), torch.ones(2, 1, 21), "cut them alike"),
        (torch.full((2, 1, 20), math.nan), torch.ones(2, 1, 20), "estimates holds? NaN"),
        (torch.ones(2, 20), torch.ones(2, 20), "expected 3 dimensions"),
        (torch.ones(2, 1, 9), torch.ones(2, 1, 9), "at least one frame of 1 s"),
    ],
)
def test_bad_sound_is_refused(estimates, references, message):
    with pytest.raises(DataError, match=message):
        bss_eval(estimates, references, 10)


# --- museval itself


def installed():
    from importlib.util import find_spec

    return find_spec("museval") is not None


real = pytest.mark.skipif(not installed(), reason="museval is not installed")


@real
def test_white_noise_over_a_scaled_stem_has_the_sdr_and_sar_of_the_formula():
    """e = 0.9 r + n: SDR counts the gain as distortion, SAR does not; 512 taps take a little of the noise."""
    references = stems()
    estimates = 0.9 * references + torch.stack([noise(2, 1, 3 * RATE, level=-40), noise(3, 1, 3 * RATE, level=-40)])
    scored = bss_eval(estimates, references, RATE)
    assert scored.sdr.shape == (3, 2)
    assert scored.sdr.mean() == pytest.approx(10 * math.log10(1 / (0.01 + 0.01)), abs=0.1)
    assert scored.isr.mean() == pytest.approx(20, abs=0.5)
    taken = 1 - 2 * 512 / (3 * RATE)
    assert scored.sar.mean() == pytest.approx(20 * math.log10(0.9) + 20 - 10 * math.log10(taken), abs=0.3)
    assert (scored.sir > 25).all()


@real
def test_bleed_is_interference():
    references = stems(2)
    bleeding = references + 0.1 * references.flip(0)
    assert bss_eval(bleeding, references, RATE).sir.mean() == pytest.approx(20, abs=0.3)


@real
def test_a_frame_of_zeros_in_one_estimate_is_missing_for_every_stem():
    references = stems(2)
    estimates = 0.9 * references
    estimates[0, :, RATE:] = 0
    scored = bss_eval(estimates, references, RATE)
    assert scored.missing.tolist() == [False, True]
    assert scored.sar[1].isnan().all()


@real
def test_an_absent_stem_does_not_change_the_others():
    references, estimates = stems(2), stems(2) + noise(5, 2, 1, 2 * RATE, level=-30)
    both = bss_eval(estimates, references, RATE)
    absent = torch.zeros(1, 1, 2 * RATE)
    three = bss_eval(torch.cat([absent + 0.1, estimates]), torch.cat([absent, references]), RATE)
    assert three.sdr[:, 1:].flatten().tolist() == pytest.approx(both.sdr.flatten().tolist())
    assert three.sdr[:, 0].isnan().all()


# --- medians


def test_medians_over_frames_leave_out_what_says_nothing():
    result = frames([1.0, 9.0, 2.0, math.nan], [5.0, 7.0, math.nan, math.nan], [math.nan] * 4)
    assert list(result.medians) == ["sdr", "isr", "sir", "sar"]
    assert result.medians["sdr"][:2].tolist() == [2.0, 6.0]  # of 5 and 7: the mean of the middle two
    assert result.medians["sar"][:2].tolist() == [5.0, 9.0]
    assert result.medians["sdr"][2].isnan()
    assert result.missing.tolist() == [False, False, False, True]


# --- SDR of the whole song


def test_global_sdr_is_its_formula():
    references, estimates = stems(2, 2), stems(2, 2) * 0.7 + noise(9, 2, 2, 2 * RATE, level=-35)
    expected = []
    for r, e in zip(references.double().numpy(), estimates.double().numpy(), strict=True):
        expected.append(10 * np.log10((np.sum(r**2) + 1e-8) / (np.sum((r - e) ** 2) + 1e-8)))
    assert global_sdr(estimates, references).tolist() == pytest.approx(expected, abs=1e-9)
    assert global_sdr(0.9 * references, references).tolist() == pytest.approx([20.0, 20.0], abs=1e-4)


def test_a_perfect_estimate_is_held_by_eps():
    references = stems(2)
    energy = float(references[0].double().square().sum())
    assert float(global_sdr(references, references)[0]) == pytest.approx(10 * math.log10(energy / 1e-8), abs=1e-6)


def test_absent_stems_are_skipped():
    references = torch.stack([noise(0, 1, RATE, level=-59), noise(1, 1, RATE, level=-61), torch.zeros(1, RATE)])
    assert global_sdr(references * 0.9, references).isnan().tolist() == [False, True, True]


def test_global_sdr_refuses_unequal_shapes():
    with pytest.raises(DataError, match="cut them alike"):
        global_sdr(torch.ones(2, 1, 20), torch.ones(2, 2, 20))
