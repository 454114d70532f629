"""Taking one sound that can be named out of a song: the rest is told as one, and takes what the sound leaves."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from stemweave.errors import UsageError
from stemweave.model.config import Sampling, Settings
from stemweave.model.lineup import Lineup, together
from stemweave.model.model import Model
from stemweave.tasks.likelihoods import Dirac, Likelihood, expected, own_likelihood, own_sampling
from stemweave.tasks.prompting import extracting, texted, walking
from stemweave.tasks.sampler import Sampler
from stemweave.tasks.separate import Separation, Share
from stemweave.tasks.starts import best_known

TARGET, REST = "target", "residual"
AGAINST_REST = Dirac(REST)
"""How a song is shared between a sound and the rest (2403.11706 eq. 14)."""


def own_rule(settings: Settings) -> Likelihood:
    """How a model takes one sound out: by expected spectra at once where it takes songs apart so, else by a walk."""
    return expected if own_likelihood(settings) is expected else AGAINST_REST


def own_walk(settings: Settings, rule: Likelihood) -> Sampling:
    """How the settings sample either."""
    return settings.extractor if rule is AGAINST_REST else own_sampling(settings, rule)


def extraction(rule: Likelihood, sampler: Sampler, share: Share, seed: int) -> Separation:
    """How `separate` extracts with a `duet`: the sound and the rest, which sum to the song.

    A walk begins at the song, shared out by the expected spectra, or by expected power where the model has none.
    """
    start = best_known if rule is AGAINST_REST else None
    return Separation(rule, replace(sampler, start=start), Against(share), seed=seed)


def duet(model: Model, prompt: str, negative: str | None = None, rest: str | None = None) -> Lineup:
    """The model with two stems, the sound and the rest of the song, as extraction is prompted.

    `negative`: what the sound is not; by default as the model has it for that sound. `rest`: what else sounds; by default the
    model's own stems but those that `prompt` names. Raises ModelError for a model that is not told in words, UsageError for
    what it cannot read or where nothing else is named. One that is told what the sound is not is taken out by a walk.
    """
    lineup = texted(model, "extraction")
    usual = extracting(lineup)
    own = [stem for stem, said in enumerate(lineup.prompts) if said and lineup.alike(prompt, said)]
    if rest is None:
        rest = together([said for stem, said in enumerate(lineup.prompts) if stem not in own])
    if rest is None:
        raise UsageError(f"the prompt {prompt[:40]!r} names all that {model.config.name} knows: say what else sounds")
    against = usual.references[own[0]] if negative is None and len(own) == 1 else negative
    told = lineup.told({TARGET: prompt, REST: rest}, None if against is None else {TARGET: against}, usual.guidance)
    return told if negative is None else walking(told)


@dataclass(frozen=True)
class Against:
    """The first source as `share` has it, and all that it leaves of the song."""

    share: Share

    def __call__(self, song: Tensor, rate: int, estimates: Tensor, model_rate: int, unexplained: Tensor | None) -> Tensor:
        """Shape: song (channels, samples), estimates (2, channels, samples) → (2, channels, samples)."""
        target = self.share(song, rate, estimates, model_rate, unexplained)[:1]
        return torch.cat((target, song - target))
