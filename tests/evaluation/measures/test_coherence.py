import numpy as np
import pytest
import torch

from stemweave.evaluation.measures.coherence import chroma, chroma_correlation, onset_correlation, onsets, standardised

RATE = 22050


def notes(pitches, seconds=0.75, rate=RATE, harmonics=4, decay=0.0):
    """Tones of MIDI pitches one after another: (1, samples)."""
    time = np.arange(round(seconds * rate)) / rate
    parts = [
        sum(np.sin(2 * np.pi * k * 440 * 2 ** ((pitch - 69) / 12) * time) / k for k in range(1, harmonics + 1))
        * np.exp(-decay * time)
        for pitch in pitches
    ]
    return torch.from_numpy(np.concatenate(parts)).float()[None]


def clicks(gaps, level=1.0, seed=0):
    """Bursts of noise that start so many samples after one another."""
    audio = np.random.default_rng(seed).standard_normal(12 * RATE) * 1e-4
    for start in np.cumsum(gaps):
        if start < len(audio) - 2000:
            audio[start : start + 2000] += np.random.default_rng(start).standard_normal(2000) * level
    return torch.from_numpy(audio).float()[None]


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def test_a_tone_lives_in_its_pitch_class():
    for pitch in (45, 57, 60, 70):
        energy = chroma(notes([pitch], 2.0, harmonics=1), RATE).exp().mean(1)
        assert int(energy.argmax()) == (pitch - 69) % 12
        assert energy.max() > 20 * energy.median()


def slow_power(audio, size, hop):
    """Frame by frame: power of a Hann-windowed spectrum, of a sound that is brought to unit RMS first."""
    audio = audio.double().numpy()
    audio = audio / np.sqrt(np.mean(audio**2))
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    starts = range(0, len(audio) - size + 1, hop)
    return np.array([np.abs(np.fft.rfft(hann * audio[k : k + size])) ** 2 / hann.sum() ** 2 for k in starts])


def test_chroma_is_that_of_a_slow_one():
    """22 050 Hz, frames of 8192 every 4096, bins from 60 to 2000 Hz folded to the nearest pitch class, log of power + 1e-3."""
    audio = 0.2 * (notes([33, 47, 59, 62, 81], harmonics=9)[0] + 0.02 * torch.randn(82690, generator=seeded(0)))
    folded = []
    for power in slow_power(audio, 8192, 4096):
        classes = np.zeros(12)
        for k, value in enumerate(power):
            hertz = k * RATE / 8192
            if 60 <= hertz <= 2000:
                classes[round(12 * np.log2(hertz / 440)) % 12] += value
        folded.append(np.log(classes + 1e-3))
    assert chroma(audio[None], RATE) == pytest.approx(np.array(folded).T, abs=2e-3)


def test_onsets_are_those_of_slow_ones():
    """Frames of 1024 every 512, 24 mel bands, 60 dB under the loudest is the floor; rises alone count, summed over bands."""
    audio = clicks([20000, 9000, 30000], 0.3)[0][:90000]
    power = slow_power(audio, 1024, 512)
    at = 1127 * np.log(1 + np.arange(513) * RATE / 1024 / 700)
    edges = np.linspace(0, 1127 * np.log(1 + RATE / 2 / 700), 26)
    bands = np.array([np.interp(at, edges[b : b + 3], [0, 1, 0]) for b in range(24)])
    level = 10 * np.log10(np.maximum(power @ bands.T, (power @ bands.T).max() * 1e-6))
    rises = np.maximum(level[1:] - level[:-1], 0).sum(1)
    assert onsets(audio[None], RATE) == pytest.approx(rises, abs=0.05)
    assert rises.max() > 500


def test_the_same_chords_in_other_octaves_correlate_and_others_do_not():
    rng = np.random.default_rng(0)
    melody, other = rng.integers(48, 60, 16), rng.integers(48, 60, 16)
    same = chroma_correlation(notes(melody), notes(melody + 12), RATE)
    assert same > 0.5
    assert chroma_correlation(notes(melody), notes(other), RATE) < same - 0.3


def test_the_same_rhythm_correlates_and_another_does_not():
    rng = np.random.default_rng(1)
    gaps, others = rng.integers(4000, 14000, 30), rng.integers(4000, 14000, 30)
    same = onset_correlation(clicks(gaps), clicks(gaps, 0.3, seed=5), RATE)
    assert same > 0.7
    assert abs(onset_correlation(clicks(gaps), clicks(others), RATE)) < 0.2


def test_onsets_are_where_the_level_rises():
    strength = onsets(clicks([44100, 44100]), RATE)
    frames = (strength > 0.5 * strength.max()).nonzero().flatten()
    expected = torch.tensor([44100, 88200]) // 512
    assert all((frames - e).abs().min() <= 2 for e in expected)
    assert all((expected - f).abs().min() <= 2 for f in frames)


def test_neither_level_nor_rate_nor_channels_matter():
    rng = np.random.default_rng(2)
    melody, other = rng.integers(48, 60, 12), rng.integers(48, 60, 12)
    low = chroma_correlation(notes(melody), notes(other), RATE)
    assert chroma_correlation(notes(melody) * 0.01, notes(other).expand(2, -1), RATE) == pytest.approx(low, abs=1e-3)
    high = chroma_correlation(notes(melody, rate=44100), notes(other, rate=44100), 44100)
    assert high == pytest.approx(low, abs=0.02)
    a, b = clicks(rng.integers(4000, 14000, 30)), clicks(rng.integers(4000, 14000, 30))
    assert onset_correlation(a * 0.01, b * 3, RATE) == pytest.approx(onset_correlation(a, b, RATE), abs=1e-4)


def test_channels_are_mixed_to_mono():
    stereo = torch.cat([notes([60, 64, 67]), notes([50, 45, 69])])
    for feature in (chroma, onsets):
        assert feature(stereo, RATE) == pytest.approx(feature(stereo.mean(0, keepdim=True), RATE), abs=1e-3)


def test_the_correlation_is_pearsons():
    one, other = notes([60, 64, 67]), notes([60, 65, 67])
    expected = np.corrcoef(chroma(one, RATE).flatten(), chroma(other, RATE).flatten())[0, 1]
    assert chroma_correlation(one, other, RATE) == pytest.approx(expected, abs=1e-6)
    assert chroma_correlation(one, one, RATE) == pytest.approx(1.0)


@pytest.mark.parametrize("samples", [1, 100, 8191, 8192, 30000])
def test_silence_and_short_sounds_correlate_with_nothing(samples):
    silence = torch.zeros(1, samples)
    assert onset_correlation(silence, silence, RATE) == 0.0
    assert chroma_correlation(silence, torch.randn(1, samples), RATE) == 0.0


def test_standardised_features_multiply_to_pearsons():
    one, other = torch.randn(3, 40), torch.randn(3, 40)
    expected = np.corrcoef(one.flatten(), other.flatten())[0, 1]
    assert float(standardised(one) @ standardised(other)) == pytest.approx(expected, abs=1e-6)
    assert not standardised(torch.full((2, 50), -6.9)).any()
