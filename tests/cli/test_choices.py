import sys
from types import ModuleType

import numpy as np
import pytest
import torch

from stemweave.audio.stems import Stems
from stemweave.cli.choices import EMBEDDINGS, LIKENESSES, available, timings
from stemweave.data.tracks import Track
from stemweave.errors import UsageError
from stemweave.evaluation.embeddings.embedding import Levelled
from stemweave.evaluation.embeddings.logmel import LogMelPicture
from stemweave.evaluation.protocols.excerpts import Excerpt

TRACK = Track("song", {}, 22050, 1, 22050)


def install(monkeypatch, name, **contents):
    """A package with one module in it, as if installed."""
    module = ModuleType(name)
    vars(module).update(contents)
    monkeypatch.setitem(sys.modules, name.partition(".")[0], ModuleType(name.partition(".")[0]))
    monkeypatch.setitem(sys.modules, name, module)


def test_what_can_be_had_comes_in_order_and_the_rest_is_told(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "librosa", None)
    monkeypatch.setitem(sys.modules, "beat_this", None)
    words = ["composer", "librosa", f"beat-this:{tmp_path / 'final0.ckpt'}", "pulse"]
    found, skipped = available(timings(0.1), words, "--beats")
    assert [one.name for one in found] == ["composer", "pulse (Ellis 2007, ours)"]
    assert found[0].width == 0.1
    assert list(skipped) == ["librosa", "beat-this"]
    assert all("stemweave[beats]" in reason for reason in skipped.values())
    assert "skipped librosa: this tracker needs librosa" in capsys.readouterr().err


def test_a_tracker_that_lacks_its_weights_is_skipped_before_any_work(monkeypatch, tmp_path):
    install(monkeypatch, "beat_this.inference", Audio2Beats=lambda **_: lambda signal, rate: (np.arange(2.0), None))
    checkpoint = tmp_path / "final0.ckpt"
    _, skipped = available(timings(0.1), [f"beat-this:{checkpoint}"], "--beats")
    assert "is not a file" in skipped["beat-this"]
    checkpoint.touch()
    (found,), _ = available(timings(0.1), [f"beat-this:{checkpoint}"], "--beats")
    assert found.name == "beat_this final0"
    song = Excerpt(TRACK, 0, 0.0, Stems(("drums",), torch.ones(1, 1, 22050), 22050))
    assert found(song)["drums"].tolist() == [0.0, 1.0]


def test_embeddings_are_of_the_windows_that_each_question_needs():
    (plain, levelled), _ = available(EMBEDDINGS, ["log-mel", "log-mel-levelled"], "--embedding")
    assert isinstance(levelled, Levelled)
    assert plain == levelled.embedding
    (levelled,), skipped = available(
        EMBEDDINGS, ["clap-levelled:nowhere", "vggish-levelled:none", "log-mel-levelled"], "--embedding"
    )
    assert levelled.name == "log-mel statistics at -23 LUFS"
    assert set(skipped) == {"clap-levelled", "vggish-levelled"}
    (picture,), _ = available(LIKENESSES, ["log-mel"], "--likeness")
    assert picture == LogMelPicture(4.0, 1.0)
    with pytest.raises(UsageError, match="--likeness is 'vggish', expected one of log-mel, clap"):
        available(LIKENESSES, ["vggish:file"], "--likeness")
