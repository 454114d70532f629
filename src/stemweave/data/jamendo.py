"""MTG-Jamendo with its tags as text: recordings read inside the tar files, nothing unpacked, nothing downloaded.

A folder holds ``raw_30s_audio-low-00.tar`` to ``-99.tar`` (or some of them) with members ``NN/<id>.low.mp3``; a table such as
``raw_30s_cleantags_50artists.tsv`` or ``autotagging.tsv`` has the columns TRACK_ID ARTIST_ID ALBUM_ID PATH DURATION and any
number of tags (``instrument---piano``). Metadata is CC BY-NC-SA 4.0; each recording has a licence of its own.
"""

import io
import re
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from types import MappingProxyType

import numpy as np
import soundfile
import torch
from torch import Tensor

from stemweave.audio.mpeg import LEAD
from stemweave.data.texted import Recording
from stemweave.errors import DataError

SPLITS: Mapping[str, range] = MappingProxyType({"train": range(98), "validation": range(98, 100)})
"""The tar files of each split as in 2403.11706: the first 98 and the last 2. Artists are in both."""
DROPOUT = 0.5
COLUMNS = ["TRACK_ID", "ARTIST_ID", "ALBUM_ID", "PATH", "DURATION"]
PLACE = re.compile(r"(\d\d)/(\d+)\.mp3$")
MEMBER = re.compile(r"(?:^|/)(\d+)(?:\.low)?\.mp3$")
SPACED: Mapping[str, str] = MappingProxyType(
    {
        name.replace(" ", ""): name
        for name in (
            *("acoustic bass guitar", "acoustic guitar", "classical guitar", "double bass", "drum machine", "electric guitar"),
            *("electric piano", "pipe organ", "acid jazz", "alternative rock", "classic rock", "deep house", "easy listening"),
            *("electro pop", "ethno rock", "folk rock", "hard rock", "heavy metal", "hip hop", "indie pop", "indie rock"),
            *("instrumental pop", "instrumental rock", "jazz funk", "jazz fusion", "new age", "new wave", "pop folk"),
            *("pop rock", "post rock", "punk rock", "singer songwriter", "synth pop", "trip hop", "world fusion"),
        )
    }
)
"""Tags of two words or more, which the table writes without spaces."""


@dataclass(frozen=True)
class Row:
    """One track of a table: its number, the tar file it is in, its tags as words."""

    id: int
    shard: int
    tags: tuple[str, ...]


def open_jamendo(
    folder: str | Path, table: str | Path, split: str = "train", dropout: float = DROPOUT
) -> tuple[Recording, ...]:
    """The tagged recordings of a split in the tar files that ``folder`` holds, for `stemweave.data.texted.Windows`.

    A description is the track's tags in random order with commas between, each left out with the probability
    ``dropout``, but never all. Tracks without tags, and tracks that the table does not list, are left out. A tar file is
    listed when a track of it is first opened, in each process for itself.

    Raises :class:`DataError` for an unknown split, a table that is missing or not as described, and where no tar file of
    the split holds a tagged track; opening a recording raises it for a tar file or a member that is damaged or missing.
    """
    if split not in SPLITS:
        raise DataError(f"MTG-Jamendo has no split {split!r}, it has {', '.join(SPLITS)}")
    tars = {shard: path for shard in SPLITS[split] if (path := Path(folder) / f"raw_30s_audio-low-{shard:02d}.tar").is_file()}
    if not tars:
        raise DataError(f"{folder} holds no raw_30s_audio-low-NN.tar of the split {split}; download it as its authors describe")
    rows = [row for row in read_table(table) if row.shard in tars and row.tags]
    if not rows:
        raise DataError(f"{table} has no tagged track of the {len(tars)} tar files in {folder}; give the whole set's table")
    return tuple(
        Recording(str(row.id), partial(member, tars[row.shard], row.id), partial(worded, row.tags, dropout)) for row in rows
    )


def read_table(path: str | Path) -> tuple[Row, ...]:
    """The rows of a table of tags; :class:`DataError` if it is missing or not as described."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}); give a table of tags such as autotagging.tsv") from error
    if not lines or lines[0].split("\t")[: len(COLUMNS)] != COLUMNS:
        raise DataError(f"{path} is not a table of MTG-Jamendo, expected the columns {' '.join(COLUMNS)} and tags")
    return tuple(_row(path, number, line) for number, line in enumerate(lines[1:], 2))


def _row(path: str | Path, number: int, line: str) -> Row:
    fields = line.split("\t")
    place = PLACE.match(fields[3]) if len(fields) >= len(COLUMNS) else None
    tags = [tag.partition("---") for tag in fields[len(COLUMNS) :] if tag]
    if not place or not all(kind and name for kind, _, name in tags):
        raise DataError(f"{path}, line {number}: expected NN/<id>.mp3 in the fourth column and tags kind---name from the sixth")
    return Row(int(place[2]), int(place[1]), tuple(SPACED.get(name, name) for _, _, name in tags))


def worded(tags: Sequence[str], dropout: float, rng: np.random.Generator) -> str:
    """Some of the ``tags`` in random order: each stays with the probability 1 - ``dropout``, and one always does."""
    order = rng.permutation(len(tags))
    kept = [tag for tag in order if rng.random() >= dropout]
    return ", ".join(tags[tag] for tag in kept or order[:1])


@contextmanager
def member(tar: Path, number: int) -> Iterator["Member"]:
    """Track ``number`` of a tar file, open for reading; :class:`DataError` if it is missing or damaged."""
    offset, size = contents(tar).get(number, (0, 0))
    if not size:
        raise DataError(f"{tar} has no track {number}.low.mp3, which the table lists; download the file again")
    with tar.open("rb") as file:
        file.seek(offset)
        content = file.read(size)
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as sound:
            yield Member(f"{tar}: {number}.low.mp3", sound)
    except soundfile.LibsndfileError as error:
        raise DataError(f"{tar}: {number}.low.mp3 is not sound or damaged; download the file again") from error


@cache
def contents(tar: Path) -> Mapping[int, tuple[int, int]]:
    """Where each track is in a tar file: number to (first byte, bytes); :class:`DataError` if it is no whole tar file."""
    try:
        with tarfile.open(tar, "r:") as file:
            entries = [(MEMBER.search(entry.name), entry) for entry in file if entry.isfile()]
    except (OSError, tarfile.TarError) as error:
        raise DataError(f"{tar} is damaged or not a tar file ({error}); download it again") from error
    return MappingProxyType({int(name[1]): (entry.offset_data, entry.size) for name, entry in entries if name})


class Member:
    """A compressed sound file in memory; ``rate`` in Hz, ``frames`` in samples as its header tells or guesses."""

    def __init__(self, name: str, file: soundfile.SoundFile) -> None:
        self.name, self._file = name, file
        self.rate: int = file.samplerate
        self.frames: int = file.frames

    def read(self, start: int = 0, stop: int | None = None) -> Tensor:
        """Samples ``start`` to ``stop``, (channels, stop - start); zeros past the end."""
        stop = self.frames if stop is None else stop
        first = min(max(start - LEAD, 0), self.frames)
        self._file.seek(first)
        frames = self._file.read(stop - first, dtype="float32", always_2d=True)[start - first :]
        if len(frames) == 0 or not np.isfinite(frames).all():
            raise DataError(f"{self.name} has no samples, or none that are finite, at {start / self.rate:.1f} s")
        return torch.nn.functional.pad(torch.from_numpy(frames.T.copy()), (0, stop - start - len(frames)))
