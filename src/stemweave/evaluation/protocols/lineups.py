"""Which stems of a song play: the others are left out of the mixture, and are then known to be silent."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from stemweave.data.tracks import Track

Lineup = Callable[[Track], Track | None]
"""A song as these stems alone play it; None where they cannot."""


def everyone(track: Track) -> Track:
    """The whole song."""
    return track


@dataclass(frozen=True)
class Some:
    """Only ``stems`` play; None for a song in which fewer than two of them have a file."""

    stems: tuple[str, ...]

    def __call__(self, track: Track) -> Track | None:
        """The song with every other stem that it knows silent."""
        kept = {name: files if name in self.stems else () for name, files in track.stems.items()}
        return replace(track, stems=kept) if sum(map(bool, kept.values())) >= 2 else None
