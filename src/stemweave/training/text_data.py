"""Mixtures and what sounds in them for training and validation, as LightningDataModules: one per kind of source."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from stemweave.data.descriptions import PHRASINGS, Descriptions, rendered
from stemweave.data.jamendo import open_jamendo
from stemweave.data.mixtures import Mixtures, Parted, Parts, labels
from stemweave.data.shards import Cache
from stemweave.data.streams import Draw, Texted
from stemweave.data.texted import Windows, open_sounds, open_texted
from stemweave.training.draws import Draws


class TextedMixtures(Draws):
    """What all of them share: batches of mixtures and what sounds in each; arguments as those of `Draws`."""

    def __init__(self, batch_size: int = 8, seed: int = 0, valid_crops: int = 64, workers: int = 0) -> None:
        super().__init__(batch_size, seed, valid_crops, workers)
        self.collate = together


class SubMixtures(TextedMixtures):
    """Two or more sounding stems of cached songs, summed; the text is their labels, or from the songs' manifests.

    Args:
        train, valid: cache folders, of `stemweave preprocess audio`.
        train_songs, valid_songs: the rendered songs that they were made from, for names of instruments; left out: labels only.
        plain: share of texts, and of names within the others, that are labels all the same.
        phrasings: how the others are worded, of {band}, {style} and {tempo}.
        length: samples per crop.
        gain_db: standard deviation of a random gain per stem, dB.
        polarity: flip stems at random.
        whole: share of draws that are the sum of all that sounds.
    """

    def __init__(
        self,
        train: Path,
        valid: Path,
        train_songs: Path | None = None,
        valid_songs: Path | None = None,
        plain: float = 0.5,
        phrasings: tuple[str, ...] = PHRASINGS,
        length: int = 65536,
        gain_db: float = 4.0,
        polarity: bool = True,
        whole: float = 0.0,
        batch_size: int = 8,
        seed: int = 0,
        valid_crops: int = 64,
        workers: int = 0,
    ) -> None:
        super().__init__(batch_size, seed, valid_crops, workers)
        self.folders = {"train": (train, train_songs), "validation": (valid, valid_songs)}
        self.plain, self.phrasings, self.length = plain, phrasings, length
        self.gain_db, self.polarity, self.whole = gain_db, polarity, whole

    def draws(self, split: str) -> Mixtures:
        """Sub-mixtures of that split."""
        folder, songs = self.folders[split]
        describe = Descriptions(rendered(songs), self.plain, self.phrasings) if songs else labels
        return Mixtures(Cache.open(Path(folder)), self.length, describe, self.gain_db, self.polarity, self.whole)


class PartedMixtures(TextedMixtures):
    """Sub-mixtures, each with a part of it and what is absent: what some of the sounds bring is learned, and which are there.

    Args:
        mixtures: the sub-mixtures, whose batch size, seed, validation and workers are this one's too.
    """

    def __init__(self, mixtures: SubMixtures) -> None:
        super().__init__(mixtures.batch_size, mixtures.seed, mixtures.valid_crops, mixtures.workers)
        self.mixtures = mixtures
        self.collate = with_parts

    def draws(self, split: str) -> Draw[Parted]:
        """Sub-mixtures of that split with their parts."""
        return Parts(self.mixtures.draws(split))


class TextedFolders(TextedMixtures):
    """Recordings with a text beside each: `data.texted`.

    Args:
        train, valid: folders.
        length: samples per crop at `rate` Hz.
        rate, channels: of the model.
    """

    def __init__(
        self,
        train: Path,
        valid: Path,
        length: int,
        rate: int,
        channels: int = 1,
        batch_size: int = 8,
        seed: int = 0,
        valid_crops: int = 64,
        workers: int = 0,
    ) -> None:
        super().__init__(batch_size, seed, valid_crops, workers)
        self.folders, self.length, self.rate, self.channels = {"train": train, "validation": valid}, length, rate, channels

    def draws(self, split: str) -> Draw[Texted]:
        """Windows of that folder's recordings."""
        return Windows(open_texted(self.folders[split]), self.length, self.rate, self.channels)


class Folders(TextedFolders):
    """Recordings of which nothing is said, for `sound_data`; arguments as those of `TextedFolders`."""

    def draws(self, split: str) -> Draw[Texted]:
        """Windows of that folder's recordings; their texts are empty."""
        return Windows(open_sounds(self.folders[split]), self.length, self.rate, self.channels)


class Jamendo(TextedMixtures):
    """MTG-Jamendo with its tags, split as in 2403.11706: `data.jamendo`.

    Args:
        folder: where its tar files are.
        table: its table of tracks and tags.
        length: samples per crop at `rate` Hz.
        rate, channels: of the model.
    """

    def __init__(
        self,
        folder: Path,
        table: Path,
        length: int,
        rate: int,
        channels: int = 1,
        batch_size: int = 8,
        seed: int = 0,
        valid_crops: int = 64,
        workers: int = 0,
    ) -> None:
        super().__init__(batch_size, seed, valid_crops, workers)
        self.folder, self.table, self.length, self.rate, self.channels = folder, table, length, rate, channels

    def draws(self, split: str) -> Draw[Texted]:
        """Windows of that split's recordings."""
        return Windows(open_jamendo(self.folder, self.table, split), self.length, self.rate, self.channels)


def with_parts(drawn: Sequence[Parted]) -> tuple[Tensor, list[str], Tensor, list[str], list[str]]:
    """A batch of mixtures and their texts, one of parts and theirs, and what is absent."""
    mixtures = [(one.mixture, one.rate, one.text) for one in drawn]
    parts = [(one.part, one.rate, one.said) for one in drawn]
    return *together(mixtures), *together(parts), [one.absent for one in drawn]


def together(drawn: Sequence[Texted]) -> tuple[Tensor, list[str]]:
    """A batch: (batch, channels, samples), and the texts."""
    return torch.stack([audio for audio, _, _ in drawn]), [text for _, _, text in drawn]
