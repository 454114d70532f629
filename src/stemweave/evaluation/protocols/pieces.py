"""Separation over a grid of settings: every setting hears the same songs, as its line-up plays them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from stemweave.data.tracks import Track
from stemweave.errors import DataError
from stemweave.evaluation.protocols.estimators import Estimator
from stemweave.evaluation.protocols.lineups import Lineup, everyone
from stemweave.evaluation.protocols.separation import Result, run
from stemweave.evaluation.reports.journal import Journal
from stemweave.evaluation.reports.report import plain


@dataclass(frozen=True)
class Setting:
    """A point of the grid: its name, what separates there, and which stems play."""

    name: str
    estimator: Estimator
    lineup: Lineup = everyone


@dataclass(frozen=True)
class Piece:
    """One song in one setting, as its line-up plays it: a piece of work."""

    setting: Setting
    track: Track

    @property
    def key(self) -> str:
        """Of its record in the journal."""
        return f"{self.setting.name} | {self.track.id}"


def pieces(tracks: Sequence[Track], settings: Sequence[Setting]) -> list[Piece]:
    """Every song in every setting whose line-up it has, song by song, so that a grid which is stopped has whole songs.

    Raises :class:`DataError` for a setting without songs.
    """
    made = [Piece(setting, heard) for track in tracks for setting in settings if (heard := setting.lineup(track)) is not None]
    used = {piece.setting.name for piece in made}
    for setting in settings:
        if setting.name not in used:
            raise DataError(f"none of {len(tracks)} songs has two stems of {setting.name!r}: leave it out, or give other songs")
    return made


def measure(work: Sequence[Piece], names: Sequence[str], seeds: Sequence[int], journal: Journal) -> Iterator[str]:
    """Separate each piece unless the journal has it; gives its key when it is done. Raises as `separation.run` does."""
    for piece in work:
        if piece.key not in journal:
            (results,) = run([piece.track], names, [_finite(piece.setting.estimator)], seeds, msdm=False)
            journal.add(piece.key, {result.row: _record(result) for result in results})
        yield piece.key


def _finite(estimator: Estimator) -> Estimator:
    """With silence where an estimate is not finite, since explicit steps can diverge: SI-SDR is then at its floor."""

    def estimate(references: Tensor, rate: int, seed: int) -> Mapping[str, Tensor]:
        made = estimator(references, rate, seed)
        return {row: audio.nan_to_num(0.0, 0.0, 0.0) for row, audio in made.items()}

    return estimate


def _record(result: Result) -> dict[str, Any]:
    """SI-SDRi of each stem in dB, s of music, s of work; of several seeds also the standard deviation between them, dB."""
    means = result.means.nanmean(0).tolist()
    record = {"si_sdri": [plain(value) for value in means], "seconds": result.seconds, "took": result.took}
    several = len(result.means) > 1
    return record | ({"seed_std": plain(float(result.means.nanmean(1).std()))} if several else {})
