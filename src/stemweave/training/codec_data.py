"""Single stems for training and validating codecs, as a LightningDataModule."""

from pathlib import Path

from stemweave.data.shards import Cache
from stemweave.data.singles import Singles
from stemweave.training.draws import Draws


class SingleStems(Draws):
    """Random crops of single stems that sound of `train`, fixed ones of `valid`: folders of `stemweave preprocess audio`.

    Batches are (batch, channels, length). What counts as sounding, and how the published codec's data differ: `data.singles`.

    Args:
        train, valid: cache folders.
        stems: whose sounds; none: every stem's, each equally often. For a VAE of one instrument, its name alone.
        length: samples per crop.
        gain_db: standard deviation of a random gain in training, dB.
        polarity: flip crops at random in training.
        batch_size, seed, valid_crops, workers: as in `Draws`.
    """

    def __init__(
        self,
        train: Path,
        valid: Path,
        stems: tuple[str, ...] = (),
        length: int = 22050,
        gain_db: float = 0.0,
        polarity: bool = False,
        batch_size: int = 16,
        seed: int = 0,
        valid_crops: int = 64,
        workers: int = 0,
    ) -> None:
        super().__init__(batch_size, seed, valid_crops, workers)
        self.folders = {"train": Path(train), "validation": Path(valid)}
        self.changes = {"train": (gain_db, polarity), "validation": (0.0, False)}
        self.stems, self.length = stems, length

    def draws(self, split: str) -> Singles:
        """Stems of that split."""
        return Singles(Cache.open(self.folders[split]), self.length, self.stems, *self.changes[split])
