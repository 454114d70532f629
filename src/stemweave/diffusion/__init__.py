"""A denoiser, a projection, and one walk down the noise levels."""

from stemweave.diffusion.algebra import (
    DiracTangent,
    EvenShare,
    EvenTangent,
    GaussianLikelihood,
    Guided,
    Independent,
    OnMixture,
    Product,
)
from stemweave.diffusion.coherent import AgainstOthers, Coherent, Consistent, WithGiven, beside
from stemweave.diffusion.coupling import Constant, GaussianCoupling, Proportional, SquareRoot, Width
from stemweave.diffusion.decoded import DecodedLikelihood
from stemweave.diffusion.denoiser import Denoiser
from stemweave.diffusion.gaussian import Gaussian, GaussianDenoiser
from stemweave.diffusion.guidance import BoundPrompts, Guidance, GuidedPair, GuidedPrompts, Prompt, Prompted
from stemweave.diffusion.mixing import loudest, mix
from stemweave.diffusion.noise import Noise, NoiseSource
from stemweave.diffusion.posterior import (
    LevelVariance,
    PosteriorGiven,
    PosteriorMean,
    PosteriorMeanFull,
    TableVariance,
    Variance,
)
from stemweave.diffusion.problem import At, Chosen, Draw, Problem, Project, Relax
from stemweave.diffusion.projections import AtLast, DiracAnchor, EvenProjection, NoisyMixture, Replacement
from stemweave.diffusion.schedule import karras, log_linear
from stemweave.diffusion.sidebyside import Part, SideBySide
from stemweave.diffusion.solve import ADPM2, STEPS, Churn, DPMSolver2M, Euler, Heun, State, Step, final, walk
from stemweave.diffusion.windowed import Windowed, windows

__all__ = [
    "ADPM2",
    "STEPS",
    "AgainstOthers",
    "At",
    "AtLast",
    "BoundPrompts",
    "Chosen",
    "Churn",
    "Coherent",
    "Consistent",
    "Constant",
    "DPMSolver2M",
    "DecodedLikelihood",
    "Denoiser",
    "DiracAnchor",
    "DiracTangent",
    "Draw",
    "Euler",
    "EvenProjection",
    "EvenShare",
    "EvenTangent",
    "Gaussian",
    "GaussianCoupling",
    "GaussianDenoiser",
    "GaussianLikelihood",
    "Guidance",
    "Guided",
    "GuidedPair",
    "GuidedPrompts",
    "Heun",
    "Independent",
    "LevelVariance",
    "Noise",
    "NoiseSource",
    "NoisyMixture",
    "OnMixture",
    "Part",
    "PosteriorGiven",
    "PosteriorMean",
    "PosteriorMeanFull",
    "Problem",
    "Product",
    "Project",
    "Prompt",
    "Prompted",
    "Proportional",
    "Relax",
    "Replacement",
    "SideBySide",
    "SquareRoot",
    "State",
    "Step",
    "TableVariance",
    "Variance",
    "Width",
    "Windowed",
    "WithGiven",
    "beside",
    "final",
    "karras",
    "log_linear",
    "loudest",
    "mix",
    "walk",
    "windows",
]
