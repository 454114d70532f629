from dataclasses import dataclass

import numpy as np
import pytest
import torch

from stemweave.errors import DataError
from stemweave.evaluation.embeddings.embedding import Levelled, embed, settings_hash
from stemweave.evaluation.embeddings.logmel import LogMelPicture, LogMelStatistics

RATE = 8000


@dataclass(frozen=True)
class Powers:
    """Mean power of each second."""

    name: str = "powers"
    rate: int = RATE
    window: int = RATE
    dimension: int = 1
    factor: float = 1.0

    def settings(self):
        return vars(self)

    def __call__(self, mono):
        return self.factor * mono.unfold(0, RATE, RATE).square().mean(1, keepdim=True).double().numpy()


def tone(seconds, level=0.5, rate=RATE, channels=1):
    return (level * torch.sin(2 * torch.pi * 440 * torch.arange(round(seconds * rate)) / rate)).expand(channels, -1)


def test_clips_are_mixed_to_mono_and_resampled():
    stereo = torch.cat([tone(2.5, rate=44100), torch.zeros(1, 110250)])
    found = embed([("quiet", 0.1 * tone(1.0, rate=44100)), ("half", stereo)], 44100, Powers())
    assert list(found) == ["quiet", "half"]
    assert found["quiet"] == pytest.approx(np.full((1, 1), 0.05**2 / 2), rel=0.02)
    assert found["half"] == pytest.approx(np.full((2, 1), 0.25**2 / 2), rel=0.02)


def bad(points):
    class Bad(Powers):
        def __call__(self, mono):
            return points

    return Bad()


@pytest.mark.parametrize(
    ("clips", "embedding", "message"),
    [
        ([], Powers(), "no clips"),
        ([("a", tone(1)), ("a", tone(1))], Powers(), "two clips are called 'a'"),
        ([("a", tone(1)), ("b", tone(0.9))], Powers(), "'b' has 0.90 s, powers needs 1 s"),
        ([("a", tone(1) * torch.nan)], Powers(), "clip 'a' holds NaN"),
        ([("a", tone(1)[0])], Powers(), r"shape \(8000,\), expected 2 dimensions"),
        ([("a", torch.zeros(1, 0))], Powers(), "at least one sample"),
        ([("a", tone(1))], bad(np.zeros((0, 1))), r"points of shape \(0, 1\)"),
        ([("a", tone(1))], bad(np.zeros((1, 2))), r"expected \(windows, 1\)"),
        ([("a", tone(1))], bad(np.zeros(1)), r"expected \(windows, 1\)"),
        ([("a", tone(1))], bad(np.full((1, 1), np.nan)), "not finite"),
    ],
)
def test_no_clip_goes_missing(clips, embedding, message):
    with pytest.raises(DataError, match=message):
        embed(clips, RATE, embedding)


def test_whatever_decides_the_points_is_in_the_hash():
    alike = [Powers(), Powers()]
    others = [Powers(factor=2.0), Levelled(Powers()), Levelled(Powers(), -20.0), LogMelStatistics(), LogMelStatistics(hop=1.0)]
    others += [LogMelPicture(), LogMelPicture(span=50.0), Levelled(Powers(factor=2.0))]
    assert settings_hash(alike[0]) == settings_hash(alike[1])
    assert len({settings_hash(embedding) for embedding in [*alike, *others]}) == 9


def test_levelled_sound_has_one_level():
    levelled = Levelled(Powers())
    assert (levelled.rate, levelled.window, levelled.dimension) == (RATE, RATE, 1)
    assert levelled.name == "powers at -23 LUFS"
    found = embed([("loud", tone(2.0)), ("soft", tone(2.0, 0.01))], RATE, levelled)
    assert found["loud"] == pytest.approx(found["soft"], rel=1e-4)
    # K-weighting of 440 Hz is within half a dB of that of 997 Hz less 0.7 dB
    assert 10 * np.log10(found["loud"].mean()) == pytest.approx(-23 + 0.7, abs=0.7)


def test_silence_cannot_be_levelled():
    assert embed([("silence", torch.zeros(2, RATE))], RATE, Levelled(Powers()))["silence"] == pytest.approx(np.zeros((1, 1)))
