"""stemweave: make and take apart music stem by stem.

>>> import stemweave as sw
>>> model = sw.load()                                   # the embedded model; or a folder, or a hub id
>>> band = model.generate(seconds=12, seed=7)           # doctest: +SKIP
>>> more = model.accompany({"drums": "drums.wav"})      # doctest: +SKIP
>>> stems = model.separate("song.mp3")                  # doctest: +SKIP
>>> stems.write("out/")                                 # doctest: +SKIP

Names are imported when first used, so that `import stemweave` stays light.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stemweave.audio.stems import Stems
    from stemweave.diffusion.gaussian import GaussianDenoiser
    from stemweave.diffusion.problem import Problem
    from stemweave.diffusion.solve import walk
    from stemweave.model.config import ModelConfig, Sampling, Settings
    from stemweave.model.model import Model
    from stemweave.tasks.likelihoods import Dirac, Gaussian, even, learned, posterior_mean
    from stemweave.tasks.sampler import SOLVERS, Event, Sampler
    from stemweave.tasks.separate import direct, masked
    from stemweave.tasks.studio import Studio, load, loudest

__version__ = "0.1.0"

_HOMES = {
    "Stems": "audio.stems",
    "GaussianDenoiser": "diffusion.gaussian",
    "Problem": "diffusion.problem",
    "walk": "diffusion.solve",
    "ModelConfig": "model.config",
    "Sampling": "model.config",
    "Settings": "model.config",
    "Model": "model.model",
    "Dirac": "tasks.likelihoods",
    "Gaussian": "tasks.likelihoods",
    "even": "tasks.likelihoods",
    "learned": "tasks.likelihoods",
    "posterior_mean": "tasks.likelihoods",
    "SOLVERS": "tasks.sampler",
    "Event": "tasks.sampler",
    "Sampler": "tasks.sampler",
    "direct": "tasks.separate",
    "masked": "tasks.separate",
    "Studio": "tasks.studio",
    "load": "tasks.studio",
    "loudest": "tasks.studio",
}

__all__ = [
    "SOLVERS",
    "Dirac",
    "Event",
    "Gaussian",
    "GaussianDenoiser",
    "Model",
    "ModelConfig",
    "Problem",
    "Sampler",
    "Sampling",
    "Settings",
    "Stems",
    "Studio",
    "direct",
    "even",
    "learned",
    "load",
    "loudest",
    "masked",
    "posterior_mean",
    "walk",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'stemweave' has no attribute {name!r}")
    return getattr(import_module(f"stemweave.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
