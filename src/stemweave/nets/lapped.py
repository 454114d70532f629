"""The modulated complex lapped transform: an orthonormal patchify with overlapping patches, by matrices.

Its cosine half, the MDCT, is an orthonormal basis of the signal: white noise stays white, and a denoiser in it is a denoiser in
the waveform. Its sine half, the MDST, is another one; the two together give magnitudes and, masked alike, cancel each other's
time aliasing. Source: Malvar, "A modulated complex lapped transform and its applications to audio processing", ICASSP 1999.
"""

import math
from contextlib import nullcontext

import torch
from torch import Tensor, nn


class Lapped(nn.Module):
    """Frames of `2 * hop` samples under a sine window, `hop` cosine and `hop` sine coefficients each.

    Each block of `hop` samples is folded into the two frames that overlap on it, and a folded frame is `hop` values: one square
    matrix (a DCT-IV, or DST-IV) per frame instead of one twice as tall.

    >>> lapped = Lapped(4)
    >>> x = torch.randn(2, 32)
    >>> lapped.cosines(x).shape                              # (..., samples / hop + 1, hop)
    torch.Size([2, 9, 4])
    >>> torch.allclose(lapped.inverse(lapped.cosines(x)), x, atol=1e-5)
    True
    """

    cosine: Tensor
    sine: Tensor
    rise: Tensor
    fall: Tensor

    def __init__(self, hop: int) -> None:
        super().__init__()
        self.hop = hop
        half = torch.arange(hop, dtype=torch.float64) + 0.5
        angle = math.pi / hop * torch.outer(half, half)
        rise = torch.sin(math.pi / (2 * hop) * half)
        for name, value in {"rise": rise, "fall": rise.flip(0)}.items():
            self.register_buffer(name, value.float(), persistent=False)
        for name, value in {"cosine": angle.cos(), "sine": angle.sin()}.items():
            self.register_buffer(name, (math.sqrt(2 / hop) * value).float(), persistent=False)

    def cosines(self, x: Tensor) -> Tensor:
        """MDCT. Shape: (..., samples) → (..., samples / hop + 1, hop); samples must be a multiple of `hop`."""
        return exactly(self.fold(x, -1), self.cosine)

    def sines(self, x: Tensor) -> Tensor:
        """MDST, same shape."""
        return exactly(self.fold(x, 1), self.sine)

    def inverse(self, cosines: Tensor, sines: Tensor | None = None) -> Tensor:
        """The adjoint. Cosines alone return the signal; a signal's cosines and sines together return it twice."""
        signal = self.unfold(exactly(cosines, self.cosine), -1)
        return signal if sines is None else signal + self.unfold(exactly(sines, self.sine), 1)

    def fold(self, x: Tensor, parity: int) -> Tensor:
        """Frames folded about their quarter points, oddly (parity -1) or evenly (1).

        Shape: (..., samples) → (..., samples / hop + 1, hop).
        """
        blocks = x.unflatten(-1, (-1, self.hop))
        a, b = (blocks * self.rise).chunk(2, -1)
        c, d = (blocks * self.fall).chunk(2, -1)
        ending, starting = parity * c.flip(-1) - d, a + parity * b.flip(-1)
        return torch.cat((nn.functional.pad(ending, (0, 0, 0, 1)), nn.functional.pad(starting, (0, 0, 1, 0))), -1)

    def unfold(self, folded: Tensor, parity: int) -> Tensor:
        """The adjoint of `fold`."""
        ending, starting = folded.chunk(2, -1)
        ending, starting = ending[..., :-1, :], starting[..., 1:, :]
        rising = torch.cat((starting, parity * starting.flip(-1)), -1)
        falling = torch.cat((parity * ending.flip(-1), -ending), -1)
        return (rising * self.rise + falling * self.fall).flatten(-2)


def exactly(x: Tensor, matrix: Tensor) -> Tensor:
    """Their product in float32, also where training multiplies in less: a sound's coefficients are not to be rounded."""
    kind = x.device.type
    with torch.autocast(kind, enabled=False) if torch.amp.is_autocast_available(kind) else nullcontext():
        return x.to(matrix.dtype) @ matrix


def powers(cosines: Tensor) -> Tensor:
    """About the power spectrum, from the MDCT alone (the pseudo-spectrum of Daudet & Sandler, 2004)."""
    padded = nn.functional.pad(cosines, (1, 1))
    return cosines.square() + (padded[..., 2:] - padded[..., :-2]).square()
