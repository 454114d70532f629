"""The latent transformer: lengths, what hears what, and that time has no beginning."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from stemweave.errors import ModelError
from stemweave.nets.dit import LatentTransformer, LatentTransformerConfig, over_stems, over_time

TINY = LatentTransformerConfig(stems=3, latents=5, width=32, depth=2, heads=2, condition=8)


def shaken(config: LatentTransformerConfig) -> LatentTransformer:
    """A network whose parameters all count."""
    torch.manual_seed(0)
    net = LatentTransformer(config)
    for parameter in net.parameters():
        parameter.data.add_(0.15 * torch.randn_like(parameter))
    return net.eval().requires_grad_(False)


@pytest.fixture(name="net", scope="module")
def make_net() -> LatentTransformer:
    return shaken(TINY)


def call(net: LatentTransformer, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    return net(x, sigma, torch.zeros_like(x[:, 0]), torch.zeros_like(x[:, 0, 0, 0]))


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("frames", [1, 2, 3, 29])
@pytest.mark.parametrize("patch", [1, 3])
@pytest.mark.parametrize("stems", [1, 4])
def test_any_length_comes_back_as_long_and_at_first_as_nothing(frames: int, patch: int, stems: int) -> None:
    config = replace(TINY, stems=stems, patch=patch)
    x, sigma = noise(2, stems, 5, frames), torch.rand(2, stems)
    assert call(shaken(config), x, sigma).shape == x.shape
    assert torch.equal(call(LatentTransformer(config), x, sigma), torch.zeros_like(x))


def test_a_patch_is_its_frames_side_by_side() -> None:
    """One token of three frames is one frame of three times the latents: latent by latent, frame by frame."""
    wide, long = shaken(replace(TINY, latents=15)), shaken(replace(TINY, patch=3))
    x, sigma = noise(2, 3, 5, 12), torch.rand(2, 3)
    packed = x.unflatten(-1, (4, 3)).movedim(-1, 3).flatten(2, 3)
    expected = call(wide, packed, sigma).unflatten(2, (5, 3)).movedim(3, -1).flatten(3)
    torch.testing.assert_close(call(long, x, sigma), expected)
    torch.testing.assert_close(call(long, x[..., :10], sigma), call(long, x * (torch.arange(12) < 10), sigma)[..., :10])


def test_items_of_a_batch_do_not_hear_each_other(net: LatentTransformer) -> None:
    x, sigma = noise(4, 3, 5, 20), torch.rand(4, 3) * torch.tensor([0.0, 1.0, 1.0])
    whole = call(net, x, sigma)
    for item in range(4):
        torch.testing.assert_close(whole[item : item + 1], call(net, x[item : item + 1], sigma[item : item + 1]))


def test_every_stem_at_any_time_is_heard_by_every_other_everywhere(net: LatentTransformer) -> None:
    x = noise(1, 3, 5, 20).requires_grad_()
    for stem in range(3):
        (gradient,) = torch.autograd.grad(call(net, x, torch.tensor([[0.0, 1.0, 1.0]]))[:, stem, :, 3].square().sum(), x)
        assert gradient.abs().amax(2).min() > 1e-6


@pytest.mark.parametrize("stem", range(3))
def test_every_level_counts_and_given_is_another_one_than_almost_clean(net: LatentTransformer, stem: int) -> None:
    x, base = noise(1, 3, 5, 20), torch.ones(1, 3)
    answers = []
    for level in (0.0, 1e-3, 0.1, 1.0, 10.0):
        sigma = base.clone()
        sigma[0, stem] = level
        answers.append(call(net, x, sigma))
    for answer, other in pairwise(answers):
        assert ((answer - other).square().mean((0, 2, 3)) > 1e-5).all(), "its own answer and the others' change"


def test_mixtures_are_not_heard(net: LatentTransformer) -> None:
    x, sigma = noise(2, 3, 5, 20), torch.ones(2, 3)
    assert torch.equal(call(net, x, sigma), net(x, sigma, noise(2, 5, 20), torch.ones(2)))


def test_stems_differ_by_their_own_parameters_alone(net: LatentTransformer) -> None:
    order = [2, 0, 1]
    other = LatentTransformer(TINY).eval().requires_grad_(False)
    other.load_state_dict(net.state_dict())
    own = (other.stem.weight, *other.enter.parameters(), *other.leave.parameters())
    for parameter in own:
        parameter.copy_(parameter[order])
    x, sigma = noise(2, 3, 5, 20), torch.rand(2, 3)
    torch.testing.assert_close(call(other, x[:, order], sigma[:, order]), call(net, x, sigma)[:, order])
    assert not torch.allclose(call(net, x[:, order], sigma[:, order]), call(net, x, sigma)[:, order], atol=0.1)


def heard(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Attention by its definition, among all tokens where `mask` lets them. Shape: (tokens, channels)."""
    weights = (query @ key.T / math.sqrt(query.shape[-1])).masked_fill(~mask, -math.inf)
    return weights.softmax(-1) @ value


def turned(x: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
    """Channel pairs (i, i + half) as complex numbers, turned by 1000^(-i / half) for each step of the position."""
    real, imaginary = x.double().chunk(2, -1)
    half = real.shape[-1]
    angle = position[:, None] * 1000.0 ** (-torch.arange(half, dtype=torch.float64) / half)
    moved = torch.complex(real, imaginary) * torch.polar(torch.ones_like(angle), angle)
    return torch.cat((moved.real, moved.imag), -1)


def test_attention_over_one_axis_is_attention_over_all_with_a_mask() -> None:
    batch, stems, tokens, heads, channels = 2, 3, 7, 2, 8
    parts = [noise(batch * stems, tokens, heads, channels, seed=seed) for seed in range(3)]
    in_time, in_stems = over_time(*parts), over_stems(*parts, stems=stems)
    stem, time = torch.arange(stems).repeat_interleave(tokens), torch.arange(tokens).repeat(stems)
    same_stem, same_time = stem[:, None] == stem, time[:, None] == time
    for item in range(batch):
        rows = slice(item * stems, (item + 1) * stems)
        for head in range(heads):
            query, key, value = (part[rows, :, head].flatten(0, 1) for part in parts)
            expected = heard(turned(query, 100 + time), turned(key, 100 + time), value.double(), same_stem)
            torch.testing.assert_close(in_time[rows, :, head].flatten(0, 1).double(), expected, atol=1e-5, rtol=1e-5)
            expected = heard(query, key, value, same_time)
            torch.testing.assert_close(in_stems[rows, :, head].flatten(0, 1), expected)


@pytest.mark.parametrize("patch", [1, 2])
def test_what_comes_later_is_answered_later(patch: int) -> None:
    """Positions are relative: away from the borders, a sound that is moved by a patch moves its answer by a patch."""
    net, frames = shaken(replace(TINY, patch=patch)), 96 * patch
    sigma, sound = torch.ones(1, 3), torch.zeros(1, 3, 5, frames)
    sound[..., frames // 2 : frames // 2 + 6] = 3 * noise(3, 5, 6)
    answer, later = (call(net, x, sigma) for x in (sound, sound.roll(patch, -1)))
    middle = slice(frames // 3, 2 * frames // 3)
    change = (answer - call(net, torch.zeros_like(sound), sigma))[..., middle].norm()
    moved = (later.roll(-patch, -1) - answer)[..., middle].norm()
    assert moved < 0.02 * change
    assert (later - answer)[..., middle].norm() > change


def test_lower_precision_stays_close() -> None:
    net, x, sigma = shaken(TINY), noise(2, 3, 5, 20), torch.tensor([[0.0, 1.0, 0.1]] * 2)
    full = call(net, x, sigma)
    net.lower(torch.bfloat16)
    low = call(net, x, sigma)
    assert low.dtype == torch.float32
    assert net.noise.rates.dtype == torch.float32
    assert {parameter.dtype for parameter in net.parameters()} == {torch.bfloat16}
    assert 0 < ((low - full).norm() / full.norm()).item() < 0.05


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 30}, r"width \(30\) must be a multiple of twice the heads, 4"),
        ({"heads": 32}, r"width \(32\) must be a multiple of twice the heads, 64"),
        ({"stems": 0}, "stems is 0, expected 1 or more"),
        ({"patch": 0}, "patch is 0, expected 1 or more"),
        ({"depth": -1}, "depth is -1, expected 1 or more"),
    ],
)
def test_shapes_that_cannot_be(change: dict[str, int], message: str) -> None:
    with pytest.raises(ModelError, match=f"net: {message}"):
        replace(TINY, **change)


def test_one_stem_attends_to_no_others_and_small_is_small() -> None:
    def size(config: LatentTransformerConfig) -> int:
        return sum(parameter.numel() for parameter in LatentTransformer(config).parameters())

    assert {len(block.attentions) for block in LatentTransformer(replace(TINY, stems=1)).blocks} == {1}
    assert size(LatentTransformerConfig(4, 96)) == 4_090_496
