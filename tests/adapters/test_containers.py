"""Published files are read without being executed; whatever else comes is refused in one line that says what it is."""

import hashlib
import os
import tarfile
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from stemweave.adapters.containers import generator, lightning, work
from stemweave.adapters.names import expected, ours, unet1d
from stemweave.errors import ModelError

PLACES = ("model.unet.", "model.diffusion.net.")
TWICE = {place + name: torch.arange(3.0) for place in PLACES for name in ("a", "b")}


@pytest.fixture(name="file")
def make_file(publish, tmp_path):
    path = tmp_path / "epoch=3.ckpt"
    publish(path)
    return path


def refusal(path, read=lightning):
    """What is said, in one line, where a file is refused."""
    with pytest.raises(ModelError) as caught:
        read(path)
    told = str(caught.value)
    assert "\n" not in told
    assert str(path) in told
    return told


def test_a_lightning_file_is_read_whole(publish, tmp_path):
    net = publish(tmp_path / "x.ckpt")
    read = lightning(tmp_path / "x.ckpt")
    state = ours(net, unet1d, read.tensors, "x")
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    assert read.tensors.keys() == expected(net, unet1d).keys()
    assert (read.steps, read.made_with["multipliers"]) == (40, [1, 2])
    law = read.made_with["diffusion_sigma_distribution"]
    assert (type(law).__module__, law.mean, law.std) == ("audio_diffusion_pytorch.diffusion", -3.0, 1.0)


def test_the_digest_and_the_progress_are_the_files(file):
    seen = []
    read = lightning(file, seen.append)
    assert read.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert 0.9 * work(file) < sum(seen) <= work(file)


def test_files_without_settings_or_in_half_precision_are_read(tmp_path):
    path = tmp_path / "x.ckpt"
    torch.save({"state_dict": {name: value.half() for name, value in TWICE.items()}}, path)
    read = lightning(path)
    assert (read.made_with, read.steps) == ({}, 0)
    assert {value.dtype for value in read.tensors.values()} == {torch.float32}


def test_a_codecs_file(tmp_path):
    path = tmp_path / "sourcevae_ckpt"
    torch.save({"generator": {"encoder.block.0.bias": torch.ones(2)}}, path)
    assert generator(path).tensors["encoder.block.0.bias"].tolist() == [1, 1]
    assert "holds no 'state_dict'; found generator" in refusal(path)


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("place", ["hyper_parameters", "callbacks", "state_dict"])
def test_code_in_a_file_is_named_and_not_run(place, publish, tmp_path):
    marker, path = tmp_path / "owned", tmp_path / "x.ckpt"
    publish(path, **{place: Evil(marker)})
    told = refusal(path)
    assert f"asks for {os.system.__module__}.system" in told
    assert "was not executed" in told
    assert not marker.exists()
    torch.load(path, weights_only=False)
    assert marker.exists()


def test_code_in_a_newer_pickle_is_not_run(publish, tmp_path):
    marker, path = tmp_path / "owned", tmp_path / "x.ckpt"
    torch.save({"state_dict": TWICE, "x": Evil(marker)}, path, pickle_protocol=4)
    assert "nothing in it was executed" in refusal(path)
    assert not marker.exists()


def test_a_foreign_class_is_named(tmp_path):
    path = tmp_path / "x.ckpt"
    torch.save({"state_dict": TWICE, "who": Path("here")}, path)
    assert "asks for pathlib." in refusal(path)


@pytest.mark.parametrize("change", [b"X", b"}Q", b"K\x01Q", b"", b"\x80\x02cos\nsystem"])
def test_a_broken_pickle_is_refused(change, file):
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part[:2] + change + part[2:60] if name.endswith("data.pkl") else part)
    assert "nothing in it was executed" in refusal(file)


def test_stand_ins_do_not_stay(file):
    before = set(torch.serialization.get_safe_globals())
    lightning(file)
    assert set(torch.serialization.get_safe_globals()) == before


def test_what_is_not_there(tmp_path):
    assert "does not exist" in refusal(tmp_path / "none.ckpt")
    assert "is a folder" in refusal(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    assert "does not exist" in refusal(tmp_path / "loop")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (bytes(600), "a file of zeros"),
        (b"RIFF\x10\0\0\0WAVE", "a WAV file"),
        (b"fLaC", "a FLAC file"),
        (b"<!DOCTYPE html>", "a web page"),
        (b"version https://git-lfs", "text"),
        (b"\x1f\x8b\x08", "a gzip archive"),
        (b"\x80\x02}q\x00.", "a bare pickle"),
        (b"\xff\xfe\xfd", "of an unknown kind"),
    ],
)
def test_other_files_are_called_what_they_are(content, message, tmp_path):
    path = tmp_path / "x.ckpt"
    path.write_bytes(content)
    told = refusal(path)
    assert message in told
    assert "expected a PyTorch checkpoint" in told


def test_other_archives_are_called_what_they_are(file, tmp_path):
    save_file({"a": torch.ones(2)}, tmp_path / "x.safetensors")
    assert "a safetensors file" in refusal(tmp_path / "x.safetensors")
    with tarfile.open(tmp_path / "msdm.tar", "w") as tar:
        tar.add(file, "x.ckpt")
    assert "a tar archive: unpack it first" in refusal(tmp_path / "msdm.tar")
    with zipfile.ZipFile(tmp_path / "msdm.zip", "w") as archive:
        archive.write(file, "x.ckpt")
    assert "without a PyTorch checkpoint" in refusal(tmp_path / "msdm.zip")
    with zipfile.ZipFile(tmp_path / "packed.zip", "w", zipfile.ZIP_DEFLATED) as archive, zipfile.ZipFile(file) as source:
        for name in source.namelist():
            archive.writestr(name, source.read(name))
    assert "is a compressed archive" in refusal(tmp_path / "packed.zip")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_file(share, file):
    whole = file.read_bytes()
    file.write_bytes(whole[: int(share * len(whole))])
    assert "damaged or cut short" in refusal(file)


def test_a_file_whose_end_or_middle_was_never_written(file):
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2))
    assert "damaged or cut short" in refusal(file)
    middle = len(whole) // 2
    file.write_bytes(whole[:middle] + bytes(64) + whole[middle + 64 :])
    assert "damaged or cut short (Bad CRC-32" in refusal(file)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "holds a list; expected a checkpoint's dictionary"),
        ({}, "holds no 'state_dict'; found nothing"),
        ({"epoch": 1, "optimizer": 2}, "holds no 'state_dict'; found epoch, optimizer"),
        ({"state_dict": {}}, "holds no 'state_dict'"),
        ({"state_dict": {"model.unet.a": 3}}, "expected model.unet.a to be a tensor of real numbers, found int"),
        ({"state_dict": {"model.unet.a": torch.ones(2, dtype=torch.long)}}, "expected model.unet.a to be a tensor of real"),
        (
            {"state_dict": TWICE | {"decoder.c": torch.ones(1)}},
            "1 tensors outside model.unet.* and model.diffusion.net.*, first",
        ),
        ({"state_dict": TWICE | {"model.unet.c": torch.ones(1)}}, "1 differ, first c; it is damaged"),
        ({"state_dict": TWICE | {"model.diffusion.net.c": torch.ones(1)}}, "1 differ, first c"),
        ({"state_dict": TWICE | {"model.unet.a": torch.zeros(3)}}, "hold each tensor twice"),
        ({"state_dict": TWICE | {"model.unet.a": torch.ones(1, 3)}}, "1 differ, first a"),
        ({"state_dict": TWICE | {"model.unet.b": torch.tensor([1.0, torch.nan])}}, "not finite, first in b"),
        ({"state_dict": TWICE | {"model.unet.b": torch.tensor([1.0, torch.inf])}}, "not finite, first in b"),
    ],
)
def test_other_checkpoints(content, message, tmp_path):
    path = tmp_path / "x.ckpt"
    torch.save(content, path)
    assert message in refusal(path)


def test_a_file_that_may_not_be_read(file, monkeypatch):
    def shut(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", shut)
    assert "could not read" in refusal(file)
