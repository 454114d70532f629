"""``stemweave evaluate``: figures of a model, as tables on stdout and as one JSON per run."""

import typer

from stemweave.cli import pages
from stemweave.cli.ablation import ablation
from stemweave.cli.accompaniment import accompaniment
from stemweave.cli.codec import codec
from stemweave.cli.compare import compare
from stemweave.cli.context import context
from stemweave.cli.drift import drift
from stemweave.cli.efficiency import efficiency
from stemweave.cli.extraction import extraction
from stemweave.cli.generation import generation
from stemweave.cli.grid import grid
from stemweave.cli.separation import separation
from stemweave.cli.sources import sources

app = typer.Typer(help="Measure a model.", no_args_is_help=True)
for command in (
    separation, compare, context, generation, sources, accompaniment, codec, grid, ablation, extraction, efficiency,
    drift, pages.report, pages.listen, pages.ratings,
):  # fmt: skip
    app.command()(command)


@app.callback()
def evaluate() -> None:
    """Measure a model."""
