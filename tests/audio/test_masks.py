import numpy as np
import pytest
import torch

from stemweave.audio.masks import ratio_masks, share_out
from stemweave.audio.resample import resample, resampled_length


def relative_db(error, reference):
    return float(10 * torch.log10(error.double().square().sum() / reference.double().square().sum() + 1e-30))


@pytest.mark.parametrize("samples", [1, 2, 50, 4097, 60001])
@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (22050, 2), (44100, 8), (192000, 2)])
def test_shares_sum_to_the_song(samples, rate, channels, generator):
    song = torch.randn(channels, samples, generator=generator) * 0.1
    estimates = torch.randn(4, 1, resampled_length(samples, rate, 22050), generator=generator)
    shares = share_out(song, rate, estimates, 22050)
    assert shares.shape == (4, channels, samples)
    assert shares.dtype == torch.float32
    assert relative_db(shares.sum(0) - song, song) <= -110


def test_shares_sum_to_the_song_where_the_estimates_are_silent(generator):
    song = torch.randn(2, 30000, generator=generator)
    shares = share_out(song, 44100, torch.zeros(5, 1, 15000), 22050)
    assert relative_db(shares.sum(0) - song, song) <= -110
    torch.testing.assert_close(shares[0], shares[4])


def test_a_silent_song_gives_silence(generator):
    estimates = torch.randn(3, 1, 5000, generator=generator)
    assert share_out(torch.zeros(2, 10000), 44100, estimates, 22050).abs().max() == 0


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_masks_equal_an_independent_computation_below_the_band_edge(power):
    rng = np.random.default_rng(5)
    spectra = rng.normal(size=(3, 1, 65, 7)) + 1j * rng.normal(size=(3, 1, 65, 7))
    expected = np.abs(spectra) ** power / (np.abs(spectra) ** power).sum(0)
    masks = ratio_masks(torch.from_numpy(spectra), power, rate=44100, top=11025.0).numpy()
    below = int(0.8 * 11025 / 22050 * 64)
    np.testing.assert_allclose(masks[:, :, :below], expected[:, :, :below], rtol=1e-9)
    np.testing.assert_allclose(masks.sum(0), 1, rtol=1e-9)
    assert masks.min() >= 0


def test_above_the_band_one_mask_per_frame_follows_the_band_s_top():
    spectra = torch.full((2, 1, 65, 5), 1e-6, dtype=torch.complex64)
    spectra[0, :, 2] = 1.0  # low in the band
    spectra[1, :, 26] = 0.5  # near its top, at 8958 Hz
    masks = ratio_masks(spectra, 2.0, rate=44100, top=11025.0)
    above = masks[1, 0, 34:]
    assert above.min() > 0.99
    assert torch.equal(above, above[:1].expand_as(above))


def test_a_model_as_wide_as_the_song_is_trusted_everywhere(generator):
    spectra = torch.randn(2, 1, 65, 5, generator=generator).to(torch.complex64)
    masks = ratio_masks(spectra, 2.0, rate=22050, top=float("inf"))
    torch.testing.assert_close(masks[0], spectra[0].abs() ** 2 / (spectra.abs() ** 2).sum(0))


def test_perfect_estimates_pull_apart_what_does_not_overlap():
    time = torch.arange(44100) / 44100
    low, high = torch.sin(2 * np.pi * 200 * time), torch.sin(2 * np.pi * 3000 * time)
    song = torch.stack([low + high, 0.5 * low - high])
    estimates = resample(torch.stack([low, high])[:, None], 44100, 22050)
    bass, other = share_out(song, 44100, estimates, 22050)
    inside = slice(4096, -4096)
    assert relative_db((bass - torch.stack([low, 0.5 * low]))[:, inside], bass) < -50
    assert relative_db((other - torch.stack([high, -high]))[:, inside], other) < -50


def test_the_song_s_own_channels_stay_where_they_are():
    song = torch.zeros(2, 20000)
    song[0] = torch.sin(torch.arange(20000) * 0.05)
    shares = share_out(song, 44100, torch.ones(2, 1, 10000), 22050)
    assert shares[:, 1].abs().max() == 0
