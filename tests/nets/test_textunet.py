"""The network that is told what sounds: lengths, what each input does, and what must not matter."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from stemweave.diffusion.precondition import Precondition
from stemweave.errors import ModelError
from stemweave.nets.lapped import powers
from stemweave.nets.layers import CrossAttention
from stemweave.nets.prompts import Prompt
from stemweave.nets.textunet import Heard, Sounds, TextUNet, TextUNetConfig, kept

TINY = TextUNetConfig(12, hop=32, coefficients=20, widths=(64, 64), blocks=(1, 1), condition=16, bands=8)


@pytest.fixture(name="net")
def make_net() -> TextUNet:
    torch.manual_seed(0)
    net = TextUNet(TINY)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return net.eval().requires_grad_(False)


def told(batch: int, tokens: int = 3, seed: int = 0) -> Prompt:
    generator = torch.Generator().manual_seed(seed)
    mask = torch.ones(batch, tokens, dtype=torch.bool)
    return Prompt(torch.randn(batch, tokens, 12, generator=generator), mask, torch.randn(batch, 12, generator=generator))


def noised(batch: int = 1, samples: int = 200) -> Tensor:
    return torch.randn(batch, 1, 1, samples, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("samples", [1, 31, 32, 33, 500])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_length_comes_back_as_long(samples: int, channels: int) -> None:
    net = TextUNet(replace(TINY, channels=channels)).requires_grad_(False)
    x = torch.randn(2, 1, channels, samples)
    out = net(x, torch.ones(2), told(2))
    assert out.shape == x.shape
    assert out.isfinite().all()


def test_items_of_a_batch_do_not_hear_each_other(net: TextUNet) -> None:
    x, sigma, prompt = noised(4), torch.tensor([0.1, 0.5, 1.0, 3.0]), told(4)
    whole = net(x, sigma, prompt)
    for item, alone in enumerate(prompt.split()):
        one = slice(item, item + 1)
        torch.testing.assert_close(whole[one], net(x[one], sigma[one], alone), atol=1e-4, rtol=1e-4)


def test_channels_are_heard_together_and_answered_apart() -> None:
    torch.manual_seed(0)
    net = TextUNet(replace(TINY, channels=2)).requires_grad_(False)
    torch.nn.init.normal_(net.own.weight, std=0.1)
    x = torch.randn(1, 1, 2, 200)
    other = x.clone()
    other[:, :, 1] = other[:, :, 1].flip(-1)
    before, after = net(x, torch.ones(1), told(1)), net(other, torch.ones(1), told(1))
    assert not torch.allclose(before[:, :, 0], after[:, :, 0], atol=1e-4)
    assert not torch.allclose(before[:, :, 0], before[:, :, 1], atol=1e-2)


def test_the_answer_depends_on_every_input(net: TextUNet) -> None:
    x, sigma, prompt = noised(), torch.ones(1), told(1)
    base, other = net(x, sigma, prompt), told(1, seed=1)
    for changed in (
        net(x.flip(-1), sigma, prompt),
        net(x, 0.1 * sigma, prompt),
        net(x, sigma, replace(prompt, pooled=other.pooled)),
        net(x, sigma, replace(prompt, tokens=other.tokens)),
    ):
        assert (changed - base).norm() > 1e-3 * base.norm()


@pytest.mark.parametrize("part", ["before", "after"])
def test_both_attentions_hear_the_tokens(net: TextUNet, part: str) -> None:
    torch.nn.init.zeros_(getattr(net, part).project_out.weight)
    base, other = net(noised(), torch.ones(1), told(1)), told(1, seed=1).tokens
    changed = net(noised(), torch.ones(1), replace(told(1), tokens=other))
    assert (changed - base).norm() > 1e-3 * base.norm()


def test_masked_tokens_do_not_matter(net: TextUNet) -> None:
    x, sigma, prompt = noised(2), torch.ones(2), told(2)
    padded = prompt.padded(6)
    padded.tokens[:, 3:] = 1e3
    torch.testing.assert_close(net(x, sigma, padded), net(x, sigma, prompt), atol=1e-5, rtol=1e-4)


def test_tokens_have_no_order(net: TextUNet) -> None:
    x, prompt = noised(), told(1)
    turned = replace(prompt, tokens=prompt.tokens.roll(1, 1))
    torch.testing.assert_close(net(x, torch.ones(1), turned), net(x, torch.ones(1), prompt), atol=1e-5, rtol=1e-4)


def test_cross_attention_is_the_formula() -> None:
    """softmax(qk/√head)·v over tokens that are there, one head of 8 by hand."""
    torch.manual_seed(0)
    layer = CrossAttention(8, 4, 5, head=8).requires_grad_(False)
    assert layer.heads == 1
    x, tokens, mask = torch.randn(2, 7, 8), torch.randn(2, 3, 5), torch.tensor([[True] * 3, [True, True, False]])
    query = layer.query(layer.film(x, torch.zeros(2, 4)))
    key, value = layer.key_value(tokens).chunk(2, -1)
    score = (query @ key.transpose(1, 2) / 8**0.5).masked_fill(~mask[:, None], -torch.inf)
    expected = x + layer.project_out(score.softmax(-1) @ value)
    torch.testing.assert_close(layer(x, torch.zeros(2, 4), tokens, mask), expected)


def test_every_parameter_and_the_prompt_have_a_gradient() -> None:
    """After one step that moves the parts that begin at zero."""
    torch.manual_seed(0)
    net = TextUNet(TINY)
    films = [parameter for name, parameter in net.named_parameters() if "film.project" in name]
    for blank in (net.keep.weight, net.sounds.usual.weight, *films):
        torch.nn.init.normal_(blank, std=0.1)
    prompt = told(2)
    tokens, pooled = prompt.tokens.requires_grad_(), prompt.pooled.requires_grad_()
    answer, heard = net.estimate(noised(2), torch.tensor([0.3, 2.0]), prompt)
    (answer.square().sum() + net.present(heard, prompt).sum()).backward()
    still = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not still
    for heard in (tokens, pooled):
        assert heard.grad is not None
        assert (heard.grad.abs().sum(-1) > 0).all()


@pytest.mark.parametrize(("bias", "share"), [(-100.0, 0.0), (100.0, 1.0), (0.0, None)])
@pytest.mark.parametrize("sigma", [1e-3, 0.06, 2.0])
def test_the_kept_share_is_learned_from_nothing_to_all(bias: float, share: float | None, sigma: float) -> None:
    """D = w·x with w from 0 to 1, whatever the level; an untrained network keeps white data's best share, c_skip."""
    net = TextUNet(TINY).requires_grad_(False)
    torch.nn.init.zeros_(net.own.weight)
    torch.nn.init.zeros_(net.sounds.answer.weight)
    net.keep.bias[: TINY.bands] = bias
    precondition, level, x = Precondition(0.06), torch.tensor(sigma), sigma * noised(1, 512)
    answer = net(precondition.scale(level) * x, precondition.noise(level).view(1), told(1, 1))
    expected = precondition.skip(level) if share is None else share
    torch.testing.assert_close(precondition.denoised(x, level, answer), expected * x, atol=2e-3 * sigma, rtol=1e-3)


def test_powers_of_a_prompts_sounds_add() -> None:
    """What is expected of two sounds is the sum of what is expected of each alone; padding brings nothing."""
    net = TextUNet(TINY).requires_grad_(False)
    torch.nn.init.normal_(net.sounds.answer.weight, std=0.3)
    tokens, pooled, one = told(1, 3).tokens, told(1, 3).pooled, torch.ones(1, 1, dtype=torch.bool)
    heard = Heard(torch.randn(1, 5, TINY.widths[0]), torch.randn(1, 1, 5, 32), torch.randn(1, 1, 5, 32))
    alone = [net.expected(heard, Prompt(tokens[:, n : n + 1], one, pooled)).exp() for n in range(3)]
    both = net.expected(heard, Prompt(tokens, torch.tensor([[True, True, False]]), pooled))
    torch.testing.assert_close(both, (alone[0] + alone[1]).log(), atol=1e-5, rtol=1e-5)
    assert (both.exp() < alone[0] + alone[1] + alone[2]).all()


def test_a_sound_may_follow_what_is_heard(net: TextUNet) -> None:
    """Its power is a_0 + a_1 ln(power here) + a_2 ln(power around): a_1 = 1 and a_2 = 0 return what was heard."""
    bands, prompt = TINY.bands, told(1, 1)
    for weight in (net.sounds.answer.weight, net.sounds.usual.weight, net.sounds.usual.bias):
        weight.zero_()
    heard = Heard(torch.randn(1, 5, TINY.widths[0]), torch.randn(1, 1, 5, 32), torch.randn(1, 1, 5, 32))
    net.sounds.usual.bias[bands : 2 * bands] = 1.0
    torch.testing.assert_close(net.expected(heard, prompt), heard.here @ torch.diag(net.spread.sum(0)))
    net.sounds.usual.bias[bands : 2 * bands], net.sounds.usual.bias[2 * bands : 3 * bands] = 0.0, 1.0
    torch.testing.assert_close(net.expected(heard, prompt), heard.near @ torch.diag(net.spread.sum(0)))


def test_usual_answers_of_more_sounds_than_kinds_are_the_closest(net: TextUNet) -> None:
    """Of few kinds, the best approximation of that rank; of enough, the answers themselves."""
    generator = torch.Generator().manual_seed(0)
    tokens, answers = torch.randn(5, 12, generator=generator), torch.randn(5, 3 * 8 + 20, generator=generator)
    for kinds in (20, 2):
        sounds = Sounds(TINY.widths[0], 12, answers.shape[1], kinds=kinds).requires_grad_(False)
        torch.nn.init.zeros_(sounds.answer.weight)
        sounds.expect(tokens, answers)
        made = sounds(torch.zeros(1, 1, TINY.widths[0]), tokens[None])[0, :, 0]
        if kinds == 20:
            torch.testing.assert_close(made, answers, atol=1e-4, rtol=1e-4)
    assert torch.linalg.matrix_rank(made - answers.mean(0), atol=1e-3) == 2
    assert (made - answers).norm() < 0.95 * (answers - answers.mean(0)).norm()


def test_shares_are_the_ratio_of_what_each_part_brings_to_what_the_whole_is(
    net: TextUNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One look; a part's power over that of all is its share of each coefficient, where all sounds are surely there."""
    mixture, nothing, parts = noised(2, 320)[:, 0], told(1, 4, seed=2), told(3, 2, seed=3)
    seen = mixture.unsqueeze(1) / math.hypot(1, 0.5)
    _, heard = net.estimate(seen, torch.full((2,), 0.5), nothing.repeated(2))
    expected = [net.expected(heard, one.repeated(2)).exp() for one in parts.split()]
    monkeypatch.setattr(net, "present", lambda heard, asked: torch.full(asked.mask.shape, 30.0))
    shares = net.shares(mixture, nothing, parts)
    assert shares.shape == (2, 3, 1, 320)
    for part, power in zip(shares.unbind(1), expected, strict=True):
        wanted = power / sum(expected) * net.lapped.cosines(mixture)
        torch.testing.assert_close(net.lapped.cosines(part)[:, :, 1:-1], wanted[:, :, 1:-1], atol=1e-4, rtol=1e-3)


def test_a_sound_in_doubt_keeps_as_much_of_its_share_as_it_is_likely() -> None:
    """The mean over being there and not: then the others share everything as they do without it. In all cases they sum to 1."""
    shares = torch.rand(2, 3, 5, generator=torch.Generator().manual_seed(0))
    shares = shares / shares.sum(1, keepdim=True)
    others = torch.cat((shares[:, :2] / shares[:, :2].sum(1, keepdim=True), torch.zeros(2, 1, 5)), 1)
    torch.testing.assert_close(kept(shares, torch.tensor([[1, 1, 0.3]] * 2)), 0.3 * shares + 0.7 * others)
    torch.testing.assert_close(kept(shares, torch.ones(2, 3)), shares)
    torch.testing.assert_close(kept(shares, torch.tensor([[0, 0.4, 0]] * 2))[:, 1], torch.ones(2, 5))
    torch.testing.assert_close(kept(shares, torch.rand(2, 3)).sum(1), torch.ones(2, 5))
    torch.testing.assert_close(kept(torch.ones(1, 1, 5), torch.full((1, 1), 0.2)), torch.ones(1, 1, 5))


def test_of_several_sounds_of_a_part_each_is_in_doubt_by_itself(net: TextUNet) -> None:
    mixture, nothing, parts = noised(2, 320)[:, 0], told(1, 4, seed=2), told(2, 2, seed=3)
    parts.mask[1, 1] = False
    alone = Prompt(
        parts.tokens.flatten(0, 1)[:3, None], torch.ones(3, 1, dtype=torch.bool), parts.pooled.repeat_interleave(2, 0)[:3]
    )
    several, each = net.shares(mixture, nothing, parts), net.shares(mixture, nothing, alone)
    torch.testing.assert_close(several, torch.stack((each[:, 0] + each[:, 1], each[:, 2]), 1))


def test_what_is_there_at_all_is_heard_of_each_sound_in_the_whole_recording(net: TextUNet) -> None:
    """Log odds: of the mean over frames, of each sound alone."""
    tokens, frames = told(2, 3).tokens, torch.randn(2, 5, TINY.widths[0])
    heard = Heard(frames, *torch.zeros(2, 2, 1, 5, 32))
    mask = torch.ones(2, 3, dtype=torch.bool)
    odds = net.present(heard, Prompt(tokens, mask, tokens[:, 0]))
    assert odds.shape == (2, 3)
    backwards = Prompt(tokens.flip(1), mask, tokens[:, 0])
    torch.testing.assert_close(net.present(Heard(frames.flip(1), *heard[1:]), backwards), odds.flip(1))
    alone = [net.present(heard, Prompt(tokens[:, n : n + 1], mask[:, :1], tokens[:, 0])) for n in range(3)]
    torch.testing.assert_close(torch.cat(alone, 1), odds)


def test_surprise_is_the_divergence_of_spectra() -> None:
    """Itakura-Saito: 0 where the clean powers were expected, e^d − d − 1 where they are d louder; it teaches what to expect."""
    net, clean = TextUNet(TINY), 3 * noised(1, 320)
    power = powers(net.lapped.cosines(clean.squeeze(1))).log()
    assert net.surprise(power, clean, power).item() == pytest.approx(0, abs=1e-2)
    assert net.surprise(power - 1.0, clean, power).item() == pytest.approx(math.e - 2, rel=1e-2)
    low, loud = power.clone(), torch.zeros_like(power)
    low[..., :8] -= 1.0
    loud[..., :8] = 2 * math.log(3)
    assert net.surprise(low, clean, loud).item() == pytest.approx((math.e - 2) * 3 * 8 / (3 * 8 + 24), rel=1e-2)
    _, heard = net.estimate(noised(1, 320), torch.ones(1), told(1))
    expected = net.expected(heard, told(1))
    net.surprise(expected, clean, expected).backward()
    assert net.sounds.kind.weight.grad is not None
    assert net.sounds.kind.weight.grad.abs().sum() > 0


def test_low_coefficients_are_kept_one_by_one() -> None:
    """A bias on one coefficient's own gain changes that coefficient and no other."""
    net = TextUNet(TINY).requires_grad_(False)
    torch.nn.init.zeros_(net.sounds.answer.weight)
    torch.nn.init.zeros_(net.own.weight)
    net.keep.bias[3 * TINY.bands + 5] = 2.0
    x = noised(1, 320)
    x[..., :64] = x[..., -64:] = 0.0
    answer = net.lapped.cosines(net(x, torch.ones(1), told(1, 1)).squeeze(1))[0, 0]
    assert answer[:, 5].abs().max() > 0.1
    answer[:, 5] = 0
    assert answer.abs().max() < 1e-4


def test_lower_precision_stays_close(net: TextUNet) -> None:
    x, sigma, prompt = noised(2), torch.ones(2), told(2)
    full = net(x, sigma, prompt)
    net.lower(torch.bfloat16)
    low = net(x, sigma, prompt)
    assert low.dtype == torch.float32
    assert net.told.weight.dtype == net.before.query.weight.dtype == torch.bfloat16
    assert net.bands.dtype == torch.float32
    assert 0 < ((low - full).norm() / full.norm()).item() < 0.05


@pytest.mark.parametrize("count", [0, 33])
def test_refuses_more_coefficients_than_there_are(count: int) -> None:
    with pytest.raises(ModelError, match=rf"1 to hop \(32\), got {count}"):
        replace(TINY, coefficients=count)
