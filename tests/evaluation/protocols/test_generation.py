import pytest
import torch

from stemweave.audio.stems import Stems
from stemweave.data.tracks import Track
from stemweave.errors import DataError
from stemweave.evaluation.protocols.excerpts import Excerpt
from stemweave.evaluation.protocols.generation import tables


def excerpts(count, each=3):
    """So many songs, with several excerpts of each."""
    stems = Stems(("bass",), torch.ones(1, 1, 100), 100)
    return [Excerpt(Track(f"song{song}", {}, 100, 1, 900), part, 0.0, stems) for song in range(count) for part in range(each)]


@pytest.mark.parametrize(
    ("made", "real", "message"), [(7, 8, "7 generated songs"), (8, 7, "7 real songs"), (1, 0, "1 generated")]
)
def test_eight_songs_of_either_kind_are_needed_however_many_their_excerpts(made, real, message):
    with pytest.raises(DataError, match=f"{message}.*, expected at least 8: give more"):
        next(tables(excerpts(made), excerpts(real), [], [], 0.15, 0))
