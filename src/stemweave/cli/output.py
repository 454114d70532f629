"""Where results go: OUTPUT/<model>/<track>/ with one file per stem, the mix and a manifest, all at once or not at all."""

import dataclasses
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from stemweave.audio.files import staged
from stemweave.audio.formats import Encoding
from stemweave.audio.stemfiles import Delivery, writing, written
from stemweave.audio.stems import Stems
from stemweave.cli.manifest import MANIFEST, Facts, Job, Timing, describe
from stemweave.errors import OutputError, UsageError


@dataclass(frozen=True)
class Shelf:
    """Where a run's results go, ``root``/<track>/, and how they are handed over."""

    root: Path
    delivery: Delivery
    skip_existing: bool = False

    def wants(self, track: Path) -> bool:
        """Whether to make this track. Raises OutputError when it is there and may be neither replaced nor left out."""
        folder = self.root / track
        if not folder.exists() or self.delivery.overwrite:
            return True
        if self.skip_existing:
            return False
        raise OutputError(f"{folder} exists already: use --overwrite, --skip-existing or another --output")


def shelf(root: Path, encoding: Encoding, *, rate: int | None, overwrite: bool, skip_existing: bool) -> Shelf:
    """The place of a model's results. Raises UsageError for a rate or a pair of switches that cannot be."""
    if overwrite and skip_existing:
        raise UsageError("--overwrite and --skip-existing exclude each other: give one")
    if rate is not None and not 8000 <= rate <= 192_000:
        raise UsageError(f"--rate is {rate}, expected 8000 to 192000 Hz")
    return Shelf(root, Delivery(encoding, rate, overwrite=overwrite), skip_existing)


@dataclass(frozen=True)
class Piece:
    """What is to be written: names of the parts, rate (Hz), channels, length (samples), and successive blocks of sound.

    A block is (parts, channels, samples) and the mix, or None where that is the parts' sum.
    """

    names: tuple[str, ...]
    rate: int
    channels: int
    frames: int
    blocks: Iterable[tuple[Tensor, Tensor | None]]


def piece_of(stems: Stems, wanted: tuple[str, ...]) -> Piece:
    """The wanted ones of some stems, in one block."""
    kept = Stems(wanted, stems.audio[[stems.names.index(name) for name in wanted]], stems.rate)
    return Piece(wanted, stems.rate, kept.audio.shape[1], kept.audio.shape[2], [(kept.audio, None)])


def deliver(place: Shelf, track: Path, job: Job, began: float, make: Callable[[], Piece]) -> Facts:
    """Make a piece and write it to ``place``; what its manifest says. Nothing is left behind when it fails.

    ``began`` is the `time.perf_counter` of when the work on it did, from which it is timed.
    """
    folder = place.root / track
    delivery = dataclasses.replace(place.delivery, comment=f"{job.studio.config.name}, seed {job.seed}")
    with staged(folder) as stage:
        piece = make()
        with writing(stage, piece.names, piece.rate, piece.channels, delivery, piece.frames) as sink:
            for parts, mix in piece.blocks:
                sink.write(parts, mix)
        timing = Timing(time.perf_counter() - began, piece.frames / piece.rate)
        facts = describe(job, folder, written(sink, stage, delivery.encoding), timing)
        (stage / MANIFEST).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        _retire(folder, stage)
    return facts


def _retire(folder: Path, stage: Path) -> None:
    """Remove what an earlier run put into ``folder`` and this one does not replace; other files stay."""
    try:
        old = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"].values()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return
    for name in old:
        if isinstance(name, str) and name == Path(name).name and not (stage / name).exists():
            (folder / name).unlink(missing_ok=True)
