"""The modulated complex lapped transform: an orthonormal patchify with overlapping patches, as two matrices.

Its cosine half, the MDCT, is an orthonormal basis of the signal: white noise stays white, and a denoiser in it is a denoiser in
the waveform. Its sine half, the MDST, is another one; the two together give magnitudes and, masked alike, cancel each other's
time aliasing. Source: Malvar, "A modulated complex lapped transform and its applications to audio processing", ICASSP 1999.
"""

import math

import torch
from torch import Tensor, nn


class Lapped(nn.Module):
    """Frames of `2 * hop` samples under a sine window, `hop` cosine and `hop` sine coefficients each.

    >>> lapped = Lapped(4)
    >>> x = torch.randn(2, 32)
    >>> lapped.cosines(x).shape                              # (..., samples / hop + 1, hop)
    torch.Size([2, 9, 4])
    >>> torch.allclose(lapped.inverse(lapped.cosines(x)), x, atol=1e-5)
    True
    """

    cosine: Tensor
    sine: Tensor

    def __init__(self, hop: int) -> None:
        super().__init__()
        self.hop = hop
        n, k = torch.arange(2 * hop, dtype=torch.float64), torch.arange(hop, dtype=torch.float64)
        angle = math.pi / hop * torch.outer(n + (hop + 1) / 2, k + 0.5)
        window = math.sqrt(2 / hop) * torch.sin(math.pi * (n + 0.5) / (2 * hop)).unsqueeze(1)
        self.register_buffer("cosine", (window * angle.cos()).float(), persistent=False)
        self.register_buffer("sine", (window * angle.sin()).float(), persistent=False)

    def cosines(self, x: Tensor) -> Tensor:
        """MDCT. Shape: (..., samples) → (..., samples / hop + 1, hop); samples must be a multiple of `hop`."""
        return self.frames(x) @ self.cosine

    def sines(self, x: Tensor) -> Tensor:
        """MDST, same shape."""
        return self.frames(x) @ self.sine

    def frames(self, x: Tensor) -> Tensor:
        """Overlapping frames. Shape: (..., samples) → (..., samples / hop + 1, 2 * hop)."""
        blocks = nn.functional.pad(x.unflatten(-1, (-1, self.hop)), (0, 0, 1, 1))
        return torch.cat((blocks[..., :-1, :], blocks[..., 1:, :]), -1)

    def inverse(self, cosines: Tensor, sines: Tensor | None = None) -> Tensor:
        """The adjoint. Cosines alone return the signal; a signal's cosines and sines together return it twice."""
        frames = cosines @ self.cosine.T
        if sines is not None:
            frames = frames + sines @ self.sine.T
        first, second = frames.split(self.hop, -1)
        return (second[..., :-1, :] + first[..., 1:, :]).flatten(-2)


def magnitudes(cosines: Tensor) -> Tensor:
    """About the magnitude spectrum, from the MDCT alone (the pseudo-spectrum of Daudet & Sandler, 2004)."""
    padded = nn.functional.pad(cosines, (1, 1))
    return (cosines.square() + (padded[..., 2:] - padded[..., :-2]).square()).sqrt()
