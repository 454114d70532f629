"""Results of separations as records of a journal, and back, so that a run that was stopped goes on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from stemweave.data.tracks import Track
from stemweave.evaluation.measures.separation import Scores
from stemweave.evaluation.protocols.separation import Result
from stemweave.evaluation.reports.journal import Journal, Record


def resumed(
    tracks: Sequence[Track], measure: Callable[[Sequence[Track]], Iterator[list[Result]]], journal: Journal
) -> Iterator[list[Result]]:
    """Of each song what the journal has, or else what is measured now, which joins it."""
    for track in tracks:
        if track.id not in journal:
            (results,) = measure([track])
            journal.add(track.id, written(results))
        yield read(journal[track.id])


def written(results: list[Result]) -> Record:
    """Of one song, all its rows."""
    return {"rows": [_plain(asdict(result)) for result in results]}


def read(record: Record) -> list[Result]:
    """The same results, to the last bit."""
    rows = (_back(row) for row in record["rows"])
    return [Result(**{**row, "scores": Scores(**row["scores"]), "louder": Scores(**row["louder"])}) for row in rows]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, Tensor):
        return {
            "tensor": str(value.dtype).removeprefix("torch."),
            "shape": list(value.shape),
            "values": value.flatten().tolist(),
        }
    return value


def _back(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if "tensor" in value:
        return torch.tensor(value["values"], dtype=getattr(torch, value["tensor"])).view(value["shape"])
    return {key: _back(inner) for key, inner in value.items()}
