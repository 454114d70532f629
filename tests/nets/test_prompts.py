"""Prompts as tensors: tiled, split and joined without a change in what each says."""

import pytest
import torch
from torch import Tensor

from stemweave.nets.prompts import Prompt, joined, label, stacked


def numbered(*lengths: int) -> Prompt:
    """Prompt n has vectors of n + 1."""
    longest = max(lengths)
    mask = torch.arange(longest) < torch.tensor(lengths)[:, None]
    values = torch.arange(1.0, len(lengths) + 1)[:, None]
    return Prompt((mask * values)[..., None].expand(-1, -1, 3), mask, values.expand(-1, 2))


def parts(prompt: Prompt) -> tuple[Tensor, Tensor, Tensor]:
    return prompt.tokens, prompt.mask, prompt.pooled


def test_tiled_prompts_follow_a_batch_whose_stems_are_flattened() -> None:
    prompt = numbered(1, 3, 2)
    tiled = prompt.tiled(2)
    assert len(tiled) == 6
    assert tiled.pooled[:, 0].tolist() == [1, 2, 3, 1, 2, 3]
    stems = prompt.pooled[:, 0].expand(2, 3).flatten()  # (batch, stems) as a model flattens it
    assert torch.equal(tiled.pooled[:, 0], stems)
    for whole, one in zip(parts(tiled), parts(prompt), strict=True):
        assert torch.equal(whole, torch.cat([one, one]))
    for whole, one in zip(parts(prompt.tiled(1)), parts(prompt), strict=True):
        assert torch.equal(whole, one)


def test_split_prompts_join_to_the_same() -> None:
    prompt = numbered(1, 3, 2)
    single = prompt.split()
    assert [len(one) for one in single] == [1, 1, 1]
    assert [one.pooled[0, 0].item() for one in single] == [1, 2, 3]
    for whole, again in zip(parts(prompt), parts(joined(single)), strict=True):
        assert torch.equal(whole, again)


@pytest.mark.parametrize(("stem", "said"), [("bass", "Bass"), ("lead_guitar", "Lead guitar"), ("FX", "Fx"), ("", "")])
def test_labels_are_names_as_one_writes_them(stem: str, said: str) -> None:
    assert label(stem) == said


@pytest.mark.parametrize("shape", [(), (4,), (2, 3)])
def test_sequences_of_any_kind_are_stacked_with_zeros(shape: tuple[int, ...]) -> None:
    prepared = stacked([torch.ones(1, *shape), torch.ones(3, *shape)])
    assert prepared.values.shape == (2, 3, *shape)
    assert prepared.mask.tolist() == [[True, False, False], [True, True, True]]
    assert not prepared.values[0, 1:].any()
    assert prepared.values.sum() == 4 * torch.ones(shape).numel()
