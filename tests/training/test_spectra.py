"""Usual spectra from mixtures alone: least squares, and what the network then expects of a sound that it never heard alone."""

import pytest
import torch

from stemweave.errors import ModelError
from stemweave.model.texted import TextModel
from stemweave.nets.textunet import Heard
from stemweave.training.spectra import FAINT, least_powers, start_from_spectra

PAIRS = ("Bass, Drums", "Drums, Guitar", "Bass, Guitar", "Bass, Drums, Guitar")


def test_powers_are_parted_by_who_sounds() -> None:
    """Sums of known spectra give the spectra back, though none is ever heard alone."""
    own = torch.rand(3, 20, generator=torch.Generator().manual_seed(0)) + 0.1
    told = torch.tensor([[1.0, 1, 0], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
    torch.testing.assert_close(least_powers(told, told @ own), own, atol=1e-5, rtol=1e-4)
    assert least_powers(told, torch.zeros(4, 20)).max().item() == pytest.approx(FAINT)


def test_a_sound_never_told_changes_no_other() -> None:
    """Whatever lay in memory before: torch's own least squares take that for their pivots (pytorch/pytorch#187411)."""
    own = torch.rand(3, 20, generator=torch.Generator().manual_seed(0)) + 0.1
    told = torch.tensor([[1.0, 1, 0, 0], [0, 1, 1, 0], [1, 0, 1, 0], [1, 1, 1, 0]])
    for _ in range(1000):
        left_in_memory = [torch.tensor([0, 0, 0, 9], dtype=torch.int32) for _ in range(8)]
        del left_in_memory
        found = least_powers(told, told[:, :3] @ own)
        torch.testing.assert_close(found[:3], own, atol=1e-5, rtol=1e-4)
        assert found[3].max().item() == pytest.approx(FAINT)


def coloured(model: TextModel, names: str) -> torch.Tensor:
    """Bass below, drums everywhere, guitar above: noise in those coefficients."""
    hop, lapped = model.net.config.hop, model.net.lapped
    frames = torch.zeros(1, 41, hop)
    for name, band in {"Bass": slice(0, hop // 4), "Drums": slice(0, hop), "Guitar": slice(hop // 2, hop)}.items():
        if name in names:
            frames[..., band] += model.config.sigma_data * torch.randn(frames[..., band].shape)
    return lapped.inverse(frames)


def test_a_sound_is_expected_as_it_was_among_others(text_model: TextModel) -> None:
    torch.manual_seed(0)
    model = TextModel(text_model.config)
    torch.nn.init.zeros_(model.net.sounds.answer.weight)
    batches = [(torch.stack([coloured(model, text) for text in PAIRS]), PAIRS) for _ in range(40)]
    start_from_spectra(model, batches)
    hop = model.net.config.hop
    heard = Heard(torch.zeros(1, 1, model.net.config.widths[0]), torch.zeros(1, 1, 1, hop), torch.zeros(1, 1, 1, hop))
    with torch.no_grad():
        prompt = model.conditioner(model.conditioner.prepare(["bass", "guitar"]))
        bass, guitar = (model.net.expected(heard, each)[0, 0, 0].exp() for each in prompt.split())
    assert bass[: hop // 8].mean().item() == pytest.approx(1, abs=0.3)
    assert guitar[-hop // 8 :].mean().item() == pytest.approx(1, abs=0.3)
    assert bass[-hop // 8 :].mean() < 0.1
    assert guitar[: hop // 8].mean() < 0.1


def test_other_networks_expect_no_spectra(text_model: TextModel) -> None:
    model = TextModel(text_model.config)
    model.net = torch.nn.Identity()
    with pytest.raises(ModelError, match="expects no spectra"):
        start_from_spectra(model, [])
