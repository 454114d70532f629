"""The Gaussian oracle: a jointly Gaussian prior, whose denoiser and whose posteriors for every task have closed forms.

It stands in for a trained network in demonstrations and tests, and tells a coding error from a method's own bias.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from stemweave.diffusion.denoiser import describe
from stemweave.errors import UsageError


@dataclass(frozen=True, eq=False)
class Gaussian:
    """N(mean, covariance) over stems, independent over channels and samples.

    Shapes: mean (batch or 1, stems, channels or 1, samples or 1), covariance (stems, stems).
    """

    mean: Tensor
    covariance: Tensor
    __repr__ = describe

    def sample(self, noise: Tensor) -> Tensor:
        """A draw, from standard normal noise (batch, stems, channels, samples) of the shape wanted."""
        values, vectors = torch.linalg.eigh(self.covariance)
        root = vectors * values.clamp(min=0).sqrt()
        return self.mean + _apply(root, noise)


@dataclass(frozen=True, eq=False)
class GaussianDenoiser:
    """D(x; σ) = m + C(C + σ²I)⁻¹(x − m), exact for stems N(m, C), independent over channels and samples.

    Shapes: mean (stems,), covariance (stems, stems), symmetric and not negative. D(x; 0) = x within the covariance's range.
    """

    mean: Tensor
    covariance: Tensor
    __repr__ = describe

    def __post_init__(self) -> None:
        stems = len(self.mean)
        if self.covariance.shape != (stems, stems) or not torch.allclose(self.covariance, self.covariance.T):
            raise UsageError(f"got a covariance of shape {tuple(self.covariance.shape)}; expected symmetric ({stems}, {stems})")

    @cached_property
    def _spectrum(self) -> tuple[Tensor, Tensor]:
        with torch.inference_mode(False), torch.no_grad():
            values, vectors = torch.linalg.eigh(self.covariance)
            return values.clamp(min=0), vectors

    def __call__(self, x: Tensor, sigma: Tensor, /) -> Tensor:
        """Shape: (batch, stems, channels, samples) → the same."""
        mean = self._column
        return mean + _apply(self._spectral(lambda v: v / (v + sigma**2)), x - mean)

    def variance(self, sigma: Tensor, /) -> Tensor:
        """Diagonal of `uncertainty`: the v_n(σ) of `PosteriorMean`. Shape: (stems,)."""
        return self.uncertainty(sigma).diagonal()

    def uncertainty(self, sigma: Tensor, /) -> Tensor:
        """Covariance of the clean stems given noised ones, σ²C(C + σ²I)⁻¹. Shape: (stems, stems)."""
        return self._spectral(lambda v: v * (sigma**2 / (v + sigma**2)))

    def total(self) -> Gaussian:
        """What total generation draws from: the prior."""
        return Gaussian(self._column, self.covariance)

    def mixture(self, row: Tensor | None = None) -> Gaussian:
        """The law of the mixture, one stem."""
        a = self._row(row)
        return Gaussian((a @ self.mean).reshape(1, 1, 1, 1), (a @ self.covariance @ a).reshape(1, 1))

    def partial(self, given: Tensor, known: Tensor) -> Gaussian:
        """All stems given those where `known` (stems,) is true; `given` (batch, stems, channels, samples) is read there."""
        observe = torch.eye(len(self.mean), dtype=self.mean.dtype, device=self.mean.device)[known]
        return self._observed(observe, given[:, known], 0.0)

    def separation(self, mixture: Tensor, row: Tensor | None = None, noise: float = 0.0) -> Gaussian:
        """All stems given the mixture (batch, channels, samples) with noise of standard deviation `noise`."""
        return self._observed(self._row(row)[None], mixture.unsqueeze(1), noise)

    def extraction(self, mixture: Tensor, target: int, noise: float = 0.0) -> Gaussian:
        """The pair (target, sum of the other stems) given the mixture."""
        return self.pair(target).separation(mixture, noise=noise)

    def pair(self, target: int) -> "GaussianDenoiser":
        """The prior over (target, sum of the other stems)."""
        own = torch.zeros_like(self.mean).index_fill(0, torch.tensor(target, device=self.mean.device), 1.0)
        to = torch.stack([own, 1 - own])
        return GaussianDenoiser(to @ self.mean, to @ self.covariance @ to.T)

    @property
    def _column(self) -> Tensor:
        return self.mean[:, None, None]

    def _row(self, row: Tensor | None) -> Tensor:
        return torch.ones_like(self.mean) if row is None else row

    def _spectral(self, function: Callable[[Tensor], Tensor]) -> Tensor:
        """f(C) for a function of the eigenvalues; eigenvalue 0 gives 0."""
        values, vectors = self._spectrum
        return (vectors * torch.where(values > 0, function(values), 0.0)) @ vectors.T

    def _observed(self, observe: Tensor, seen: Tensor, noise: float) -> Gaussian:
        """The posterior given `seen` = observe·x + noise. Shapes: observe (k, stems), seen (batch, k, channels, samples)."""
        cross = self.covariance @ observe.T
        spent = observe @ cross + noise**2 * torch.eye(len(observe), dtype=cross.dtype, device=cross.device)
        gain = torch.linalg.solve(spent, cross.T).T
        mean = self._column + _apply(gain, seen - _apply(observe, self._column[None]))
        return Gaussian(mean, self.covariance - gain @ cross.T)


def _apply(matrix: Tensor, x: Tensor) -> Tensor:
    """A matrix over the stems. Shape: (k, stems) and (batch, stems, channels, samples) → (batch, k, channels, samples)."""
    return torch.einsum("kn,bnct->bkct", matrix, x)
