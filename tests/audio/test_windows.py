import pytest
import torch

from stemweave.audio.windows import crossfade, ramp, segments

CASES = [
    (total, length, overlap) for total in (1, 9, 10, 11, 17, 18, 24, 1003) for length, overlap in ((10, 0), (10, 3), (10, 5))
]


@pytest.mark.parametrize(("total", "length", "overlap"), CASES)
def test_gains_sum_to_one_exactly(total, length, overlap):
    weight = torch.zeros(total)
    for segment in segments(total, length, overlap):
        weight[segment.start : segment.stop] += segment.gains()
    assert torch.equal(weight, torch.ones(total))


@pytest.mark.parametrize(("total", "length", "overlap"), CASES)
def test_segments_are_full_unless_the_recording_is_short(total, length, overlap):
    for segment in segments(total, length, overlap):
        assert segment.stop - segment.start == min(length, total)
        assert segment.start <= segment.head <= segment.stop - segment.fall


@pytest.mark.parametrize(("total", "length", "overlap"), CASES)
def test_crossfade_of_the_pieces_is_the_whole(total, length, overlap):
    audio = torch.randn(2, 3, total)
    parts = ((segment, audio[..., segment.start : segment.stop]) for segment in segments(total, length, overlap))
    torch.testing.assert_close(torch.cat(list(crossfade(parts)), -1), audio)


def test_crossfade_weights_each_side_linearly():
    first, second = segments(17, 10, 3)
    joined = torch.cat(list(crossfade([(first, torch.zeros(10)), (second, torch.ones(10))])))
    expected = torch.cat([torch.zeros(7), torch.tensor([1 / 6, 3 / 6, 5 / 6]), torch.ones(7)])
    torch.testing.assert_close(joined, expected)


def test_crossfade_gives_blocks_as_they_come():
    pieces = segments(10_000, 100, 20)
    asked = []

    def parts():
        for segment in pieces:
            asked.append(segment)
            yield segment, torch.ones(100)

    blocks = crossfade(parts())
    assert len(next(blocks)) == 80
    assert len(asked) == 1


def test_complementary_ramps_sum_to_one_in_float32():
    for samples in range(1, 3000, 7):
        assert torch.equal(ramp(samples) + (1.0 - ramp(samples)), torch.ones(samples))
