"""Several ways to evaluate one network on one input, timed in turns and held against the first."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from bench import machine
from stemweave.diffusion.denoiser import Denoiser
from stemweave.evaluation.reports.tables import Cell, Row, Table
from stemweave.model.precision import matmul_rate

COLUMNS = ("time, s", "× as fast", "worst relative error of D", "share of the matrix rate")
SKIPPED = Cell(None, status="skipped")


@dataclass(frozen=True)
class Way:
    """A denoiser under its name, whose products run in ``dtype``; or why it cannot run here."""

    name: str
    denoise: Denoiser | None
    dtype: torch.dtype = torch.float32
    why_not: str = ""


@dataclass(frozen=True)
class Contest:
    """Ways to do the same on ``clean`` stems (batch, stems, channels, samples); errors are the worst over ``sigmas``."""

    title: str
    note: str
    ways: Sequence[Way]
    clean: Tensor
    sigmas: tuple[float, ...]


@dataclass(frozen=True)
class Finding:
    """Of one way: seconds of one evaluation, and the worst ‖D − D₁‖/‖D₁‖, D₁ being the first way's; or what went wrong."""

    seconds: float = 0.0
    error: float = 0.0
    failed: str = ""


def contest(what: Contest, repeats: int) -> Table:
    """A row for each way: the median of so many evaluations, taken in turns, beside matrix products in the same run.

    A way that cannot run here, or fails, says why.
    """
    device = what.clean.device
    present = {way.name: way.denoise for way in what.ways if way.denoise is not None}
    with torch.no_grad():
        flops = _flops(next(iter(present.values())), what)
        found = _measured(present, what, repeats)
    rates = {way.dtype: matmul_rate(device, way.dtype) for way in what.ways if way.name in present}
    base = next(iter(found.values())).seconds
    rows = tuple(_row(way, found.get(way.name), base, flops / rates.get(way.dtype, 1.0)) for way in what.ways)
    told = ", ".join(f"{rate:.0f} GFLOP/s in {str(dtype).removeprefix('torch.')}" for dtype, rate in rates.items())
    note = (
        f"{what.note} {flops:.1f} GFLOP; the machine's matrix products in the same run: {told}. Median of {repeats}, in turns."
    )
    return Table(what.title, COLUMNS, rows, note, digits=3)


def _measured(present: dict[str, Denoiser], what: Contest, repeats: int) -> dict[str, Finding]:
    device, found = what.clean.device, dict[str, Finding]()
    answers = _answers(next(iter(present.values())), what)
    for name, denoise in present.items():
        try:
            error = max(_apart(own, other) for own, other in zip(_answers(denoise, what), answers, strict=True))
            found[name] = Finding(error=error)
        except RuntimeError as failed:
            found[name] = Finding(failed=str(failed).strip().splitlines()[0])
    running = {name: denoise for name, denoise in present.items() if not found[name].failed}
    took: dict[str, list[float]] = {name: [] for name in running}
    x, sigma = _noised(what, what.sigmas[1])
    for _ in range(repeats):
        for name, denoise in running.items():
            took[name].append(machine.seconds(partial(denoise, x, sigma), device))
    return found | {name: Finding(median(times), found[name].error) for name, times in took.items()}


def _answers(denoise: Denoiser, what: Contest) -> list[Tensor]:
    """At each noise level; on the processor, so that a compiled network may write over its own."""
    return [denoise(*_noised(what, sigma)).float().cpu() for sigma in what.sigmas]


def _noised(what: Contest, sigma: float) -> tuple[Tensor, Tensor]:
    noise = torch.randn(what.clean.shape, generator=torch.Generator().manual_seed(0)).to(what.clean.device)
    return what.clean + sigma * noise, torch.tensor(sigma, dtype=torch.float64)


def _apart(own: Tensor, other: Tensor) -> float:
    return float((own - other).norm() / other.norm())


def _flops(denoise: Denoiser, what: Contest) -> float:
    """10^9 floating-point operations of one evaluation, as PyTorch counts them."""
    with FlopCounterMode(display=False) as counter:
        denoise(*_noised(what, what.sigmas[0]))
    return float(counter.get_total_flops()) / 1e9


def _row(way: Way, found: Finding | None, base: float, at_rate: float) -> Row:
    if found is None:
        return Row(way.name, (Cell(way.why_not), SKIPPED, SKIPPED, SKIPPED))
    if found.failed:
        return Row(way.name, (Cell(found.failed, status="failed"), SKIPPED, SKIPPED, SKIPPED))
    fraction = at_rate / found.seconds
    return Row(way.name, (Cell(found.seconds), Cell(base / found.seconds), Cell(f"{found.error:.1e}"), Cell(fraction)))
