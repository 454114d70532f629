import numpy as np
import pytest
import torch

from stemweave.evaluation.embeddings.logmel import LogMelPicture, LogMelStatistics
from stemweave.evaluation.measures.mel import magnitudes, mel_bands

RATE = 22050


def melody(seconds, seed=0, level=0.3):
    """Notes of a quarter second each."""
    rng = np.random.default_rng(seed)
    pitch = np.repeat(220 * 2 ** (rng.integers(0, 24, 4 * round(seconds) + 1) / 12), RATE // 4)[: round(seconds * RATE)]
    sound = np.sin(np.cumsum(2 * np.pi * pitch / RATE)) + 0.01 * rng.standard_normal(len(pitch))
    return torch.from_numpy(level * sound).float()


def slow_log_mel(audio):
    """Mel power, frame by frame and band by band: (200, 64) of 4 s."""
    audio = np.concatenate([audio, np.zeros(1024)])
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1024) / 1024)
    frames = [np.abs(np.fft.rfft(hann * audio[441 * k : 441 * k + 1024]) / 512) ** 2 for k in range(200)]
    at = 1127 * np.log(1 + np.arange(513) * RATE / 1024 / 700)
    edges = np.linspace(0, 1127 * np.log(1 + RATE / 2 / 700), 66)
    return np.array([[np.interp(at, edges[b : b + 3], [0, 1, 0]) @ frame for b in range(64)] for frame in frames])


def test_statistics_are_those_of_a_slow_log_mel():
    audio = melody(4)
    found = LogMelStatistics()(audio)
    level = 10 * np.log10(np.maximum(slow_log_mel(audio.double().numpy()), 1e-8))
    moves = np.diff(level, axis=0)
    expected = np.concatenate([level.mean(0), level.std(0), moves.mean(0), moves.std(0)])
    assert found.shape == (1, 256)
    assert found[0] == pytest.approx(expected, abs=0.02)


def test_a_gain_shifts_levels_and_nothing_else():
    audio = melody(6) + 0.05 * torch.randn(6 * RATE, generator=torch.Generator().manual_seed(0))
    soft, loud = LogMelStatistics()(0.5 * audio), LogMelStatistics()(audio)
    assert soft.shape == (2, 256)
    assert (loud - soft)[:, :64] == pytest.approx(np.full((2, 64), 20 * np.log10(2)), abs=1e-3)
    assert loud[:, 64:] == pytest.approx(soft[:, 64:], abs=1e-3)


def test_silence_is_the_floor():
    found = LogMelStatistics(floor=-70.0)(torch.zeros(4 * RATE))
    assert found[0] == pytest.approx(np.repeat([-70.0, 0.0], [64, 192]), abs=1e-4)


@pytest.mark.parametrize(
    "embedding", [LogMelStatistics(), LogMelStatistics(2.0, 0.5), LogMelPicture(), LogMelPicture(3.0, 2.0)]
)
def test_windows_are_as_many_as_fit(embedding):
    samples = embedding.window
    assert samples == embedding.seconds * RATE
    for extra in (0.0, 0.9, 1.0, 2.7):
        audio = melody(embedding.seconds + extra * embedding.hop + 0.01)
        assert embedding(audio).shape == (1 + int(extra), embedding.dimension)
    assert len(embedding(melody(4)[:samples])) == 1


def test_a_picture_is_the_slow_log_mel_around_its_mean():
    audio = melody(4)
    cells = slow_log_mel(audio.double().numpy()).reshape(40, 5, 64).mean(1)
    level = 10 * np.log10(np.maximum(cells, cells.max() * 1e-4)).T.flatten()
    assert LogMelPicture()(audio)[0] == pytest.approx(level - level.mean(), abs=0.02)


def test_a_picture_is_blind_to_level_and_moves_with_time():
    audio = melody(7)
    picture = LogMelPicture()
    assert picture(0.01 * audio) == pytest.approx(picture(audio), abs=0.01)
    assert picture(audio[RATE:])[:2] == pytest.approx(picture(audio)[1:3], abs=1e-3)
    assert not picture(torch.zeros(5 * RATE)).any()


def test_a_sine_peaks_in_its_bin():
    sine = 0.8 * torch.sin(2 * torch.pi * 64 * torch.arange(4096) / 1024)
    found = magnitudes(sine, 1024, 512, 1024)
    assert found.shape == (7, 513)
    assert (found.argmax(1) == 64).all()
    assert found.amax(1) == pytest.approx(np.full(7, 0.8 * 1024 / 4), rel=1e-4)


def test_mel_bands_hand_over_to_each_other():
    """Between the first and the last middle, each bin's weights sum to one."""
    bands = mel_bands(513, RATE, 20, 100.0, 8000.0)
    hertz = torch.linspace(0, RATE / 2, 513)
    peaks = [float(hertz[int(band.argmax())]) for band in bands]
    assert peaks == sorted(peaks)
    inside = (hertz > peaks[0] + 50) & (hertz < peaks[-1] - 50)
    assert bands.sum(0)[inside] == pytest.approx(np.ones(int(inside.sum())), abs=1e-5)
    assert not bands[:, (hertz <= 100) | (hertz >= 8000)].any()
