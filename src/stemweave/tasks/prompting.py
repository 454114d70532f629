"""What a model of text is told for each job beside the prompts: its guidance and negative prompts."""

import copy
from dataclasses import replace

from stemweave.errors import ModelError
from stemweave.model.config import EncoderConfig, TextConfig
from stemweave.model.lineup import Lineup
from stemweave.model.model import Model


def texted(model: Model, what: str) -> Lineup:
    """The model, which must be one of text for `what`. Raises ModelError where it is not."""
    if not isinstance(model, Lineup):
        raise ModelError(f"{model.config.name} is not told in words what sounds, as {what} needs; use one such as gmsdi-band")
    return model


def prompts_of(model: Lineup) -> TextConfig:
    """How its jobs are prompted."""
    return model.config.text or PLAIN


PLAIN = TextConfig(EncoderConfig("its own"))
"""For models of text of other makers: no guidance and no negative prompts but those that are asked for."""


def walking(model: Lineup) -> Lineup:
    """The same, taking songs apart by a walk: guidance and negative prompts steer one, and no expected spectra."""
    config, walked = model.config, copy.copy(model)
    settings, best = (
        replace(one, likelihood="dirac") if one.likelihood == "expected" else one for one in (config.settings, config.best)
    )
    walked.config = replace(config, settings=settings, best=best)
    return walked


def generating(model: Model) -> Model:
    """As total generation is done."""
    return model.doing(prompts_of(model).generate) if isinstance(model, Lineup) else model


def accompanying(model: Model) -> Model:
    """As partial generation is done."""
    return model.doing(prompts_of(model).accompany) if isinstance(model, Lineup) else model


def separating(model: Model) -> Model:
    """As songs are separated."""
    return model.doing(prompts_of(model).separate) if isinstance(model, Lineup) else model


def extracting(model: Lineup) -> Lineup:
    """As one sound is extracted."""
    return model.doing(prompts_of(model).extract)
