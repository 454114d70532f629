"""The recipes of 2302.02257 at its scale, read as the command line reads them, without memory."""

from pathlib import Path

import pytest
import torch

from stemweave.adapters.msdm import ISDM, MSDM
from stemweave.training.run import StemCLI

RECIPES = Path(__file__).parents[2] / "recipes"

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize(("name", "published"), [("msdm-slakh2100", MSDM), ("isdm-slakh2100", ISDM)])
def test_the_papers_recipes_are_the_published_models(name, published, tmp_path, monkeypatch):
    """Also in what a recipe leaves out, which the command line fills in."""
    monkeypatch.chdir(tmp_path)
    with torch.device("meta"):
        config = StemCLI(["--config", str(RECIPES / f"{name}.yaml")], run=False).model.model.config
    assert (config.stems, config.joint, config.rate, config.net) == (
        published.stems, published.joint, published.rate, published.net,
    )  # fmt: skip
    used = ("generate", "accompany", "conditioning", "likelihood", "anchor", "dirac", "gaussian", "even", "posterior_mean")
    for ours, theirs in ((config.settings, published.settings), (config.best, published.best)):
        assert {job: getattr(ours, job) for job in used} == {job: getattr(theirs, job) for job in used}
