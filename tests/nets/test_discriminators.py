"""Discriminators: the published size, what each of them hears, and that every one of its weights is of use."""

import pytest
import torch
import torch.nn.functional as F

from stemweave.nets.discriminators import (
    SLOPE,
    DiscriminatorConfig,
    Discriminators,
    PeriodDiscriminator,
    SpectrumDiscriminator,
)

TINY = DiscriminatorConfig(periods=(2, 3), widths=(2, 4, 4), windows=(64, 32), edges=(0.25, 0.5), band_width=2)


def test_the_published_size() -> None:
    """DAC's, with weight norm, as methods.md has it for 2409.06190: 42.5 million."""
    with torch.device("meta"):
        net = Discriminators(DiscriminatorConfig())
    period = sum(parameter.numel() for parameter in net.each[0].parameters())
    spectrum = sum(parameter.numel() for parameter in net.each[-1].parameters())
    assert (len(net.each), period, spectrum) == (8, 8_221_154, 471_330)
    assert sum(parameter.numel() for parameter in net.parameters()) == 42_519_760


def test_every_discriminator_judges() -> None:
    judgements = Discriminators(TINY)(torch.randn(5, 2, 333))
    assert len(judgements) == 4
    for judged in judgements[:2]:
        assert len(judged.features) == 3
    for judged in judgements[2:]:
        assert len(judged.features) == 3 * 5, "three bands of five layers"
    for judged, period in zip(judgements, (2, 3), strict=False):
        assert judged.score.shape[:2] == (10 * period, 1)
    assert judgements[3].score.shape[:2] == (10, 1)


def test_channels_are_sounds_of_their_own() -> None:
    net, sound = Discriminators(TINY), torch.randn(2, 2, 300)
    both, first = net(sound), net(sound[:1, 1:])
    torch.testing.assert_close(both[-1].score[1:2], first[-1].score)


def test_level_and_offset_do_not_count() -> None:
    net, sound = Discriminators(TINY), torch.randn(3, 1, 300)
    for one, other in zip(net(sound), net(0.01 * sound + 0.3), strict=True):
        torch.testing.assert_close(one.score, other.score, atol=1e-4, rtol=1e-3)


def test_silence_is_finite() -> None:
    for judged in Discriminators(TINY)(torch.zeros(1, 1, 300)):
        assert judged.score.isfinite().all()


def test_a_period_discriminator_is_a_convolution_over_rows_of_periods() -> None:
    """Written again as 2010.05646 has it: the sound as an image of one period per row, kernels of (5, 1)."""
    torch.manual_seed(0)
    net, sound = PeriodDiscriminator(3, (4, 6)), torch.randn(2, 32)
    image = F.pad(sound, (0, 1), "reflect").view(2, 1, 11, 3)
    first, second = net.layers
    one = F.leaky_relu(F.conv2d(image, first.weight[..., None], first.bias, (3, 1), (2, 0)), SLOPE)
    two = F.leaky_relu(F.conv2d(one, second.weight[..., None], second.bias, 1, (2, 0)), SLOPE)
    score = F.conv2d(two, net.score.weight[..., None], net.score.bias, 1, (1, 0))
    judged = net(sound)
    for found, expected in zip((*judged.features, judged.score), (one, two, score), strict=True):
        places = found.unflatten(0, (2, 3)).permute(0, 2, 3, 1)
        torch.testing.assert_close(places, expected)


@pytest.mark.parametrize("samples", [6, 7, 8, 9])
def test_a_last_period_is_filled_only_where_it_lacks_samples(samples: int) -> None:
    (hidden, *_), _ = PeriodDiscriminator(3, (1,))(torch.randn(1, samples))
    assert hidden.shape == (3, 1, -(-samples // 3))


def test_a_band_hears_nothing_of_other_bands() -> None:
    """A tone in the lowest band and one in the highest: only their bands' features tell them from silence."""
    net = SpectrumDiscriminator(64, (0.25, 0.5), 2)
    assert net.sizes == [8, 8, 17]
    time = torch.arange(2048.0)
    silent = net(torch.zeros(1, 2048)).features
    for bin_, band in ((3, 0), (26, 2)):
        heard = net(torch.sin(2 * torch.pi * bin_ / 64 * time)[None]).features
        for place in range(3):
            change = (heard[5 * place] - silent[5 * place])[:, :, 4:-4].abs().max()
            assert (change > 1e-2) == (place == band), (bin_, place)


def test_bands_are_joined_in_order_of_frequency() -> None:
    net = SpectrumDiscriminator(64, (0.25, 0.5), 2)
    judged = net(torch.randn(2, 400))
    ends = judged.features[4::5]
    torch.testing.assert_close(judged.score, net.score(torch.cat(ends, -1)))
    assert [end.shape[-1] for end in ends] == [1, 1, 3]


def test_gradients_reach_every_weight_and_the_sound() -> None:
    torch.manual_seed(0)
    net, sound = Discriminators(TINY), torch.randn(2, 1, 300, requires_grad=True)
    sum(judged.score.square().mean() for judged in net(sound)).backward()  # type: ignore[union-attr]
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
    assert sound.grad is not None
    assert sound.grad.abs().sum() > 0
