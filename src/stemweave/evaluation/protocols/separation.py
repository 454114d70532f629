"""Running separators over songs."""

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from stemweave.data.shards import Recipe, fingerprint
from stemweave.data.tracks import Track
from stemweave.evaluation.measures import separation
from stemweave.evaluation.measures.separation import Scores, lag, measure, msdm_chunks, msdm_scores, null_test
from stemweave.evaluation.protocols.estimators import Estimator
from stemweave.evaluation.protocols.wholesongs import WholeSong

LOUDER = -47.0
"""dBFS: the second threshold of activity for which the headline is repeated."""


@dataclass(frozen=True)
class Result:
    """One song and one row of the report, over all seeds; see `Scores`.

    ``seconds`` is the song's length, ``took`` what its estimator took for all its rows. ``text`` is what its corpus says of
    it in words.
    """

    song: str
    text: str
    row: str
    seconds: float
    took: float
    scores: Scores
    louder: Scores
    means: Tensor
    """Active SI-SDRi of each seed and stem, dB: (seeds, stems)."""
    null: float
    lag: int
    msdm: Tensor
    whole: Mapping[str, Tensor]
    """By metric, values of each seed and stem: (seeds, stems)."""


def run(
    tracks: Sequence[Track],
    names: Sequence[str],
    estimators: Sequence[Estimator],
    seeds: Sequence[int] = (0,),
    msdm: bool = True,
    whole: Sequence[WholeSong] = (),
) -> Iterator[list[Result]]:
    """The results of every song, song by song.

    With ``msdm``, songs are separated once more in chunks as 2302.02257 does, at 22 050 Hz, mono; ``whole`` scores each
    song as a whole. Raises :class:`DataError` for a song that does not say what each of the stems ``names`` is.
    """
    for track in tracks:
        track.require(names)
        yield [result for estimator in estimators for result in _song(track, names, estimator, seeds, msdm, whole)]


def _song(
    track: Track, names: Sequence[str], estimator: Estimator, seeds: Sequence[int], msdm: bool, whole: Sequence[WholeSong]
) -> list[Result]:
    references = track.read(names)
    chunked = track.read(names, separation.MSDM_RATE, 1) if msdm else references[..., :0]
    each: dict[str, list[Result]] = {}
    for seed in seeds:
        started = time.perf_counter()
        estimates = estimator(references, track.rate, seed)
        took = time.perf_counter() - started
        scores = _msdm(chunked, estimator, seed)
        for row, estimate in estimates.items():
            result = _scored(track, row, estimate, references, took)
            songwise = {k: v[None] for score in whole for k, v in score(estimate, references, track.rate).items()}
            each.setdefault(row, []).append(replace(result, msdm=scores.get(row, result.msdm), whole=songwise))
    return [_joined(results) for results in each.values()]


def _scored(track: Track, row: str, estimate: Tensor, references: Tensor, took: float) -> Result:
    mixture = references.sum(0)
    levels = measure(estimate, references, track.rate)
    scores, louder = separation.scores(levels), separation.scores(levels, LOUDER)
    means = scores.improvement.nanmean(0, keepdim=True)
    null, late = null_test(estimate, mixture), lag(estimate, mixture)
    nothing = torch.empty(0, len(references))
    return Result(track.id, track.text, row, track.seconds, took, scores, louder, means, null, late, nothing, {})


def _msdm(stems: Tensor, estimator: Estimator, seed: int) -> dict[str, Tensor]:
    """Windows and stems as 2302.02257 scores them, by row. Shape: (stems, 1, samples) at 22 050 Hz."""
    chunks = [stems[..., cut] for cut in msdm_chunks(stems.shape[-1])]
    parts = [estimator(chunk, separation.MSDM_RATE, seed) for chunk in chunks]
    truth = torch.cat([chunk[:, 0] for chunk in chunks], -1) if chunks else stems[:, 0, :0]
    rows = parts[0] if parts else {}
    return {row: msdm_scores(torch.cat([part[row][:, 0] for part in parts], -1), truth) for row in rows}


def _joined(results: Sequence[Result]) -> Result:
    """One result of several seeds: windows of all, so that means are means over seeds too; the worst null test."""

    def cat(*parts: Tensor) -> Tensor:
        return torch.cat(parts)

    def scores(parts: Sequence[Scores]) -> Scores:
        return Scores(*(cat(*columns) for columns in zip(*(vars(part).values() for part in parts), strict=True)))

    return replace(
        results[0],
        took=sum(result.took for result in results) / len(results),
        scores=scores([result.scores for result in results]),
        louder=scores([result.louder for result in results]),
        means=cat(*(result.means for result in results)),
        null=max(result.null for result in results),
        lag=max((result.lag for result in results), key=abs),
        msdm=cat(*(result.msdm for result in results)),
        whole={metric: cat(*(result.whole[metric] for result in results)) for metric in results[0].whole},
    )


def corpus_hash(tracks: Sequence[Track], names: Sequence[str]) -> Iterator[str]:
    """SHA-256 of the songs so far, as each is added: over ids and contents of the stems' files, in order."""
    digest = hashlib.sha256()
    for track in tracks:
        digest.update(fingerprint(track, Recipe(tuple(names), track.rate, track.channels)).encode())
        yield digest.hexdigest()
