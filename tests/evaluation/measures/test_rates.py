import math

import pytest
import torch

from stemweave.errors import DataError
from stemweave.evaluation.measures.rates import flatness, noise_rates, noise_threshold, silence, silent_rates

RATE = 8000


def noise(seconds, level, seed=0):
    return level * torch.randn(round(seconds * RATE), generator=torch.Generator().manual_seed(seed))


def tone(seconds, level, hertz=440.0):
    return level * torch.sin(2 * torch.pi * hertz * torch.arange(round(seconds * RATE)) / RATE)


def song(*stems):
    return torch.stack(stems)[:, None]


def test_silent_windows_are_those_under_60_dbfs():
    """8 s: windows at 0, 2, 4 and the last, of 2 s, at 6 s."""
    half = torch.cat([torch.zeros(4 * RATE), tone(4, 0.1)])
    found = silence(song(half, tone(8, 1.5e-3), tone(8, 1.3e-3), torch.zeros(8 * RATE)), RATE)
    assert found[:, 0].tolist() == [True, False, False, False]
    assert not found[:, 1].any(), "a sine of 1.5e-3 is at -59.5 dBFS"
    assert found[:, 2:].all()


def test_silent_rates_are_shares_of_windows_with_intervals_by_song():
    songs = [torch.tensor([[True, False]] * 3), torch.tensor([[False, False]] * 9)]
    one, two, mean = silent_rates(songs)
    assert (one.value, two.value, mean.value) == (0.25, 0.0, 0.125)
    assert (one.low, one.high, one.n) == (0.0, 1.0, 2)


def test_noise_is_flat_and_notes_are_not():
    found = flatness(song(noise(8, 0.01), tone(8, 0.5), tone(8, 0.1) + noise(8, 0.1), torch.zeros(8 * RATE)), RATE)
    assert found.shape == (4, 4)
    assert (found[:, 0] > -0.3).all()
    assert (found[:, 1] < -30).all()
    assert ((found[:, 2] < -1) & (found[:, 2] > -20)).all()
    assert found[:, 3].isnan().all()


def test_flatness_is_the_ratio_of_means_over_the_audible_band():
    """Two plateaus a octave apart by design: half of the band's bins at four times the power of the others."""
    low = torch.fft.rfft(noise(16, 0.1, 1).double())
    hertz = torch.fft.rfftfreq(16 * RATE, 1 / RATE)
    audio = torch.fft.irfft(torch.where(hertz < 1810, 2 * low, low)).float()
    expected = 10 * math.log10(math.sqrt(4 * 1) / 2.5)
    assert flatness(song(audio), RATE)[1:-2].mean() == pytest.approx(expected, abs=0.15)


@pytest.mark.parametrize(("rate", "highest"), [(44100, 16000), (22050, 9922.5)])
def test_what_lies_above_the_audible_band_or_a_converters_does_not_matter(rate, highest):
    """Noise that ends just above the band is as flat as any; one that ends inside is not."""
    spectrum = torch.fft.rfft(torch.randn(8 * rate, generator=torch.Generator().manual_seed(3)).double())
    hertz = torch.fft.rfftfreq(8 * rate, 1 / rate)
    wide, narrow = (torch.fft.irfft(torch.where(hertz < end, spectrum, 0)).float() for end in (highest + 60, highest - 500))
    assert flatness(song(0.1 * wide), rate).min() > -0.3
    assert flatness(song(0.1 * narrow), rate).max() < -1


def test_the_level_does_not_matter_to_flatness():
    sound = tone(6, 0.1) + noise(6, 0.02)
    assert flatness(song(sound), RATE) == pytest.approx(flatness(song(0.3 * sound), RATE), abs=1e-3)


def test_of_real_windows_one_percent_are_noise_by_construction():
    generator = torch.Generator().manual_seed(2)
    real = [torch.randn(50, 2, generator=generator).double() * 5 - torch.tensor([20.0, 40.0]) for _ in range(20)]
    threshold = noise_threshold(real)
    bass, drums, mean = noise_rates(real, threshold)
    assert (bass.value, drums.value, mean.value) == (0.01, 0.01, 0.01)
    generated = [torch.where(torch.arange(50)[:, None] < 10, 0.0, table) for table in real]
    assert noise_rates(generated, threshold)[0].value == pytest.approx(0.2, abs=0.02)


def test_silent_windows_are_no_part_of_the_noise_rate():
    table = torch.tensor([[0.0], [math.nan], [math.nan], [-30.0]])
    assert noise_rates([table, table], torch.tensor([-10.0]))[0].value == 0.5
    assert noise_threshold([table]) == pytest.approx(torch.tensor([-0.3]))


def test_a_stem_that_real_songs_never_play_has_no_noise_rate():
    real = [torch.tensor([[-30.0, math.nan], [-20.0, math.nan]]).double()]
    heard, never, mean = noise_rates([torch.tensor([[-1.0, -1.0]]).double()], noise_threshold(real))
    assert (heard.value, heard.n, mean.value) == (1.0, 1, 1.0)
    assert math.isnan(never.value)
    assert never.n == 0


def test_residual_noise_is_told_from_playing():
    real = [flatness(song(tone(20, 0.2, 100.0 * k) + noise(20, 1e-3, k)), RATE) for k in range(1, 6)]
    hiss = [flatness(song(noise(20, 0.003, 9)), RATE)]
    threshold = noise_threshold(real)
    assert noise_rates(hiss, threshold)[0].value == 1.0
    assert noise_rates(real, threshold)[0].value < 0.05


def test_what_has_no_rate_is_refused():
    for audio, message in (
        (torch.zeros(1, 1, RATE - 1), "expected at least 1 s"),
        (torch.zeros(1, RATE), "expected 3 dimensions"),
        (torch.full((1, 1, RATE), math.nan), "NaN"),
    ):
        for measure in (silence, flatness):
            with pytest.raises(DataError, match=message):
                measure(audio, RATE)
    for real in ([], [torch.full((3, 2), math.nan)]):
        with pytest.raises(DataError, match=f"{len(real)} real songs, expected songs in which something is heard"):
            noise_threshold(real)
