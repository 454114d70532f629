"""The settings of 2403.11706 by value: `gmsdi`. What the paper does not tell, noise levels and guidance, stays the model's."""

import copy
from dataclasses import replace

from stemweave.model.config import Sampling, Settings, TextConfig
from stemweave.model.lineup import Lineup
from stemweave.tasks.prompting import prompts_of

Negatives = tuple[tuple[str, str], ...]
"""Pairs of a stem and what it is not."""

AGAINST: Negatives = (("bass", "Drums, Guitar, Piano"), ("drums", "Bass"), ("guitar", "Bass, Drums"), ("piano", "Bass, Drums"))
"""Negative prompts of generation (§4): without them single prompts for bass and drums gave silence."""
EXTRACTED_AGAINST: Negatives = AGAINST[:2]
"""Negative prompts of the extractor; the separator has none."""
ANCHOR, EXTRACTED = "drums", ("bass", "guitar", "piano")
"""The constrained source, and which stems the published ensemble has from the extractor (Table 2)."""


def gmsdi(lineup: Lineup) -> Lineup:
    """A model of text with the paper's solvers, numbers of steps, negative prompts, constrained source and ensemble.

    ADPM2 in 600 steps for several stems and 150 for one, in 300 beside given ones; ancestral Euler in 150 for songs.
    """
    other, config = copy.copy(lineup), lineup.config
    told = settings(config.settings, config.stems)
    other.config = replace(config, settings=told, best=told, text=prompting(prompts_of(lineup)))
    return other


def settings(own: Settings, stems: tuple[str, ...]) -> Settings:
    """The paper's settings for a line-up, at a model's own noise levels."""
    return replace(
        own,
        generate=walked(own.generate, 600 if len(stems) > 1 else 150, "adpm2"),
        accompany=walked(own.accompany, 300, "adpm2"),
        dirac=walked(own.dirac, 150, "ancestral"),
        extractor=walked(own.extractor, 150, "ancestral"),
        likelihood="dirac",
        anchor=ANCHOR if ANCHOR in stems else "",
        extracted=tuple(stem for stem in EXTRACTED if stem in stems),
        conditioning="coherent",
        coupling="coherent" if len(stems) > 1 else "joint",
    )


def walked(own: Sampling, steps: int, solver: str) -> Sampling:
    """So many steps of a solver from where a sampling begins, over its own noise levels."""
    return Sampling(steps, own.sigma_max, own.sigma_min, own.rho, solver, start=own.start)


def prompting(texts: TextConfig) -> TextConfig:
    """The paper's negative prompts under a model's own guidance."""
    return against(texts, AGAINST, EXTRACTED_AGAINST)


def against(texts: TextConfig, making: Negatives, extracting: Negatives) -> TextConfig:
    """A model's own guidance with these negative prompts of generation and accompaniment, and of extraction; none elsewhere."""
    return replace(
        texts,
        generate=replace(texts.generate, negatives=making),
        accompany=replace(texts.accompany, negatives=making),
        separate=replace(texts.separate, negatives=()),
        extract=replace(texts.extract, negatives=extracting),
    )
