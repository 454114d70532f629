"""How often the stems of bands are silent, or only noise, beside real songs."""

from collections.abc import Callable, Sequence

import torch

from stemweave.evaluation.measures.rates import flatness, noise_rates, noise_threshold, silence, silent_rates
from stemweave.evaluation.protocols.cells import ENOUGH, cells
from stemweave.evaluation.protocols.excerpts import Excerpt
from stemweave.evaluation.reports.tables import Row, Table


def rates(made: Sequence[Excerpt], real: Sequence[Excerpt], seed: int) -> Table:
    """Windows in which a stem is silent, or only noise: noisier than 99 % of the same stem's windows in real songs."""
    threshold = noise_threshold([flatness(one.stems.audio, one.stems.rate) for one in real])
    rows = []
    for kind, excerpts in (("generated", made), ("real", real)):
        quiet = silent_rates(_by_song(excerpts, silence), seed)
        noisy = noise_rates(_by_song(excerpts, flatness), threshold, seed)
        rows += [Row(f"{kind}, silent", cells(quiet)), Row(f"{kind}, noise", cells(noisy))]
    note = "Shares of windows of 4 s; silent: RMS under -60 dBFS; noise: flatter spectra than 99 % of real windows have."
    return Table("Silent and noisy stems", (*real[0].stems, "mean"), tuple(rows), note, digits=3, least_n=ENOUGH)


def _by_song(excerpts: Sequence[Excerpt], measure: Callable[[torch.Tensor, int], torch.Tensor]) -> list[torch.Tensor]:
    by_song: dict[str, list[torch.Tensor]] = {}
    for one in excerpts:
        by_song.setdefault(one.song, []).append(measure(one.stems.audio, one.stems.rate))
    return [torch.cat(parts) for parts in by_song.values()]
