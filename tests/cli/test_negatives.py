"""Negative prompts of all stems at once: none, and as the paper has them."""

import pytest

from stemweave.cli.options import Quality
from stemweave.cli.prompts import Asked, against, none
from stemweave.errors import ModelError, UsageError
from stemweave.model.checkpoint import save
from stemweave.tasks.presets import AGAINST


@pytest.fixture
def folder(text_model, tmp_path):
    save(text_model, tmp_path / "texted")
    return str(tmp_path / "texted")


def test_negatives_of_all_stems_have_a_name(folder):
    for name, expected in (("paper", AGAINST), ("none", ())):
        studio = Asked.of(["bass"], [name], None).studio(folder, Quality.DEFAULT, "cpu")
        assert studio.model.config.text.generate.negatives == expected
        assert studio.stems == ("bass",)
    published = Asked.of(None, None, None).studio(folder, Quality.PAPER, "cpu")
    assert published.model.config.text.generate.negatives == AGAINST
    bare = Asked.of(None, ["none"], None).studio(folder, Quality.PAPER, "cpu")
    assert bare.model.config.text.generate.negatives == ()
    assert bare.config.settings.generate.steps == 600


def test_a_model_that_is_not_told_in_words_has_no_negatives(studio):
    assert not Asked.of(None, ["own"], None)
    assert Asked.of(None, ["none"], None)
    with pytest.raises(ModelError, match="tiny is not told in words"):
        against(studio, none)


def test_a_name_among_negatives_of_stems_is_none(folder):
    with pytest.raises(UsageError, match="--negative is 'none', expected NAME=TEXT"):
        Asked.of(["bass=bass"], ["none", "bass=drums"], None).studio(folder, Quality.DEFAULT, "cpu")
