"""The usual spectra of sounds that were only ever heard together: least squares over mixtures of which is told what sounds."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from stemweave.errors import ModelError
from stemweave.model.texted import TextModel
from stemweave.nets.prompts import label
from stemweave.nets.textunet import TextUNet

FAINT = 1e-4
"""The least power of a usual spectrum, where the data's is 1."""


@torch.no_grad()
def start_from_spectra(model: TextModel, batches: Iterable[Sequence[Any]]) -> None:
    """Let the network begin with what is usual for each of the model's own stems, and for nothing said with their mean mixture.

    Powers add: the mean spectrum of a mixture is the sum of those of its sounds. Mixtures (batch, channels, samples) are told
    of in labels, or in names that hold them. Raises ModelError for a network that expects no spectra.
    """
    net, stems = model.net, model.config.stems
    if not isinstance(net, TextUNet):
        raise ModelError(f"{model.config.name}: its network expects no spectra: leave out `spectra`")
    told, heard = [], []
    device = next(net.parameters()).device
    for mixtures, texts, *_ in batches:
        told.append(torch.tensor([[float(label(stem).casefold() in text.casefold()) for stem in stems] for text in texts]))
        heard.append(spectra(net, mixtures.to(device) / model.config.sigma_data))
    usual = least_powers(torch.cat(told).to(device), torch.cat(heard))
    every = torch.cat((usual, torch.cat(heard).mean(0, keepdim=True)))
    hear = model.conditioner
    tokens = [hear(hear.prepare([label(stem)])).tokens.sum(1) for stem in stems]
    net.sounds.expect(torch.cat((*tokens, hear.null().tokens[:, 0])), net.answers(every.log()))


def spectra(net: TextUNet, mixtures: Tensor) -> Tensor:
    """Mean power of each coefficient over frames and channels. Shape: (batch, channels, samples) → (batch, hop)."""
    signal = net.lapped.cosines(net.padded(mixtures))
    return signal.square().mean((1, 2))


def least_powers(told: Tensor, heard: Tensor) -> Tensor:
    """The powers of each sound whose sums come nearest to those of the mixtures, at least `FAINT`.

    Shape: told (mixtures, sounds), 1 where it sounds; heard (mixtures, hop) → (sounds, hop).
    """
    own = torch.linalg.pinv(told.double()) @ heard.double()  # not lstsq, which answers at random where a sound is never told
    return own.clamp(min=FAINT).float()
