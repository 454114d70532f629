"""A model is a denoiser with conditions bound: what is given stays, what is absent is not heard."""

import dataclasses

import pytest
import torch

from stemweave.diffusion.precondition import Precondition
from stemweave.model.model import Model

SIGMA = torch.tensor(0.3, dtype=torch.float64)


def noised(samples: int = 512) -> torch.Tensor:
    return 0.3 * torch.randn(2, 4, 1, samples)


def test_given_stems_come_back_untouched_and_are_heard(tiny_model: Model) -> None:
    mask = torch.tensor([True, False, False, True])
    known, x = 0.05 * torch.randn(2, 4, 1, 512), noised()
    out = tiny_model.given(known, mask)(x, SIGMA)
    assert torch.equal(out[:, mask], known[:, mask])
    other = tiny_model.given(known.flip(-1), mask)(x, SIGMA)
    assert not torch.allclose(out[:, ~mask], other[:, ~mask])
    changed = x.clone()
    changed[:, mask] = 0
    torch.testing.assert_close(tiny_model.given(known, mask)(changed, SIGMA), out)


def test_no_mask_is_the_prior(tiny_model: Model) -> None:
    x = noised()
    none = torch.zeros(4, dtype=torch.bool)
    torch.testing.assert_close(tiny_model.given(torch.zeros_like(x), none)(x, SIGMA), tiny_model.prior()(x, SIGMA))


def test_the_mixture_is_heard_only_when_bound(tiny_model: Model) -> None:
    x, mixture = noised(), 0.1 * torch.randn(2, 1, 512)
    assert not torch.allclose(tiny_model.mixed(mixture)(x, SIGMA), tiny_model.prior()(x, SIGMA))
    silent = tiny_model.mixed(torch.zeros_like(mixture))(x, SIGMA)
    assert not torch.allclose(silent, tiny_model.prior()(x, SIGMA)), "a silent mixture is knowledge, not absence of it"


def test_sigma_zero_is_the_identity(tiny_model: Model) -> None:
    x = noised()
    torch.testing.assert_close(tiny_model.prior()(x, torch.tensor(1e-16)), x, atol=1e-6, rtol=0)


def test_one_level_for_all_equals_levels_per_stem(tiny_model: Model) -> None:
    x = noised()
    direct = tiny_model(x, torch.full((2, 4), 0.3), torch.zeros(2, 1, 512), torch.zeros(2))
    torch.testing.assert_close(direct, tiny_model.prior()(x, SIGMA))


def test_independent_priors_do_not_hear_each_other(tiny_model: Model) -> None:
    torch.manual_seed(1)
    config = dataclasses.replace(
        tiny_model.config, joint=False, net=dataclasses.replace(tiny_model.config.net, stems=1), name="tiny-isdm"
    )
    model = Model(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    x = noised()
    changed = x.clone()
    changed[:, 0] = 0
    with torch.no_grad():
        before, after = model.prior()(x, SIGMA), model.prior()(changed, SIGMA)
    torch.testing.assert_close(before[:, 1:], after[:, 1:])
    assert not torch.allclose(before[:, 0], after[:, 0])


def test_repr_names_the_conditions(tiny_model: Model) -> None:
    assert repr(tiny_model.mixed(torch.zeros(1, 1, 8))) == "Bound(tiny, mixture)"


@pytest.mark.parametrize(("bias", "share"), [(-100.0, 0.0), (100.0, 1.0), (0.0, None)])
@pytest.mark.parametrize("sigma", [1e-3, 0.06, 2.0])
def test_the_kept_share_of_a_noised_stem_is_learned_from_nothing_to_all(
    tiny_model: Model, bias: float, share: float | None, sigma: float
) -> None:
    """D = w·x with w from 0 to 1, whatever the level; an untrained gain is white data's c_skip."""
    model = Model(tiny_model.config)
    torch.nn.init.zeros_(model.net.own.weight)
    torch.nn.init.constant_(model.net.keep.bias.data.view(4, 3, -1)[:, 0], bias)
    x, level = sigma * torch.randn(1, 4, 1, 512), torch.tensor(sigma)
    expected = model.precondition.skip(level) if share is None else share
    with torch.no_grad():
        torch.testing.assert_close(model.prior()(x, level), expected * x, atol=2e-3 * sigma, rtol=1e-3)


@pytest.mark.parametrize("sigma", [1e-3, 0.06, 3.0])
def test_preconditioning_is_unit_variance_on_white_data(sigma: float) -> None:
    """EDM's promise (2206.00364 §5): unit input and unit target at every level; the best F is 0 when s = σ_data."""
    precondition, level = Precondition(0.06), torch.tensor(sigma)
    clean, noise = 0.06 * torch.randn(200_000), torch.randn(200_000)
    x = clean + sigma * noise
    assert (precondition.scale(level) * x).std().item() == pytest.approx(1, abs=0.02)
    target = (clean - precondition.skip(level) * x) / precondition.out(level)
    assert target.std().item() == pytest.approx(1, abs=0.02)
    loss = precondition.weight(level) * (precondition.denoised(x, level, torch.zeros_like(x)) - clean).square().mean()
    assert loss.item() == pytest.approx(1, abs=0.02)


def test_loss_of_other_levels_follows_the_formula() -> None:
    """(s²/σ_d²)(σ²+σ_d²)/(σ²+s²) for the optimal denoiser of data of standard deviation s."""
    s, data, sigma = 0.1, 0.06, 0.2
    precondition, level = Precondition(data), torch.tensor(sigma)
    clean = s * torch.randn(400_000)
    x = clean + sigma * torch.randn_like(clean)
    best = s**2 / (s**2 + sigma**2) * x
    loss = precondition.weight(level) * (best - clean).square().mean()
    expected = (s**2 / data**2) * (sigma**2 + data**2) / (sigma**2 + s**2)
    assert loss.item() == pytest.approx(expected, rel=0.02)
