"""``stemweave convert``: from published files to a model that sings, and every way in which that can go wrong."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from stemweave.adapters import msdm
from stemweave.cli.app import main
from stemweave.cli.convert import by_stem
from stemweave.errors import UsageError
from stemweave.model.checkpoint import load

STEMS = ("bass", "drums", "guitar", "piano")


@pytest.fixture(autouse=True)
def small_recipes(small_unet, monkeypatch):
    monkeypatch.setattr(msdm, "MSDM", replace(msdm.MSDM, net=small_unet, window=4096))
    monkeypatch.setattr(msdm, "ISDM", replace(msdm.ISDM, net=replace(small_unet, inputs=1), window=4096))


@pytest.fixture(name="file")
def make_file(publish, tmp_path):
    publish(tmp_path / "files" / "epoch=419-valid_loss=0.014.ckpt")
    return tmp_path / "files" / "epoch=419-valid_loss=0.014.ckpt"


@pytest.fixture(name="files")
def make_files(publish, tmp_path):
    paths = [tmp_path / "files" / f"{stem}.ckpt" for stem in STEMS]
    for seed, path in enumerate(paths):
        publish(path, inputs=1, seed=seed)
    return paths


@pytest.fixture(name="refused")
def make_refused(tmp_path, capsys):
    """Run `convert` where it must fail with status 2, in one line, and leave everything as it was; the line."""

    def call(*arguments):
        capsys.readouterr()
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
        assert main(["convert", *map(str, arguments)]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
        (told,) = [line for line in err.replace("\r", "\n").splitlines() if line.startswith("stemweave: ")]
        return told

    return call


def test_a_joint_model_and_a_song_through_it(file, song, tmp_path, capsys):
    folder = tmp_path / "models" / "sep"
    assert main(["convert", "msdm", str(file), "-o", str(folder)]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{folder}: bass, drums, guitar, piano at 22050 Hz, ")
    assert f"writing {folder}" in err
    assert load(folder).config.name == "sep"
    assert sorted(path.name for path in folder.parent.iterdir()) == ["sep"]
    assert main(["models", "info", str(folder), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert "converted from epoch=419-valid_loss=0.014.ckpt (sha256 " in facts["trained_on"]
    done = main(["separate", str(song), "-n", str(folder), "-o", str(tmp_path / "out"), "--steps", "1", "--resamples", "1"])
    assert done == 0
    assert (tmp_path / "out" / "sep" / "song" / "bass.wav").exists()


def test_one_stem_models_in_order_or_by_name(files, tmp_path):
    named = [f"{path.stem}={path}" for path in reversed(files)]
    assert main(["convert", "isdm", *map(str, files), "-o", str(tmp_path / "one")]) == 0
    assert main(["convert", "isdm", *named, "-o", str(tmp_path / "two")]) == 0
    one, two = load(tmp_path / "one").state_dict(), load(tmp_path / "two").state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["a", "b", "c"],
        ["a", "b", "c", "d", "e"],
        ["bass=a", "b", "c", "d"],
        ["bass=a", "bass=b", "guitar=c", "piano=d"],
        ["bass=a", "drums=b", "guitar=c"],
        ["bass=a", "drums=b", "guitar=c", "vocals=d"],
        ["bass=a", "drums=b", "guitar=c", "piano="],
    ],
)
def test_what_does_not_say_which_is_which(texts):
    with pytest.raises(UsageError, match="expected one file for each of bass, drums, guitar, piano"):
        by_stem(texts, STEMS)


def test_names_with_an_equals_sign_are_files(tmp_path, monkeypatch):
    texts = [f"epoch={number}.ckpt" for number in range(4)]
    assert by_stem(texts, STEMS) == [Path(text) for text in texts]
    monkeypatch.chdir(tmp_path)
    Path("bass=1.ckpt").touch()
    with pytest.raises(UsageError, match=r"bass=1\.ckpt may be a file of that name"):
        by_stem(["bass=1.ckpt", "drums=b", "guitar=c", "piano=d"], STEMS)
    assert by_stem(["./bass=1.ckpt", "b", "c", "d"], STEMS)[0] == Path("bass=1.ckpt")


def test_what_is_there_stays_unless_it_may_be_replaced(file, refused, tmp_path):
    place = tmp_path / "model"
    assert main(["convert", "msdm", str(file), "-o", str(place)]) == 0
    assert "exists already: use --overwrite" in refused("msdm", file, "-o", place)
    assert main(["convert", "msdm", str(file), "-o", str(place), "--overwrite"]) == 0
    (tmp_path / "songs").mkdir()
    (tmp_path / "songs" / "mine.wav").touch()
    assert "exists and is no model" in refused("msdm", file, "-o", tmp_path / "songs", "--overwrite")
    assert "is where epoch=419" in refused("msdm", file, "-o", file.parent, "--overwrite")


def test_a_file_that_cannot_be_used_leaves_nothing(file, files, refused, tmp_path):
    place = tmp_path / "model"
    assert "does not exist; expected a published checkpoint file" in refused("msdm", tmp_path / "none", "-o", place)
    assert "first in_channels: expected 1, found 4" in refused("isdm", file, *files[1:], "-o", place)
    assert "got a b; expected one file for each" in refused("isdm", "a", "b", "-o", place)
    file.write_bytes(file.read_bytes()[:-500])
    assert "is damaged or cut short" in refused("msdm", file, "-o", place)
    assert "Missing" in refused("msdm", file)
    assert "No such command 'other'" in refused("other", file, "-o", place)
