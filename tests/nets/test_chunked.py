"""Chunks: what the whole gives, in constant memory; and how far a frame hears."""

import dataclasses
from collections.abc import Callable

import pytest
import torch

from stemweave.errors import ModelError
from stemweave.nets.chunked import CHUNK, chunks, context, decode, encode
from stemweave.nets.sourcevae import SourceVAE, SourceVAEConfig

PUBLISHED = SourceVAEConfig(latent=3, encoder_width=1, decoder_width=16)
CONFIGS = [
    PUBLISHED,
    SourceVAEConfig(latent=3, encoder_width=4, decoder_width=8, strides=(2, 5)),
    SourceVAEConfig(2, 3, 4, 8, (3,), dilations=(1, 2)),
    SourceVAEConfig(1, 5, 8, 16, (8,), patch=16),
    SourceVAEConfig(1, 5, 8, 16, (3, 2), patch=4, dilations=(5,)),
    SourceVAEConfig(2, 9, 8, 16, (8,), patch=16, straight=3),
]


def made(config: SourceVAEConfig) -> SourceVAE:
    """Weights of a size at which everything that is heard tells."""
    torch.manual_seed(0)
    net = SourceVAE(config).double().requires_grad_(False)
    for name, value in net.named_parameters():
        torch.nn.init.normal_(value, 1.0 if "alpha" in name else 0.0, 0.2)
    return net


@pytest.mark.parametrize("config", CONFIGS)
def test_chunks_give_what_the_whole_gives(config: SourceVAEConfig) -> None:
    net, hop = made(config), config.hop
    for samples in (1, hop, 39 * hop, 39 * hop - config.lost, 39 * hop - config.lost + 1):
        sound = torch.randn(2, config.channels, samples, dtype=torch.float64)
        z = net.encode(sound)
        for chunk in (3, 16):
            torch.testing.assert_close(encode(net, sound, chunk), z, rtol=1e-9, atol=1e-9)
            torch.testing.assert_close(decode(net, z, samples, chunk), net.decode(z, samples), rtol=1e-9, atol=1e-9)


def test_chunks_of_the_usual_length() -> None:
    torch.manual_seed(0)
    net = SourceVAE(CONFIGS[3]).requires_grad_(False)
    sound = 0.05 * torch.randn(1, 1, 2 * CHUNK * net.config.hop + 55)
    z = net.encode(sound)
    assert z.shape[-1] > 2 * CHUNK
    torch.testing.assert_close(encode(net, sound), z, rtol=0, atol=1e-5)
    torch.testing.assert_close(decode(net, z, sound.shape[-1]), net.decode(z, sound.shape[-1]), rtol=0, atol=1e-5)


def test_frames_beyond_those_needed_are_heard_but_not_decoded() -> None:
    net, hop = made(CONFIGS[1]), CONFIGS[1].hop
    z = torch.randn(1, 3, 90, dtype=torch.float64)
    for samples in (0, 1, 5 * hop, 33 * hop - 1):
        torch.testing.assert_close(decode(net, z, samples, 4), net.decode(z, samples), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("config", CONFIGS)
def test_nothing_beyond_the_context_tells(config: SourceVAEConfig) -> None:
    """By the gradient: of a frame in the middle on the sound, and of that frame's sound on the latents."""
    net, hop, reach = made(config), config.hop, context(config)
    middle, frames = reach + 3, 2 * reach + 7
    sound = torch.randn(1, config.channels, frames * hop, dtype=torch.float64, requires_grad=True)
    heard = heard_by(sound, lambda: net.encode(sound)[..., middle]) // hop
    z = torch.randn(1, config.latent, frames + 1, dtype=torch.float64, requires_grad=True)
    told = heard_by(z, lambda: net.decode(z, frames * hop)[..., middle * hop : (middle + 1) * hop])
    for found in (heard, told):
        assert middle - reach <= found.min() < middle
        assert middle < found.max() <= middle + reach
    assert max(told.max() - middle, middle - told.min()) >= reach - 3  # the bound is not far from the truth


def heard_by(given: torch.Tensor, answer: Callable[[], torch.Tensor]) -> torch.Tensor:
    """The positions in time at which what was given tells on the answer."""
    made = answer()
    (gradient,) = torch.autograd.grad(made, given, torch.randn_like(made))
    return gradient.abs().sum((0, 1)).nonzero().flatten()


def test_no_more_is_held_however_long_the_sound() -> None:
    net = made(CONFIGS[3]).float()
    seen = {"encoder": [0], "decoder": [0]}
    for name, lengths in seen.items():
        net.get_submodule(name).register_forward_hook(
            lambda _, given, __, lengths=lengths: lengths.append(given[0].shape[-1])  # type: ignore[misc]
        )
    peaks = []
    for seconds in (40, 80, 160):
        sound = torch.zeros(1, 1, seconds * net.config.hop)
        decode(net, encode(net, sound, 8), sound.shape[-1], 8)
        peaks.append({name: max(lengths) for name, lengths in seen.items()})
    assert peaks[0] == peaks[1] == peaks[2]
    assert peaks[0]["decoder"] == 8 + 2 * context(net.config)
    assert max(peaks[0].values()) < 40 * 8


def test_which_frames_are_heard_and_kept() -> None:
    assert list(chunks(10, 4, 2)) == [
        (slice(0, 6), slice(0, 4)),
        (slice(2, 10), slice(2, 6)),
        (slice(6, 10), slice(2, 4)),
    ]
    assert list(chunks(3, 4, 2)) == [(slice(0, 3), slice(0, 3))]


def test_how_far_published_networks_hear() -> None:
    assert context(SourceVAEConfig()) == 12
    assert context(dataclasses.replace(PUBLISHED, dilations=(1,))) < context(PUBLISHED)


def test_what_cannot_be_is_refused_as_the_network_refuses_it() -> None:
    net = made(CONFIGS[1])
    with pytest.raises(ModelError, match="got no samples"):
        encode(net, torch.zeros(1, 1, 0, dtype=torch.float64))
    with pytest.raises(ModelError, match="490 samples need 50 frames, got 49"):
        decode(net, torch.zeros(1, 3, 49, dtype=torch.float64), 490, 4)
