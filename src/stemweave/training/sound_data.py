"""Mixtures with what CLAP hears in them in place of words: training on sound alone, as 2403.11706 on MTG-Jamendo.

A text and a sound that fits it lie near each other on CLAP's sphere (2211.06687), so that the model is asked in words all the
same: its own reader is the same CLAP, whose text tower then says what its audio tower said here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from stemweave.audio.resample import resample
from stemweave.data.streams import Draw, Texted
from stemweave.nets.encoders import CLAP_RATE, MUSIC, Clap, clap
from stemweave.training.text_data import TextedMixtures, together
from stemweave.training.text_module import Batch


@dataclass(frozen=True, eq=False)
class Listener:
    """Draws as a batch: mixtures (batch, channels, samples), and CLAP's vector of each; their texts are not read."""

    clap: Clap

    def __call__(self, drawn: Sequence[Texted]) -> Batch:
        """Each mixture is heard once, as the mean of its channels at CLAP's rate."""
        mixtures, _ = together(drawn)
        _, rate, _ = drawn[0]
        return mixtures, self.clap.heard(resample(mixtures.mean(1), rate, CLAP_RATE))


class HeardMixtures(TextedMixtures):
    """The mixtures of other data, heard in place of read. The loader's workers hear them.

    Args:
        mixtures: the other data, whose batch size, seed, validation and workers are this one's too.
        source: the CLAP, by hub id or local folder: the model's own.
    """

    def __init__(self, mixtures: TextedMixtures, source: str = MUSIC) -> None:
        super().__init__(mixtures.batch_size, mixtures.seed, mixtures.valid_crops, mixtures.workers)
        self.mixtures = mixtures
        self.collate = Listener(clap(source))

    def draws(self, split: str) -> Draw[Texted]:
        """As the other data draw."""
        return self.mixtures.draws(split)
